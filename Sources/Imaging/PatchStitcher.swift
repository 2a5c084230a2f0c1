import Foundation

/// Puts patches back together; where they overlap, they fade into each other.
///
/// Each patch counts with a raised cosine that falls to almost nothing at its border, and the sum is divided by the sum
/// of weights, so that unchanged patches give the image they were cut from, to rounding.
package struct PatchStitcher: Sendable {
  package let grid: PatchGrid
  package let channels: Int
  /// The part of the image that is put together here.
  package let area: PixelRectangle
  private let window: [Float]
  /// The same for every sample of a row of a patch.
  private let sampleWindow: [Float]
  private var sums: [Float]
  private var weights: [Float]

  /// - Parameter area: a part of the image; by default all of it.
  package init(grid: PatchGrid, channels: Int, area: PixelRectangle? = nil) {
    self.grid = grid
    self.channels = channels
    self.area = area ?? PixelRectangle(x: 0, y: 0, width: grid.width, height: grid.height)
    let size = grid.patchSize
    window = (0..<size).map { 0.5 - 0.5 * cos(2 * .pi * (Float($0) + 0.5) / Float(size)) + 1e-3 }
    sampleWindow = window.flatMap { [Float](repeating: $0, count: channels) }
    sums = [Float](repeating: 0, count: self.area.width * self.area.height * channels)
    weights = [Float](repeating: 0, count: self.area.width * self.area.height)
  }

  /// - Parameter values: the patches in this range, `[n, h, w, c]`; what lies outside the area is left out.
  package mutating func add(_ values: UnsafeBufferPointer<Float>, patches: Range<Int>) {
    let size = grid.patchSize
    precondition(values.count >= patches.count * size * size * channels, "\(values.count) samples for \(patches)")
    for (index, patch) in patches.enumerated() {
      let (left, top) = grid.origin(of: patch)
      let rows = max(0, area.y - top)..<max(0, area.y - top, min(size, area.y + area.height - top))
      let columns = max(0, area.x - left)..<max(0, area.x - left, min(size, area.x + area.width - left))
      guard !columns.isEmpty else { continue }
      for y in rows {
        let pixel = (top + y - area.y) * area.width + left + columns.lowerBound - area.x
        let source = ((index * size + y) * size + columns.lowerBound) * channels
        for (k, x) in columns.enumerated() { weights[pixel + k] += window[y] * window[x] }
        addRow(
          UnsafeBufferPointer(rebasing: values[source..<source + columns.count * channels]),
          weight: window[y], from: columns.lowerBound * channels, to: pixel * channels)
      }
    }
  }

  /// - Parameters:
  ///   - first: of the samples within their row of the patch.
  ///   - target: where they belong.
  private mutating func addRow(
    _ values: UnsafeBufferPointer<Float>, weight: Float, from first: Int, to target: Int
  ) {
    sampleWindow.withUnsafeBufferPointer { window in
      sums.withUnsafeMutableBufferPointer { sums in
        guard let source = values.baseAddress else { return }
        let (window, sums) = (window.baseAddress! + first, sums.baseAddress! + target)
        for i in 0..<values.count { sums[i] += weight * window[i] * source[i] }
      }
    }
  }

  /// The blended image; pixels of patches that were not added are NaN, "no data".
  package func image(pixelSize: PixelSize? = nil) -> Image {
    var result = Image(width: area.width, height: area.height, channels: channels, samples: sums, pixelSize: pixelSize)
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
