import Files
import Foundation
import Imaging
import Testing

/// Where the shared data lies: beside the checkout, or where NORMA_DATA says.
enum SharedData {
  static let path =
    ProcessInfo.processInfo.environment["NORMA_DATA"]
    ?? URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../shared/data").standardized.path

  static func files(in folder: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)")) ?? []
    return names.sorted().map { "\(path)/\(folder)/\($0)" }
  }

  static var hasCorpus: Bool { !files(in: "tiff-corpus/files").isEmpty }
}

struct CorpusTests {
  @Test(.enabled(if: SharedData.hasCorpus, "skipped: no tiff-corpus in \(SharedData.path); set NORMA_DATA"))
  func `every file of the corpus decodes or says why not`() throws {
    let manifest = try String(contentsOfFile: SharedData.path + "/tiff-corpus/manifest.csv", encoding: .utf8)
    // Columns: file, bytes, md5, category, and more.
    var wellFormed: Set<String> = []
    for line in manifest.split(whereSeparator: \.isNewline) {
      let columns = line.split(separator: ",", maxSplits: 4)
      if columns[3] == "well-formed" { wellFormed.insert("\(SharedData.path)/tiff-corpus/\(columns[0])") }
    }
    var refused: [String] = []
    for path in SharedData.files(in: "tiff-corpus/files") {
      do throws(NormaError) {
        let file = try TIFFFile(path: path)
        for page in file.pages {
          let image = try file.image(page: page.number)
          #expect(image.channels == page.channels && image.width == page.width && image.height == page.height)
        }
      } catch {
        if wellFormed.contains(path) { refused.append(error.description) }
      }
    }
    #expect(wellFormed.count == 180)
    // Lossless JPEG (which libjpeg-turbo before version 3 does not know), a page without rows.
    let place = SharedData.path + "/tiff-corpus/files/"
    #expect(
      refused.map { $0.replacingOccurrences(of: place, with: "") } == [
        "TwelveMonkeys__imageio_imageio-tiff_src_test_resources_tiff_jpeg-lossless-16bit-gray.tif page 1:"
          + " tile 1 cannot be decoded: Unsupported JPEG process: SOF type 0xc3. Re-export it with LZW or Deflate.",
        "large_image__test_test_files_zero_gi.tif: the first page cannot be read: Cannot handle zero number of strips."
          + " Re-export it.",
      ])
  }
}
