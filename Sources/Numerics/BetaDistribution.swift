import Foundation

/// The beta distribution with whole parameters: that of the ranked values of a uniform sample.
package enum BetaDistribution {
  /// Probability of a value of at most `x`: that of `a` or more successes in `a + b - 1` trials at rate `x`.
  ///
  /// - Parameters:
  ///   - x: in 0...1.
  ///   - a: at least 1, like `b`.
  package static func cumulative(_ x: Double, a: Int, b: Int) -> Double {
    precondition(a > 0 && b > 0, "a beta distribution of \(a) and \(b)")
    guard x > 0 else { return 0 }
    guard x < 1 else { return 1 }
    let n = a + b - 1
    func logFactorial(_ k: Int) -> Double { lgamma(Double(k + 1)) }
    var below = 0.0
    for k in 0..<a {
      let ways = logFactorial(n) - logFactorial(k) - logFactorial(n - k)
      below += exp(ways + Double(k) * log(x) + Double(n - k) * log1p(-x))
    }
    return min(max(1 - below, 0), 1)
  }

  /// The value that is not exceeded with probability `p`, by bisection.
  package static func quantile(_ p: Double, a: Int, b: Int) -> Double {
    var (low, high) = (0.0, 1.0)
    while high - low > 1e-12 {
      let middle = (low + high) / 2
      if cumulative(middle, a: a, b: b) < p { low = middle } else { high = middle }
    }
    return (low + high) / 2
  }
}
