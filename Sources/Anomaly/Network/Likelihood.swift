import Foundation

/// Distribution of a value given its reconstruction: the cost of a difference, and the derivatives of the cost.
package enum Likelihood: String, Codable, Sendable, CaseIterable {
  /// `-log p = d^2 / (2 s^2) + log(s sqrt(2 pi))`, `s` the standard deviation.
  case gaussian
  /// `-log p = |d| / s + log(2 s)`, `s` the mean absolute difference; less influenced by a few bright pixels than
  /// `gaussian`.
  case laplace
  /// Cross-entropy `-t log r - (1 - t) log(1 - r)` of a value `t`, clamped to 0...1, and its reconstruction `r`, a
  /// probability.
  ///
  /// For values between 0 and 1 this is not a density: the normalizer of the continuous Bernoulli (Loaiza-Ganem &
  /// Cunningham 2019, arXiv:1907.06845, eq. 4) is left out, because with it `r` would not be the mean of the values it
  /// represents and the residual would be biased toward gray. A difference costs as much as for a Gaussian with a
  /// standard deviation of `sqrt(r (1 - r))`, which is up to 0.5. That is far less than for the other two, so that the
  /// divergence dominates unless its weight is lowered to about 0.01. Values above 1 count as 1.
  case bernoulli

  /// Whether the likelihood has a spread.
  package var hasSpread: Bool { self != .bernoulli }

  /// Cost of one value.
  ///
  /// - Parameters:
  ///   - value: the clean intensity.
  ///   - reconstruction: reconstruction of the value; for `bernoulli` above 0 and below 1.
  ///   - spread: `s` in the formulas above; ignored for `bernoulli`.
  /// - Returns: the cost in nats, and its derivatives by the reconstruction and by the logarithm of the spread.
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

  /// Derivative of the cost by the value itself; `slope` is the derivative by the reconstruction.
  func slopeByValue(_ value: Float, reconstruction r: Float, slope: Float) -> Float {
    switch self {
    case .gaussian, .laplace: -slope
    // Values are clamped to 0...1, so the slope is 0 outside.
    case .bernoulli: value < 0 || value > 1 ? 0 : log((1 - r) / r)
    }
  }
}
