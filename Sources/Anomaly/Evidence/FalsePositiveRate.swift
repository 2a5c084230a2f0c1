import Numerics

/// How often healthy cases are flagged: what was asked for, what the healthy cases of the calibration allow, and how far
/// one model can be from it.
package struct FalsePositiveRate: Sendable, Equatable {
  /// Share of healthy cases that may be flagged, in 0...1.
  package let asked: Double
  /// Number of healthy cases with which a case is compared.
  package let cases: Int
  /// Number of those that were held out from training.
  package let heldOut: Int

  /// - Parameter heldOut: `nil` for all cases.
  package init(asked: Double, cases: Int, heldOut: Int? = nil) {
    (self.asked, self.cases, self.heldOut) = (asked, cases, min(heldOut ?? cases, cases))
  }

  /// The rate at which healthy cases are flagged, averaged over models: `asked`, or the smallest that the number of
  /// healthy cases allows.
  package var reached: Double { max(asked, 1 / Double(cases + 1)) }

  /// The rate that one model stays below with probability `bound`.
  ///
  /// A threshold that `k` of `n` healthy scores reach is exceeded at a rate that varies from one draw of them to the
  /// next as the beta distribution with parameters `k + 1` and `n - k`. Source: Vovk 2012, arXiv:1209.2673, proposition
  /// 2a. Only held-out cases count for `n`, since the other cases borrow half of their score from those; `k` is then the
  /// share of all healthy cases that may be flagged, in held-out cases, rounded up.
  package var highest: Double {
    guard heldOut > 0 else { return 1 }
    // Number of healthy cases, with the one to be judged, that may be flagged.
    let ofAll = max((reached * Double(cases + 1) + 1e-9).rounded(.down), 1)
    let flagged = min(Int((ofAll / Double(cases + 1) * Double(heldOut + 1) - 1e-9).rounded(.up)), heldOut)
    return BetaDistribution.quantile(Self.bound, a: flagged, b: heldOut + 1 - flagged)
  }

  package static let bound = 0.9
}
