import Numerics

/// How often healthy cases are flagged: what was asked for, what the held-out cases allow, and how far one model can be
/// from it.
package struct FalsePositiveRate: Sendable, Equatable {
  /// Share of healthy cases that may be flagged, in 0...1.
  package let asked: Double
  /// Number of held-out healthy cases.
  package let cases: Int

  package init(asked: Double, cases: Int) {
    (self.asked, self.cases) = (asked, cases)
  }

  /// The rate at which healthy cases are flagged, averaged over models: `asked`, or the smallest that the number of
  /// held-out cases allows.
  package var reached: Double { max(asked, 1 / Double(cases + 1)) }

  /// The rate that one model stays below with probability `bound`.
  ///
  /// A threshold that `k` of `n` healthy scores reach is exceeded at a rate that varies from one draw of them to the
  /// next as the beta distribution with parameters `k + 1` and `n - k`. Source: Vovk 2012, arXiv:1209.2673, proposition
  /// 2a.
  package var highest: Double {
    // Number of healthy cases, with the one to be judged, that may be flagged.
    let flagged = min(Int((reached * Double(cases + 1) + 1e-9).rounded(.down)), cases)
    return cases == 0 ? 1 : BetaDistribution.quantile(Self.bound, a: flagged, b: cases + 1 - flagged)
  }

  package static let bound = 0.9
}
