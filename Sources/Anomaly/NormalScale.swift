/// Brings evidence to the standard normal quantile of its rank among healthy pixels.
///
/// Linear between the stored quantiles, and beyond the last with the slope of the far tail, so that scores stay ordered.
struct NormalScale {
  private let quantiles: [Float]
  private let normals: [Float]
  /// The last quantile that is no higher than where each of `bins` equal parts of their range begins.
  private let starts: [Int]
  private let binsPerUnit: Float
  /// Of the line beyond the last quantile.
  private let farSlope: Float

  private static let bins = 1024

  /// - Parameters:
  ///   - quantiles: of evidence, ascending; more than four.
  ///   - normals: what they are brought to.
  init(quantiles: [Float], normals: [Float]) {
    self.quantiles = quantiles
    self.normals = normals
    let last = quantiles.count - 1
    // Over a stretch wide enough not to be ruled by a handful of pixels.
    let anchor = last - 4
    farSlope = (normals[last] - normals[anchor]) / max(quantiles[last] - quantiles[anchor], 1e-3)
    let range = quantiles[last] - quantiles[0]
    binsPerUnit = range > 0 ? Float(Self.bins) / range : 0
    var starts = [Int](repeating: 0, count: Self.bins)
    var low = 0
    for bin in starts.indices where range > 0 {
      // A bin early, whatever rounding does.
      let begin = quantiles[0] + Float(bin - 1) / binsPerUnit
      while low < last - 1, quantiles[low + 1] <= begin { low += 1 }
      starts[bin] = low
    }
    self.starts = starts
  }

  /// Replaces evidence by its normal quantile.
  ///
  /// - Parameter isScored: whether a pixel is; the others become 0.
  func bringToNormals(_ evidence: UnsafeMutableBufferPointer<Float>, where isScored: (Int) -> Bool) {
    quantiles.withUnsafeBufferPointer { quantiles in
      normals.withUnsafeBufferPointer { normals in
        starts.withUnsafeBufferPointer { starts in
          for pixel in evidence.indices {
            evidence[pixel] = isScored(pixel) ? normal(evidence[pixel], quantiles, normals, starts) : 0
          }
        }
      }
    }
  }

  @inline(__always)
  private func normal(
    _ evidence: Float, _ quantiles: UnsafeBufferPointer<Float>, _ normals: UnsafeBufferPointer<Float>,
    _ starts: UnsafeBufferPointer<Int>
  ) -> Float {
    let last = quantiles.count - 1
    if evidence >= quantiles[last] { return normals[last] + farSlope * (evidence - quantiles[last]) }
    let place = (evidence - quantiles[0]) * binsPerUnit
    var low = place > 0 ? starts[Int(min(place, Float(Self.bins - 1)))] : 0
    while low < last - 1, quantiles[low + 1] <= evidence { low += 1 }
    let share = (evidence - quantiles[low]) / max(quantiles[low + 1] - quantiles[low], 1e-6)
    return normals[low] + (normals[low + 1] - normals[low]) * min(max(share, -10), 1)
  }
}
