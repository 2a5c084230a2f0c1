import Foundation
import Imaging
import Testing

struct ScanInspectionTests {
  @Test func `an inspection is JSON with snake case keys`() throws {
    let folder = try TemporaryFolder()
    var file = TIFFBytes(
      .init(width: 2, height: 1, [10, 30], tags: [282: [100], 283: [50], 296: [3]]),
      .init(width: 1, height: 1, [0], tags: [262: [32803]]))
    file.lastNext = .offset(99_999)
    let path = try folder.write(file)
    let json = try ScanInspection(of: TIFFFile(path: path)).json()
    #expect(
      json == """
        {
          "pages" : [
            {
              "bits" : 8,
              "channels" : 1,
              "compression" : "none",
              "height" : 1,
              "layout" : "strips of 1 rows",
              "missing_share" : 0,
              "number" : 1,
              "orientation" : "top left",
              "photometric" : "MinIsBlack",
              "pixel_size" : {
                "x" : 100,
                "y" : 200
              },
              "pixel_size_source" : "resolution tags",
              "role" : "image",
              "sample_format" : "unsigned integer",
              "statistics" : [
                {
                  "max" : 30,
                  "mean" : 20,
                  "min" : 10
                }
              ],
              "width" : 2
            },
            {
              "bits" : 8,
              "compression" : "none",
              "height" : 1,
              "layout" : "strips of 1 rows",
              "missing_share" : 0,
              "number" : 2,
              "orientation" : "top left",
              "photometric" : "CFA (raw sensor mosaic)",
              "problem" : "\(path) page 2: PhotometricInterpretation is CFA (raw sensor mosaic) with 1 samples of 8 bits; gray, palette, RGB, CMYK, YCbCr, CIE L*a*b* and LogLuv are supported. Re-export it.",
              "role" : "image",
              "sample_format" : "unsigned integer",
              "statistics" : [

              ],
              "width" : 1
            }
          ],
          "path" : "\(path)",
          "problem" : "\(path) page 3: the page's directory cannot be read: Can not read TIFF directory count. Re-export it."
        }
        """)
  }
}
