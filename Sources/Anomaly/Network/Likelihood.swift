import Foundation

/// Distribution of a value given its reconstruction: what a difference costs, and how that changes.
package enum Likelihood: String, Codable, Sendable, CaseIterable {
  /// `-log p = d^2 / (2 s^2) + log(s sqrt(2 pi))`, `s` the standard deviation.
  case gaussian
  /// `-log p = |d| / s + log(2 s)`, `s` the mean absolute difference: less drawn to a few bright pixels.
  case laplace
  /// Cross-entropy `-t log r - (1 - t) log(1 - r)` of a value `t`, taken as 0 or 1 where it lies beyond, and its
  /// reconstruction `r`, a probability.
  ///
  /// For values between 0 and 1 that is no density: the normalizer of the continuous Bernoulli (Loaiza-Ganem &
  /// Cunningham 2019, arXiv:1907.06845, eq. 4) is left out, since with it `r` would not be the mean of the values it
  /// stands for and the residual would be biased toward gray. It charges for a difference as a Gaussian of deviation
  /// `sqrt(r (1 - r))`, up to 0.5, would: far less than the other two, so that the divergence wins unless its weight is
  /// lowered to about 0.01. What is brighter than 1 counts as 1.
  case bernoulli

  /// Whether a spread belongs to it.
  package var hasSpread: Bool { self != .bernoulli }

  /// Cost of one value.
  ///
  /// - Parameters:
  ///   - value: the clean intensity.
  ///   - reconstruction: of it; for `bernoulli` above 0 and below 1.
  ///   - spread: `s` above; `bernoulli` has none.
  /// - Returns: nats; its slope by the reconstruction, and by the logarithm of the spread.
  @inline(__always)
  package func cost(
    of value: Float, reconstruction: Float, spread: Float
  ) -> (nats: Float, slope: Float, slopeByLogSpread: Float) {
    let difference = reconstruction - value
    switch self {
    case .gaussian:
      let z = difference / spread
      return (0.5 * z * z + log(spread) + 0.918_938_5, z / spread, 1 - z * z)  // log(2 pi) / 2
    case .laplace:
      let size = abs(difference) / spread
      let sign: Float = difference > 0 ? 1 : difference < 0 ? -1 : 0
      return (size + log(2 * spread), difference.isNaN ? difference : sign / spread, 1 - size)
    case .bernoulli:
      let t = min(max(value, 0), 1)
      let r = reconstruction
      return (-t * log(r) - (1 - t) * log(1 - r), (r - t) / (r * (1 - r)), 0)
    }
  }

  /// Slope of the cost by the value itself, where `slope` is that by its reconstruction.
  func slopeByValue(_ value: Float, reconstruction r: Float, slope: Float) -> Float {
    switch self {
    case .gaussian, .laplace: -slope
    // Beyond 0 and 1 a value counts as those.
    case .bernoulli: value < 0 || value > 1 ? 0 : log((1 - r) / r)
    }
  }
}
