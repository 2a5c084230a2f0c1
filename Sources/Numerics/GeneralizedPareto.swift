import Foundation

/// The generalized Pareto distribution, the limit of the excesses of nearly any distribution over a high threshold.
///
/// Sources: Pickands 1975, "Statistical inference using extreme order statistics"; Hosking & Wallis 1987,
/// doi:10.2307/1269343, whose `k` is the negative shape.
package struct GeneralizedPareto: Codable, Sendable, Equatable {
  /// Above 0 for a tail heavier than the exponential, 0 for the exponential, below 0 for a tail that ends.
  package let shape: Double
  /// In the unit of the excesses; 0 if all excesses are 0.
  package let scale: Double

  package init(shape: Double, scale: Double) {
    precondition(scale >= 0, "a scale of \(scale)")
    (self.shape, self.scale) = (shape, scale)
  }

  /// Fits the distribution by probability-weighted moments, which are steadier than maximum likelihood on few values.
  /// A single value gives the exponential distribution of that mean.
  ///
  /// Source: Hosking & Wallis 1987, section 3.3, with the unbiased moments.
  ///
  /// - Parameter excesses: values not below 0, in any order; at least one.
  package init(fitting excesses: [Double]) {
    precondition(!excesses.isEmpty && excesses.allSatisfy { $0 >= 0 }, "excesses are not below 0, and at least one")
    let n = Double(excesses.count)
    let mean = excesses.reduce(0, +) / n
    guard excesses.count > 1, mean > 0 else {
      self.init(shape: 0, scale: mean)
      return
    }
    let weighted = excesses.sorted().enumerated().reduce(0) { $0 + $1.element * (n - 1 - Double($1.offset)) } / (n - 1)
    let spread = mean - 2 * weighted / n
    // Excesses that are all alike: a tail that ends at once.
    guard spread > 1e-12 * mean else {
      self.init(shape: -1, scale: 2 * mean)
      return
    }
    self.init(shape: 2 - mean / spread, scale: mean * max(mean / spread - 1, 1e-9))
  }

  /// Fits the exponential distribution.
  package init(exponential excesses: [Double]) {
    self.init(shape: 0, scale: excesses.reduce(0, +) / Double(max(excesses.count, 1)))
  }

  /// Probability that an excess is larger than `x`, in 0...1.
  package func survival(_ x: Double) -> Double {
    guard x > 0 else { return 1 }
    guard scale > 0 else { return 0 }
    guard abs(shape) > 1e-9 else { return exp(-x / scale) }
    let base = 1 + shape * x / scale
    return base > 0 ? pow(base, -1 / shape) : 0
  }

  /// The excess that is exceeded with a probability in 0...1; 0 excluded.
  package func quantile(survival p: Double) -> Double {
    abs(shape) > 1e-9 ? scale * (pow(p, -shape) - 1) / shape : -scale * log(p)
  }

  /// Anderson and Darling's distance between the distribution and values; it weighs differences in the tails most.
  ///
  /// Source: Anderson & Darling 1954, doi:10.1080/01621459.1954.10501232.
  package func andersonDarling(_ values: [Double]) -> Double {
    let n = Double(values.count)
    let above = values.sorted().map { min(max(survival($0), 1e-300), 1 - 1e-16) }
    var sum = 0.0
    for i in above.indices {
      sum += Double(2 * i + 1) * (log1p(-above[i]) + log(above[above.count - 1 - i]))
    }
    return -n - sum / n
  }

  /// Probability of a distance at least as large as that of `values`, if they come from a distribution of this kind:
  /// the share of samples drawn from the fit that lie as far from their own fit.
  ///
  /// Source: Stute et al. 1993, doi:10.1007/BF02613687 (parametric bootstrap); Choulakian & Stephens 2001,
  /// doi:10.1198/00401700152672573, for this distribution.
  ///
  /// - Parameters:
  ///   - fit: makes a distribution from values; the same that made this one.
  ///   - draws: how many samples are drawn.
  package func pValue(
    ofFitTo values: [Double], draws: Int = 199, seed: UInt64 = 0, by fit: ([Double]) -> GeneralizedPareto
  ) -> Double {
    guard scale > 0 else { return 1 }
    var random = RandomGenerator(seed: seed)
    let distance = andersonDarling(values)
    let further = (0..<draws).count { _ in
      let drawn = values.map { _ in quantile(survival: 1 - Double(random.uniform())) }
      return fit(drawn).andersonDarling(drawn) >= distance
    }
    return Double(1 + further) / Double(draws + 1)
  }
}
