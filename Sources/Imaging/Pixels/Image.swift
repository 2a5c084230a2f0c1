/// Edge lengths of a pixel in micrometers, as a file states them.
package struct PixelSize: Sendable, Equatable, Codable {
  package var x: Double
  package var y: Double

  /// Edge lengths that a pixel of a scan can have: from an electron microscope's to a decimeter.
  package static let possible = 1e-4...1e5

  package init(x: Double, y: Double) {
    self.x = x
    self.y = y
  }

  /// The size of pixels that are `factor` times as wide and high.
  package func multiplied(by factor: Int) -> PixelSize { PixelSize(x: x * Double(factor), y: y * Double(factor)) }

  /// Area of a pixel in square millimeters.
  package var squareMillimeters: Double { x * y / 1e6 }
}

/// A picture with one `Float` for each sample, whatever type the file stored.
///
/// Samples lie row by row, the channels of a pixel adjacent: `[height, width, channels]`. `NaN` marks "no data" and is
/// left out of every statistic, loss and score.
package struct Image: Sendable, Equatable {
  package let width: Int
  package let height: Int
  package let channels: Int
  package var samples: [Float]
  /// Size of a pixel; `nil` if the file does not state it. It is never guessed.
  package var pixelSize: PixelSize?
  /// Share of the strips or tiles of this picture that were missing or broken in the file, in 0...1; their pixels are
  /// NaN.
  package var missingShare = 0.0
  /// Share of them that the writer left out on purpose, in 0...`missingShare`.
  package var omittedShare = 0.0

  package init(width: Int, height: Int, channels: Int, samples: [Float], pixelSize: PixelSize? = nil) {
    precondition(
      samples.count == width * height * channels, "\(samples.count) samples for \(width)x\(height)x\(channels)")
    self.width = width
    self.height = height
    self.channels = channels
    self.samples = samples
    self.pixelSize = pixelSize
  }

  package init(width: Int, height: Int, channels: Int, filledWith value: Float = 0, pixelSize: PixelSize? = nil) {
    self.init(
      width: width, height: height, channels: channels,
      samples: [Float](repeating: value, count: width * height * channels), pixelSize: pixelSize)
  }

  package subscript(x: Int, y: Int, channel: Int = 0) -> Float {
    get { samples[(y * width + x) * channels + channel] }
    set { samples[(y * width + x) * channels + channel] = newValue }
  }

  /// Makes every sample of one value no data.
  ///
  /// - Parameter channel: the only channel to look at; `nil` for all.
  package mutating func markNoData(_ value: Float, in channel: Int? = nil) {
    let step = channel == nil ? 1 : channels
    for i in stride(from: channel ?? 0, to: samples.count, by: step) where samples[i] == value { samples[i] = .nan }
  }

  /// An image of the chosen channels, in the given order.
  package func channels(_ chosen: [Int]) -> Image {
    var result = Image(width: width, height: height, channels: chosen.count, pixelSize: pixelSize)
    let (count, stride) = (chosen.count, channels)
    result.samples.withUnsafeMutableBufferPointer { target in
      samples.withUnsafeBufferPointer { source in
        for (k, channel) in chosen.enumerated() {
          for pixel in 0..<width * height { target[pixel &* count &+ k] = source[pixel &* stride &+ channel] }
        }
      }
    }
    return result
  }
}
