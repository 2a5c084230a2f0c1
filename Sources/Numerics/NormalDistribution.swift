import Foundation

/// The standard normal distribution.
package enum NormalDistribution {
  /// Inverse of the cumulative distribution, for probabilities between 0 and 1, both excluded.
  ///
  /// The approximation has a relative error below 1.2e-9; one step of Halley's method on `erfc` then brings it to the
  /// precision of `Double`. Source: Acklam 2003, "An algorithm for computing the inverse normal cumulative distribution
  /// function".
  package static func quantile(_ p: Double) -> Double {
    precondition(p > 0 && p < 1, "the normal quantile of \(p)")
    // For p near 1, the step below would divide the rounding error of p by a vanishing density; 1 - p is exact there.
    if p > 0.5 { return -quantile(1 - p) }
    let a = [
      -39.69683028665376, 220.9460984245205, -275.9285104469687, 138.3577518672690, -30.66479806614716,
      2.506628277459239,
    ]
    let b = [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572]
    let c = [
      -0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968,
      2.938163982698783,
    ]
    let d = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416]
    func horner(_ coefficients: [Double], _ x: Double) -> Double { coefficients.reduce(0) { $0 * x + $1 } }
    func tail(_ p: Double) -> Double {
      let q = (-2 * log(p)).squareRoot()
      return horner(c, q) / (horner(d, q) * q + 1)
    }
    var x: Double
    if p < 0.02425 {
      x = tail(p)
    } else {
      let q = p - 0.5
      x = horner(a, q * q) * q / (horner(b, q * q) * q * q + 1)
    }
    let error = 0.5 * erfc(-x / 2.0.squareRoot()) - p
    let step = error * (2 * Double.pi).squareRoot() * exp(x * x / 2)
    x -= step / (1 + x * step / 2)
    return x
  }

  /// Beyond so many standard deviations, the tail is too small a number.
  private static let largest = 37.0

  /// The product of the probabilities that independent values exceed these, as a normal quantile: one value far out
  /// counts nearly as it does alone, and two that are somewhat far out count more than either.
  ///
  /// Source: Fisher 1932, "Statistical Methods for Research Workers", section 21.1.
  ///
  /// - Parameter z: standard normal values, at least one.
  package static func product(of z: [Double]) -> Double {
    let surprise = z.reduce(0) { $0 - log(0.5 * erfc(min(max($1, -largest), largest) / 2.0.squareRoot())) }
    // The sum of n exponential variables exceeds s with the probability exp(-s) (1 + s + ... + s^(n-1) / (n-1)!).
    var (term, sum) = (1.0, 1.0)
    for k in 1..<max(z.count, 1) {
      term *= surprise / Double(k)
      sum += term
    }
    return -quantile(min(max(exp(-surprise) * sum, 1e-300), 1 - 1e-9))
  }
}
