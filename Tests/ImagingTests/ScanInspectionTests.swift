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
          "formats" : [
            "generic"
          ],
          "notes" : [

          ],
          "pages" : [
            {
              "bits" : 8,
              "channels" : 1,
              "compression" : "none",
              "height" : 1,
              "layout" : "strips of 1 row",
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
              "layout" : "strips of 1 row",
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

  /// One strip larger than is decoded at once, whose rows can only be had in order.
  @Test func `a page is decoded a few rows at a time, each row once and in its place`() throws {
    let (width, height) = (4096, 4000)
    let page = TIFFBytes.Page(
      width: width, height: height,
      [UInt8](unsafeUninitializedCapacity: width * height) { buffer, count in
        count = width * height
        for i in 0..<count { buffer[i] = UInt8(truncatingIfNeeded: i / width + i % width * 3) }
      })
    let folder = try TemporaryFolder()
    let file = try TIFFFile(path: folder.write(TIFFBytes(page)))
    let bands = try file.bands(ofPage: 1)
    #expect(bands.count > 1 && bands.first?.lowerBound == 0 && bands.last?.upperBound == height)
    // Back to the start and out of order, too.
    for band in bands + [bands[0], bands[1], bands[0]] {
      let image = try file.region(page: 1, x: 5, y: band.lowerBound, width: 3, height: band.count)
      for row in [0, band.count / 2, band.count - 1] {
        let expected = (5..<8).map { Float(UInt8(truncatingIfNeeded: band.lowerBound + row + $0 * 3)) }
        #expect((0..<3).map { image[$0, row] } == expected)
      }
    }
    let mean = ScanInspection(of: file).pages[0].statistics[0].mean
    let expected = page.chunks[0].reduce(0) { $0 + Int($1) }
    #expect(abs(mean! - Double(expected) / Double(width * height)) < 1e-6)
  }

  @Test func `the largest numbers there are have a mean`() throws {
    let folder = try TemporaryFolder()
    let values = [Float](repeating: -.greatestFiniteMagnitude, count: 64 * 64)
    try TIFFWriter.write(
      Image(width: 64, height: 64, channels: 1, samples: values), as: .float32, to: folder.path + "/a.tif")
    let inspection = ScanInspection(of: try TIFFFile(path: folder.path + "/a.tif"))
    #expect(inspection.pages[0].statistics[0].mean == Double(-Float.greatestFiniteMagnitude))
    #expect(try inspection.json().contains("mean"))
  }
}
