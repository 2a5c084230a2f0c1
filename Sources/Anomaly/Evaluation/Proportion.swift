import Numerics

/// How many of a number of things are of a kind, with the interval that holds the true share with a probability of at
/// least 95 % where the things do not depend on each other, as cases. Source of the interval: Clopper & Pearson 1934,
/// Biometrika 26, 404-413.
package struct Proportion: Sendable, Codable, Equatable {
  package let count: Int
  package let total: Int
  /// The interval, within 0...1.
  package let low: Double
  package let high: Double

  package var value: Double { Double(count) / Double(total) }

  /// - Returns: `nil` where there is nothing to count.
  package init?(_ count: Int, of total: Int) {
    precondition((0...total).contains(count), "\(count) of \(total)")
    guard total > 0 else { return nil }
    (self.count, self.total) = (count, total)
    low = count == 0 ? 0 : BetaDistribution.quantile(0.025, a: count, b: total - count + 1)
    high = count == total ? 1 : BetaDistribution.quantile(0.975, a: count + 1, b: total - count)
  }
}

/// How many of a number of things are of a kind, for things that may depend on each other, such as the lesions of a
/// case.
package struct Share: Sendable, Codable, Equatable {
  package let count: Int
  package let total: Int

  package var value: Double { Double(count) / Double(total) }

  /// - Returns: `nil` where there is nothing to count.
  package init?(_ count: Int, of total: Int) {
    guard total > 0 else { return nil }
    (self.count, self.total) = (count, total)
  }
}
