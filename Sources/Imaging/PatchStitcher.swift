import Foundation

/// Puts patches back together; where they overlap, they fade into each other.
///
/// Each patch counts with a raised cosine that falls to almost nothing at its border, and the sum is divided by the sum
/// of weights, so that unchanged patches give the image they were cut from, to rounding.
package struct PatchStitcher: Sendable {
  package let grid: PatchGrid
  package let channels: Int
  private let window: [Float]
  private var sums: [Float]
  private var weights: [Float]

  package init(grid: PatchGrid, channels: Int) {
    self.grid = grid
    self.channels = channels
    let size = grid.patchSize
    window = (0..<size).map { 0.5 - 0.5 * cos(2 * .pi * (Float($0) + 0.5) / Float(size)) + 1e-3 }
    sums = [Float](repeating: 0, count: grid.width * grid.height * channels)
    weights = [Float](repeating: 0, count: grid.width * grid.height)
  }

  /// - Parameter values: the patches in this range, `[n, h, w, c]`.
  package mutating func add(_ values: UnsafeBufferPointer<Float>, patches: Range<Int>) {
    let size = grid.patchSize
    precondition(values.count >= patches.count * size * size * channels, "\(values.count) samples for \(patches)")
    let (width, height, channels) = (grid.width, grid.height, channels)
    sums.withUnsafeMutableBufferPointer { sums in
      weights.withUnsafeMutableBufferPointer { weights in
        for (index, patch) in patches.enumerated() {
          let (left, top) = grid.origin(of: patch)
          for y in 0..<min(size, height - top) {
            let source = (index * size + y) * size * channels
            for x in 0..<min(size, width - left) {
              let weight = window[y] * window[x]
              let pixel = (top + y) * width + left + x
              weights[pixel] += weight
              for channel in 0..<channels {
                sums[pixel * channels + channel] += weight * values[source + x * channels + channel]
              }
            }
          }
        }
      }
    }
  }

  /// The blended image; pixels of patches that were not added are NaN, "no data".
  package func image(pixelSize: PixelSize? = nil) -> Image {
    var result = Image(width: grid.width, height: grid.height, channels: channels, samples: sums, pixelSize: pixelSize)
    result.samples.withUnsafeMutableBufferPointer { samples in
      for (pixel, weight) in weights.enumerated() {
        for channel in 0..<channels {
          samples[pixel * channels + channel] = weight > 0 ? samples[pixel * channels + channel] / weight : .nan
        }
      }
    }
    return result
  }
}
