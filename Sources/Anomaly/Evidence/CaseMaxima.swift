import Foundation
import Numerics

/// The largest value of each held-out healthy case, brought to one number of scans.
///
/// The largest of many scans is higher than the largest of few, so cases of different numbers of scans cannot be
/// compared as they are. Held-out cases with more scans than `scans` are cut to a random choice of as many. Those with
/// fewer are raised, and cases to be judged with more are lowered, by how much the largest value grows with the number
/// of scans. A case to be judged with fewer scans is compared as it is, which errs towards a larger p-value.
///
/// The growth follows from the tail of values within cases: how far the highest third of each case's values lies above
/// the next lower value. What all scans of a case have in common cancels there, so that cases with scans that are alike
/// grow little. If the tail is generalized Pareto with shape `s` and scale `a` and the largest value lies `e` above the
/// threshold, `r` times as many scans raise it by `(a / s + e) (r^s - 1)`. The shape is taken a standard error larger
/// than estimated and never below 0, and `e` is the largest of all cases; the growth therefore errs towards too much.
///
/// Sources: Coles 2001, "An Introduction to Statistical Modeling of Extreme Values", sections 4.2 and 4.3; Rényi 1953,
/// "On the theory of order statistics" (excesses over the next lower value).
package struct CaseMaxima: Codable, Sendable, Equatable {
  /// The number of scans that the values hold for: the median of the held-out cases.
  package let scans: Int
  /// Ascending.
  package let values: [Double]
  /// Excesses of values within a case, with the raised shape.
  private let tail: GeneralizedPareto
  private let largestExcess: Double

  /// With fewer excesses within cases, the spread between cases takes their place.
  private static let fewestExcesses = 5

  /// - Parameter cases: the values of the scans of each case, finite; a case without scans is left out.
  package init(of cases: [[Double]]) { self = Self.fitted(to: cases).maxima }

  /// - Parameters:
  ///   - cases: as for `init(of:)`; the growth is estimated from them.
  ///   - others: other values of the same scans, whose maxima are taken; `nil` takes those of `cases`.
  /// - Returns: the maxima, and `values` in the order of the cases that have scans.
  static func fitted(to cases: [[Double]], valued others: [[Double]]? = nil) -> (maxima: CaseMaxima, values: [Double]) {
    let cases = cases.filter { !$0.isEmpty }
    let others = others?.filter { !$0.isEmpty } ?? cases
    let counts = cases.map(\.count).sorted()
    let scans = counts.isEmpty ? 1 : counts[(counts.count - 1) / 2]
    let within = cases.map(excesses)
    // Scans that are not alike grow most: all values together give the largest growth that is possible.
    let groups = within.joined().count >= fewestExcesses ? within : [excesses(cases.flatMap { $0 })]
    let all = Array(groups.joined())
    let fitted = GeneralizedPareto(fitting: all.isEmpty ? [0] : all)
    let shape = min(max(fitted.shape + (1 + fitted.shape) / Double(max(all.count, 1)).squareRoot(), 0), 1)
    let mean = all.reduce(0, +) / Double(max(all.count, 1))
    let tail = GeneralizedPareto(shape: shape, scale: mean * (1 - shape))
    let largestExcess = all.max() ?? 0
    var random = RandomGenerator(seed: 0xCA5E)
    let values = others.map { values in
      let chosen = values.count > scans ? Array(values.shuffled(using: &random).prefix(scans)) : values
      return chosen.max()! + growth(tail, largestExcess, Double(scans) / Double(chosen.count))
    }
    return (CaseMaxima(scans, values.sorted(), tail, largestExcess), values)
  }

  private init(_ scans: Int, _ values: [Double], _ tail: GeneralizedPareto, _ largestExcess: Double) {
    (self.scans, self.values, self.tail, self.largestExcess) = (scans, values, tail, largestExcess)
  }

  /// The value that a case with `scans` scans would have instead of `largest`.
  ///
  /// - Parameters:
  ///   - largest: the largest value of the case.
  ///   - count: number of scans of the case; at least 1.
  package func comparable(_ largest: Double, ofScans count: Int) -> Double {
    largest - Self.growth(tail, largestExcess, max(Double(count) / Double(scans), 1))
  }

  /// Whether all parts, read from a file, are in their ranges.
  var isSound: Bool {
    scans > 0 && !values.isEmpty && (0...1).contains(tail.shape) && tail.scale >= 0 && tail.scale.isFinite
      && largestExcess >= 0 && largestExcess.isFinite
  }

  /// How far the highest third of the values, at least one, lies above the next lower value.
  private static func excesses(_ values: [Double]) -> [Double] {
    let count = max(1, values.count / 3)
    guard values.count > count else { return [] }
    let highest = values.sorted(by: >).prefix(count + 1)
    return highest.dropLast().map { $0 - highest[count] }
  }

  private static func growth(_ tail: GeneralizedPareto, _ largestExcess: Double, _ ratio: Double) -> Double {
    let power = pow(ratio, tail.shape) - 1
    return (tail.shape > 1e-9 ? tail.scale * power / tail.shape : tail.scale * log(ratio)) + largestExcess * power
  }
}
