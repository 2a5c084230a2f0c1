import Foundation
import Threads

/// Joins patches to an image; overlapping patches blend into each other.
///
/// Each patch is weighted with a raised cosine that falls to almost nothing at its border, and the sum is divided by
/// the sum of weights. So unchanged patches give back the image they were cut from, except for rounding.
package struct PatchStitcher: Sendable {
  package let grid: PatchGrid
  package let channels: Int
  /// The part of the image that this stitcher builds.
  package let area: PixelRectangle
  private let window: [Float]
  /// The window's weights for every sample of a patch row: `window` with each weight repeated for all channels.
  private let sampleWindow: [Float]
  private var sums: [Float]
  private var weights: [Float]

  /// - Parameter area: the part of the image to build; `nil` for all of it.
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

  /// Adds a patch; its rows are divided among all threads.
  ///
  /// - Parameter values: the patch, `[h, w, c]`; pixels outside the area are left out.
  package mutating func add(_ values: UnsafeBufferPointer<Float>, patch: Int) {
    let size = grid.patchSize
    precondition(values.count >= size * size * channels, "\(values.count) samples for a patch")
    let (left, top) = grid.origin(of: patch)
    let rows = max(0, area.y - top)..<max(0, area.y - top, min(size, area.y + area.height - top))
    let columns = max(0, area.x - left)..<max(0, area.x - left, min(size, area.x + area.width - left))
    guard !columns.isEmpty else { return }
    let (channels, area, window, sampleWindow) = (channels, area, window, sampleWindow)
    let values = ReadBuffer(values)
    sums.withSplitBuffer { sums in
      weights.withSplitBuffer { weights in
        let stripes = (rows.count + Self.stripe - 1) / Self.stripe
        Parallel.run(chunks: stripes) { stripe in
          let first = rows.lowerBound + stripe * Self.stripe
          for y in first..<min(first + Self.stripe, rows.upperBound) {
            let pixel = (top + y - area.y) * area.width + left + columns.lowerBound - area.x
            let weight = window[y]
            for (k, x) in columns.enumerated() { weights[pixel + k] += weight * window[x] }
            Self.addRow(
              values.start + (y * size + columns.lowerBound) * channels, count: columns.count * channels,
              weight: weight, window: sampleWindow, from: columns.lowerBound * channels,
              to: sums.start + pixel * channels)
          }
        }
      }
    }
  }

  /// Number of rows that one chunk adds.
  private static let stripe = 16

  /// - Parameter first: index of the first sample within its row of the patch.
  private static func addRow(
    _ source: UnsafePointer<Float>, count: Int, weight: Float, window: [Float], from first: Int,
    to sums: UnsafeMutablePointer<Float>
  ) {
    window.withUnsafeBufferPointer { window in
      let window = window.baseAddress! + first
      for i in 0..<count { sums[i] += weight * window[i] * source[i] }
    }
  }

  /// The blended image; pixels that no added patch covers are NaN, "no data".
  package func image(pixelSize: PixelSize? = nil) -> Image {
    let samples = [Float](unsafeUninitializedCapacity: sums.count) { samples, count in
      sums.withUnsafeBufferPointer { sums in
        for (pixel, weight) in weights.enumerated() {
          for i in pixel * channels..<(pixel + 1) * channels { samples[i] = weight > 0 ? sums[i] / weight : .nan }
        }
      }
      count = sums.count
    }
    return Image(
      width: area.width, height: area.height, channels: channels, samples: samples, pixelSize: pixelSize)
  }
}
