import Imaging

/// Pixels ready for a PNG file: 8 bits a sample, one (gray), three (RGB) or four (RGBA) samples a pixel.
package struct Picture: Sendable, Equatable {
  package let width: Int
  package let height: Int
  package let channels: Int
  /// `[height, width, channels]`, row by row.
  package var samples: [UInt8]

  package init(width: Int, height: Int, channels: Int, samples: [UInt8]) {
    precondition(
      samples.count == width * height * channels, "\(samples.count) samples for \(width)x\(height)x\(channels)")
    self.width = width
    self.height = height
    self.channels = channels
    self.samples = samples
  }

  /// Not synced: `Report.finishCase` does that for all files of a case at once.
  func write(to path: String) throws(ImagingError) {
    let color: PNGWriter.Color = channels == 1 ? .gray : channels == 3 ? .rgb : .rgba
    try PNGWriter.write(samples, width: width, height: height, color: color, to: path, isSynced: false)
  }

  /// The mean of every `factor` by `factor` block; blocks at the right and lower border may be smaller.
  func reduced(by factor: Int) -> Picture {
    guard factor > 1 else { return self }
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
    return Picture(width: columns, height: rows, channels: channels, samples: result)
  }
}
