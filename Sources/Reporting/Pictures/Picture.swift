import Files
import Imaging

/// Pixels ready for a PNG file, with 8 bits per sample.
package struct Picture: Sendable, Equatable {
  package let width: Int
  package let height: Int
  package let color: PNGWriter.Color
  /// `[height, width, channels]`, row by row.
  package var samples: [UInt8]
  package var effort: PNGWriter.Effort

  package var channels: Int { color.channels }

  package init(
    width: Int, height: Int, color: PNGWriter.Color, samples: [UInt8], effort: PNGWriter.Effort = .least
  ) {
    precondition(
      samples.count == width * height * color.channels, "\(samples.count) samples for \(width)x\(height)x\(color)")
    self.width = width
    self.height = height
    self.color = color
    self.samples = samples
    self.effort = effort
  }

  /// Writes a PNG file without syncing it: `Report.finishCase` syncs all files of a case at once.
  func write(to path: String) throws(NormaError) {
    try PNGWriter.write(
      samples, width: width, height: height, color: color, effort: effort, to: path, isSynced: false)
  }

  /// The bytes of a PNG file.
  var data: [UInt8] { PNGWriter.encode(samples, width: width, height: height, color: color, effort: effort) }

  /// A smaller picture of the mean of every `factor` by `factor` block. Blocks at the right and lower border may be
  /// smaller.
  func reduced(by factor: Int) -> Picture {
    guard factor > 1 else { return self }
    if case .indexed = color { preconditionFailure("the mean of two places in a palette means nothing") }
    let columns = (width + factor - 1) / factor
    let rows = (height + factor - 1) / factor
    var result = [UInt8](repeating: 0, count: columns * rows * channels)
    for row in 0..<rows {
      for column in 0..<columns {
        let ys = row * factor..<min(height, (row + 1) * factor)
        let xs = column * factor..<min(width, (column + 1) * factor)
        for channel in 0..<channels {
          var sum = 0
          for y in ys { for x in xs { sum += Int(samples[(y * width + x) * channels + channel]) } }
          result[(row * columns + column) * channels + channel] = UInt8(sum / (ys.count * xs.count))
        }
      }
    }
    return Picture(width: columns, height: rows, color: color, samples: result, effort: effort)
  }
}
