import Anomaly
import Files
import Imaging

/// One picture made of many small pictures in rows.
package struct PatchSheet: Sendable {
  package let width: Int
  package let height: Int
  /// 1 for gray, 3 for color.
  package let channels: Int
  package private(set) var samples: [UInt8]
  private let cell: (width: Int, height: Int)
  private static let gap = 2
  private static let background: UInt8 = 128

  /// - Parameters:
  ///   - rows: normalized patches of the same size, row by row; a shorter row is filled with the background.
  ///   - emphasis: weight of each channel in one gray picture; `nil` draws three channels in color.
  package init(rows: [[Image]], emphasis: [Float]?) {
    cell = (rows.first?.first?.width ?? 1, rows.first?.first?.height ?? 1)
    let columns = rows.map(\.count).max() ?? 1
    channels = emphasis == nil ? 3 : 1
    width = columns * (cell.width + Self.gap) - Self.gap
    height = rows.count * (cell.height + Self.gap) - Self.gap
    samples = [UInt8](repeating: Self.background, count: width * height * channels)
    for (row, patches) in rows.enumerated() {
      for (column, patch) in patches.enumerated() { draw(patch, row: row, column: column, emphasis) }
    }
  }

  package func write(to path: String) throws(NormaError) {
    try PNGWriter.write(samples, width: width, height: height, color: channels == 3 ? .rgb : .gray, to: path)
  }

  private mutating func draw(_ patch: Image, row: Int, column: Int, _ emphasis: [Float]?) {
    let (top, left) = (row * (cell.height + Self.gap), column * (cell.width + Self.gap))
    for y in 0..<cell.height {
      for x in 0..<cell.width {
        let from = (y * cell.width + x) * patch.channels
        let to = ((top + y) * width + left + x) * channels
        if let emphasis {
          samples[to] = UInt8(shown: patch.weightedSum(of: emphasis, atSample: from))
        } else {
          for c in 0..<3 { samples[to + c] = UInt8(shown: patch.samples[from + c]) }
        }
      }
    }
  }
}

extension Model {
  /// Weight of each channel in a gray picture; `nil` where scans are shown in color.
  package var pictureEmphasis: [Float]? {
    let channels = preparation.channels
    if channels == 3, book.rule.channelWeights == nil { return nil }
    return book.rule.emphasis(channels: channels)
  }
}
