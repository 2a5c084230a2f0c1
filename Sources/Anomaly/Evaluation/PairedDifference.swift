/// How much larger a figure is for one method than for another on the same cases, with the interval that holds the
/// middle 95 % of its bootstrap distribution.
///
/// Both methods are resampled by the same draws of cases: what makes a draw hard is the same for both and cancels. An
/// interval that holds 0 says that the cases do not tell the two apart. Source: Efron & Tibshirani 1993, "An
/// Introduction to the Bootstrap", chapter 8.
package struct PairedDifference: Sendable, Codable, Equatable {
  package let value: Double
  package let low: Double
  package let high: Double

  /// - Parameters:
  ///   - a: a figure over some cases.
  ///   - b: the same figure of another method over the same cases, resampled as often with the same seed.
  /// - Returns: `nil` where a figure has too few resamples.
  package init?(_ a: Evaluation.Figure, minus b: Evaluation.Figure) {
    precondition(a.draws.count == b.draws.count, "\(a.draws.count) and \(b.draws.count) resamples")
    let differences = zip(a.draws, b.draws).compactMap { a, b in a.flatMap { a in b.map { a - $0 } } }.sorted()
    guard differences.count >= Evaluation.Figure.fewestDraws else { return nil }
    value = a.value - b.value
    low = Evaluation.Figure.quantile(0.025, of: differences)
    high = Evaluation.Figure.quantile(0.975, of: differences)
  }
}
