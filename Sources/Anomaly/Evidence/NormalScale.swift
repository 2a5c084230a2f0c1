/// Converts evidence to the standard normal quantile of its rank among healthy pixels.
///
/// The scale is linear between the stored quantiles and the points of a fitted tail beyond them. Beyond the last it
/// continues with the slope of the far tail, so that scores stay ordered.
package struct NormalScale {
  /// One piece from each stored quantile to the next, and one from the last quantile on.
  private let pieces: [Piece]
  /// For each of `bins` equal parts of the range of quantiles, the index of the last piece that begins no higher than
  /// the part.
  private let starts: [Int]
  private let binsPerUnit: Float

  private struct Piece {
    let quantile: Float
    let normal: Float
    let slope: Float
    /// Range of differences from the quantile over which the piece is linear; differences outside are clamped to it.
    let reach: ClosedRange<Float>
  }

  private static let bins = 1024

  /// - Parameters:
  ///   - quantiles: quantiles of evidence, ascending; more than four.
  ///   - normals: the standard normal quantiles they are converted to.
  ///   - points: evidence beyond the last quantile, ascending, with its standard normal quantiles.
  package init(
    quantiles known: [Float], normals knownNormals: [Float], beyond points: [(evidence: Float, normal: Float)]
  ) {
    let quantiles = known + points.map(\.evidence)
    let normals = knownNormals + points.map(\.normal)
    let last = quantiles.count - 1
    // The far slope is taken over several quantiles, so that a handful of pixels does not determine it.
    let anchor = last - 4
    let farSlope = (normals[last] - normals[anchor]) / max(quantiles[last] - quantiles[anchor], 1e-3)
    pieces =
      (0..<last).map { low in
        let width = max(quantiles[low + 1] - quantiles[low], 1e-6)
        return Piece(
          quantile: quantiles[low], normal: normals[low], slope: (normals[low + 1] - normals[low]) / width,
          reach: -10 * width...width)
      } + [Piece(quantile: quantiles[last], normal: normals[last], slope: farSlope, reach: 0...Float.infinity)]
    // The bins resolve the range of nearly all pixels; the few beyond it search from its end.
    let range = known[known.count - 1] - known[0]
    binsPerUnit = range > 0 ? Float(Self.bins) / range : 0
    var starts = [Int](repeating: 0, count: Self.bins)
    var low = 0
    for bin in starts.indices where range > 0 {
      // Start one bin early, so that rounding cannot skip a piece.
      let begin = quantiles[0] + Float(bin - 1) / binsPerUnit
      while low < last - 1, quantiles[low + 1] <= begin { low += 1 }
      starts[bin] = low
    }
    self.starts = starts
  }

  /// Replaces evidence by its normal quantile.
  ///
  /// - Parameter isScored: whether a pixel is scored; evidence of pixels that are not becomes 0.
  package func bringToNormals(_ evidence: UnsafeMutableBufferPointer<Float>, where isScored: (Int) -> Bool) {
    pieces.withUnsafeBufferPointer { pieces in
      starts.withUnsafeBufferPointer { starts in
        for pixel in evidence.indices {
          evidence[pixel] = isScored(pixel) ? normal(evidence[pixel], pieces, starts) : 0
        }
      }
    }
  }

  @inline(__always)
  private func normal(
    _ evidence: Float, _ pieces: UnsafeBufferPointer<Piece>, _ starts: UnsafeBufferPointer<Int>
  ) -> Float {
    let place = (evidence - pieces[0].quantile) * binsPerUnit
    var low = place > 0 ? starts[Int(min(place, Float(Self.bins - 1)))] : 0
    while low < pieces.count - 1, pieces[low + 1].quantile <= evidence { low += 1 }
    let piece = pieces[low]
    return piece.normal + piece.slope
      * min(max(evidence - piece.quantile, piece.reach.lowerBound), piece.reach.upperBound)
  }
}
