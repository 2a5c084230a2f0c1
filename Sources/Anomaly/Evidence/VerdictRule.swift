/// How scores become verdicts. Pages, tables and counts all follow this rule:
///
/// - A case is judged by its score alone: it is flagged if its p-value among healthy cases is at most the rate.
/// - A scan is flagged only within a flagged case: if it has the highest score of the case, or if its own p-value among
///   healthy scans is at most the rate.
/// - A region shows where to look. It is a group of pixels above a level that a healthy scan reaches anywhere with
///   probability at most the rate, and it flags nothing. So a flagged case may show no region, and a case that is not
///   flagged may show some.
/// - A case without a scored scan was not examined. It has no score, no p-value and no verdict.
package struct VerdictRule: Sendable {
  /// Share of healthy cases that may be flagged, in 0...1: the rate that can be had, see `Calibration.attainableRate`.
  package let rate: Double

  package init(rate: Double) { self.rate = rate }

  /// Whether so few healthy cases, or scans, score as high.
  package func isHigh(pValue: Double) -> Bool { pValue <= rate + 1e-12 }

  /// - Parameters:
  ///   - pValue: the scan's own p-value.
  ///   - isHighest: whether no scan of the case has a higher score.
  ///   - caseIsFlagged: the verdict on the case.
  package func flagsScan(pValue: Double, isHighest: Bool, caseIsFlagged: Bool) -> Bool {
    caseIsFlagged && (isHighest || isHigh(pValue: pValue))
  }
}
