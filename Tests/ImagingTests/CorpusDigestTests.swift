import Files
import Foundation
import Imaging
import Testing

/// What another decoder makes of the corpus, in `Fixtures/corpus-digests.csv`, written by `Peers/corpus_digests.py`.
struct CorpusDigestTests {
  private struct Row {
    let file: String
    let page: Int
    let shape: [Int]
    let isExact: Bool
    let tolerance: Double
    let value: String
  }

  private static func rows() throws -> [Row] {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures/corpus-digests.csv"
    return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").dropFirst().map { line in
      let fields = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      return Row(
        file: fields[0], page: Int(fields[1])!, shape: fields[2...4].map { Int($0)! }, isExact: fields[5] == "exact",
        tolerance: Double(fields[6])!, value: fields[7])
    }
  }

  @Test(.enabled(if: SharedData.hasCorpus, "skipped: no tiff-corpus in \(SharedData.path); set NORMA_DATA"))
  func `well-formed files have the samples that tifffile with imagecodecs finds`() throws {
    let rows = try Self.rows()
    var different: [String] = []
    var refused: Set<String> = []
    for row in rows where Self.disputed[row.file] == nil {
      do throws(NormaError) {
        let image = try TIFFFile(path: "\(SharedData.path)/tiff-corpus/files/\(row.file)").image(page: row.page)
        if let difference = Self.difference(image, row) {
          different.append("\(row.file) page \(row.page): \(difference)")
        }
      } catch {
        if error.kind != .unsupported { different.append("\(row.file) page \(row.page): \(error)") }
        refused.insert(row.file)
      }
    }
    #expect(rows.count == 220)
    // Lossless JPEG, which libjpeg-turbo before version 3 does not know.
    #expect(refused == ["TwelveMonkeys__imageio_imageio-tiff_src_test_resources_tiff_jpeg-lossless-16bit-gray.tif"])
    #expect(different == [], "\(different.joined(separator: "\n"))")
  }

  /// Files on which norma and the reference differ on purpose.
  private static let disputed = [
    "Pillow__Tests_images_separate_planar_extra_samples.tiff":
      "the second plane is left out, which is no data; the reference reads zeros",
    "libtiff.net__TestCase_tiger-rgb-tile-planar-24.tif":
      "24 bits in a little-endian file: the picture is smooth in that order, which libtiff reads; the reference reads big-endian",
    "test-data__raster_dataraster-int32.tif":
      "the file notes a value that means no data, which norma reads as such; the reference reads the value",
    "image-tiff__tests_images_seq_seq-1c-24b-miniswhite-072a9dc9.tiff":
      "24 bits in a little-endian file, written big-endian; nothing in it tells it from the one above",
  ]

  private static func difference(_ image: Image, _ row: Row) -> String? {
    guard [image.width, image.height, image.channels] == row.shape else {
      return "\([image.width, image.height, image.channels]) in place of \(row.shape)"
    }
    if row.isExact {
      let bits = image.samples.map { ($0.isNaN ? 0x7FC0_0000 : $0.bitPattern).littleEndian }
      return bits.withUnsafeBytes { Digest.of($0).hexadecimal } == row.value ? nil : "other samples"
    }
    let expected = row.value.split(separator: " ").map { Double($0) }
    for (found, expected) in zip(means(of: image), expected) {
      guard let found, let expected else { continue }
      if abs(found - expected) > row.tolerance { return "a mean of \(found) in place of \(expected)" }
    }
    return nil
  }

  /// Of each channel over the cells of a 4x4 grid; `nil` for empty cells.
  private static func means(of image: Image) -> [Double?] {
    (0..<image.channels).flatMap { c in
      (0..<16).map { cell in
        let (row, column) = (cell / 4, cell % 4)
        var (sum, count) = (0.0, 0)
        for y in image.height * row / 4..<image.height * (row + 1) / 4 {
          for x in image.width * column / 4..<image.width * (column + 1) / 4 {
            sum += Double(image[x, y, c])
            count += 1
          }
        }
        return count > 0 ? sum / Double(count) : nil
      }
    }
  }
}
