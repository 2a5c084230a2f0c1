import Anomaly
import Files
import Foundation

/// The sentences about what was examined, what is flagged, and why. The verdicts themselves follow `VerdictRule`.
package enum VerdictText {
  // MARK: - The study

  /// The headline of a study: first what was not examined, then what is flagged of what was.
  ///
  /// `12 of 203 scans flagged in 5 of 16 cases at a false-positive rate of 5 %`, and where something was not examined
  /// `Not examined: 3 of 203 scans (1 failed, 2 with nothing to score) and 1 of 16 cases. Of the others: ...`
  static func headline(_ counts: StudyCounts, rate: Double) -> String {
    guard counts.scans > 0 else { return "Nothing was examined: there is no scan of the study in the report" }
    guard counts.examinedScans > 0 else {
      return "Nothing was examined: of \(Count.of(counts.scans, "scan")) \(gaps(counts))"
    }
    let flagged =
      "\(counts.flaggedScans) of \(Count.of(counts.examinedScans, "scan")) flagged in \(counts.flaggedCases) of "
      + "\(Count.of(counts.examinedCases, "case")) at a false-positive rate of \(PageText.percent(rate))"
    guard counts.examinedScans < counts.scans else { return flagged }
    let cases = counts.unexaminedCases == 0 ? "" : " and \(counts.unexaminedCases) of \(Count.of(counts.cases, "case"))"
    let unexamined = "\(counts.scans - counts.examinedScans) of \(Count.of(counts.scans, "scan"))"
    return "Not examined: \(unexamined) (\(gaps(counts)))\(cases). "
      + "Of the others: \(flagged)"
  }

  /// The cases of a study in a line of the terminal: `11, of which 2 were not examined; 1 of the other 9 flagged`.
  package static func cases(_ counts: StudyCounts) -> String {
    guard counts.unexaminedCases > 0 else { return "\(counts.cases), \(counts.flaggedCases) flagged" }
    let examined = counts.examinedCases
    return "\(counts.cases), \(examined == 0 ? "none examined" : "\(counts.unexaminedCases) not examined")"
      + (examined == 0 ? "" : "; \(counts.flaggedCases) of the other \(examined) flagged")
  }

  /// `1 failed, 2 with nothing to score`.
  private static func gaps(_ counts: StudyCounts) -> String {
    [
      counts.failedScans == 0 ? nil : "\(counts.failedScans) failed",
      counts.emptyScans == 0 ? nil : "\(counts.emptyScans) with nothing to score",
    ].compactMap { $0 }.joined(separator: ", ")
  }

  // MARK: - A case

  /// The verdict on a case.
  ///
  /// - Parameter healthy: scores of the healthy cases from which the p-value is computed.
  static func verdict(onCase row: CaseRow, healthy: [Double]) -> String {
    guard row.status == .done, let p = row.pValue, let score = row.score else { return unexamined(row) }
    let unread = row.failedScanCount
    let words =
      (row.flagged ? "Flagged" : "Not flagged")
      + (unread == 0 ? "" : ", with \(unread) of \(Count.of(row.scanCount, "scan")) failed and not looked at") + ": "
    // A case that looks unlike the training cases is compared with odd healthy cases too, which `healthy` lacks.
    guard !healthy.isEmpty, row.domainShift == nil else { return words + "p \(PageText.pValue(p)) among healthy cases" }
    let higher = healthy.count { $0 >= score }
    // The p-value is not shown as a share: it counts the case itself, so it is never 0.
    return words
      + (higher == 0
        ? "none of \(Count.of(healthy.count, "healthy case")) scores as high"
        : "\(higher) of \(Count.of(healthy.count, "healthy case")) "
          + "\(higher == 1 ? "scores" : "score") as high")
  }

  /// A sentence on the cases of `CaseIndex.casesPartlyFailed`; `nil` without any.
  package static func partlyExamined(_ names: [String]) -> String? {
    guard !names.isEmpty else { return nil }
    return
      "\(Count.of(names.count, "case is", "cases are")) judged without scans that failed: \(NameList.text(names)). "
      + "failed_scan_count says how many."
  }

  private static func unexamined(_ row: CaseRow) -> String {
    switch (row.failedScanCount, row.emptyScanCount) {
    case (_, 0): "Not examined: could not be scored"
    case (0, _): "Not examined: nothing to score"
    case (let failed, let empty): "Not examined: \(failed) failed, \(empty) with nothing to score"
    }
  }

  /// The scans of a case: `9, 1 failed, 2 with nothing to score`.
  static func scans(of row: CaseRow) -> String {
    "\(row.scanCount)" + (row.failedScanCount == 0 ? "" : ", \(row.failedScanCount) failed")
      + (row.emptyScanCount == 0 ? "" : ", \(row.emptyScanCount) with nothing to score")
  }

  /// Why a case's regions and its verdict differ, as a sentence; `nil` where they do not.
  static func difference(onCase row: CaseRow, context: StudyContext) -> String? {
    guard row.status == .done else { return nil }
    if row.flagged, row.regionCount == 0 {
      guard !isFlaggedAsAWhole(row, context: context) else {
        return "It is flagged for the texture of its scans as a whole, which no single place needs to show."
      }
      let texture = row.wholeScore == nil ? "" : " and the texture of its scans"
      return
        "It is flagged by its score, the mean of its most abnormal pixels\(texture); no group of pixels large enough for a "
        + "region reaches z \(PageText.number(context.threshold))."
    }
    guard !row.flagged, row.regionCount > 0 else { return nil }
    let regions = row.regionCount == 1 ? "Its region does" : "Its \(Count.of(row.regionCount, "region")) do"
    return "\(regions) not flag it: about one healthy scan in \(oneIn(context)) shows a region too, and a case is "
      + "judged by its score."
  }

  /// Whether a case is flagged, and would be without what its worst place adds.
  private static func isFlaggedAsAWhole(_ row: CaseRow, context: StudyContext) -> Bool {
    guard row.flagged, let threshold = context.scoreThreshold, let whole = row.wholeScore else { return false }
    return whole > threshold
  }

  // MARK: - A scan

  /// The verdict on a scan.
  ///
  /// - Parameters:
  ///   - p: the scan's p-value among healthy scans.
  ///   - isHighest: whether no scan of the case has a higher score.
  ///   - regions: number of its regions.
  static func verdict(
    onScan p: Double, isHighest: Bool, regions: Int, of row: CaseRow, context: StudyContext
  ) -> (words: String, isFlagged: Bool) {
    let rule = VerdictRule(rate: context.falsePositiveRate)
    let isFlagged = rule.flagsScan(pValue: p, isHighest: isHighest, caseIsFlagged: row.flagged)
    let words = "\(isFlagged ? "Flagged" : "Not flagged"): p \(PageText.pValue(p)) among healthy scans"
    var reasons: [String] = []
    if isFlagged, !rule.isHigh(pValue: p) {
      reasons.append(
        isFlaggedAsAWhole(row, context: context)
          ? "it has the most abnormal place of a case that is flagged as a whole"
          : "it has the highest score of a flagged case")
    }
    if !row.flagged, rule.isHigh(pValue: p), row.scanCount > 1 {
      let judges = row.wholeScore == nil ? "the highest" : "all"
      reasons.append("few healthy scans score as high, but its case is judged by \(judges) of its scans")
    }
    if isFlagged, regions == 0 {
      reasons.append(
        "no group of pixels large enough for a region reaches z \(PageText.number(context.threshold)): the score is the "
          + "mean of the most abnormal pixels")
    }
    if !isFlagged, regions > 0 {
      reasons.append(
        "\(regions == 1 ? "its region does" : "its regions do") not flag it, since about one healthy scan in "
          + "\(oneIn(context)) shows a region too")
    }
    return ([words, reasons.joined(separator: "; ")].filter { !$0.isEmpty }.joined(separator: "; "), isFlagged)
  }

  /// The number of healthy scans among which one shows a region: the inverse of the rate that set the threshold.
  private static func oneIn(_ context: StudyContext) -> Int {
    let rate = context.results?.falsePositiveRate ?? context.falsePositiveRate
    return Int(min((1 / max(rate, 1e-9)).rounded(), 1e9))
  }
}
