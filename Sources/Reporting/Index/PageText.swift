import Files
import Foundation

/// The text of numbers and verdicts on pages and in tables.
package enum PageText {
  static func number(_ value: Double, digits: Int = 2) -> String { String(format: "%.\(digits)f", value) }

  /// A length with at most two decimals and no trailing zeros: `900`, `0.25`.
  static func length(_ value: Double) -> String {
    value.formatted(
      .number.precision(.fractionLength(0...2)).grouping(.never).locale(Locale(identifier: "en_US_POSIX")))
  }

  static func pValue(_ p: Double) -> String {
    p < 0.001 ? "< 0.001" : number(p, digits: p < 0.1 ? 3 : 2)
  }

  /// A share in percent, with one decimal only if it is below 10 % and not whole: `5 %`, `0.1 %`.
  static func percent(_ share: Double) -> String {
    let percent = share * 100
    let digits = percent >= 10 || percent.rounded() == percent ? 0 : 1
    return number(percent, digits: digits) + " %"
  }

  /// A duration: `1 min 05 s`, `12 s`, `2 h 03 min`.
  package static func duration(_ seconds: Double) -> String {
    let s = Int(seconds.rounded())
    if s >= 3600 { return String(format: "%d h %02d min", s / 3600, s % 3600 / 60) }
    if s >= 60 { return String(format: "%d min %02d s", s / 60, s % 60) }
    return "\(s) s"
  }

  /// The verdict on a study: "12 of 203 scans flagged in 5 of 16 cases at a false-positive rate of 5 %; 1 failed".
  static func verdict(
    flaggedScans: Int, scans: Int, flaggedCases: Int, cases: Int, failedScans: Int, rate: Double
  ) -> String {
    let failed = failedScans == 0 ? "" : "; \(failedScans) failed"
    return "\(flaggedScans) of \(Count.of(scans, "scan")) flagged in \(flaggedCases) of \(Count.of(cases, "case")) "
      + "at a false-positive rate of \(percent(rate))\(failed)"
  }

  /// The verdict on a case.
  ///
  /// - Parameter healthy: scores of the held-out healthy cases from which the p-value is computed.
  static func verdict(onCase row: CaseRow, healthy: [Double]) -> String {
    guard row.status == .done, let p = row.pValue, let score = row.score else { return "Could not be scored" }
    let words = "\(row.flagged ? "Flagged" : "Not flagged"): "
    guard !healthy.isEmpty else { return words + "p \(pValue(p)) among healthy cases" }
    let higher = healthy.count { $0 >= score }
    // The p-value is not shown as a share: it counts the case itself, so it is never 0.
    return words
      + (higher == 0 ? "none" : "\(higher)") + " of \(Count.of(healthy.count, "healthy case"))"
      + (higher > 1 ? " score as high" : " scores as high")
  }

  /// The verdict on a scan.
  ///
  /// - Parameters:
  ///   - p: the scan's p-value among healthy scans.
  ///   - isHigh: whether so few healthy scans score as high that the scan alone would be flagged.
  ///   - isFlagged: whether the scan's score is high and its case is flagged too.
  static func verdict(onScan p: Double, isHigh: Bool, isFlagged: Bool) -> String {
    if isFlagged { return "Flagged: p \(pValue(p)) among healthy scans" }
    let words = "Not flagged: p \(pValue(p)) among healthy scans"
    return isHigh ? words + "; unusual for one scan, but not for the highest of a case's scans" : words
  }

  /// An area in mm², in µm² if it is below 0.01 mm², or in pixels if the pixel size is unknown.
  static func area(pixels: Int, squareMillimeters: Double?) -> String {
    guard let area = squareMillimeters else { return "\(pixels) px" }
    return area >= 0.01 ? "\(number(area, digits: area >= 10 ? 0 : 2)) mm²" : "\(number(area * 1e6, digits: 0)) µm²"
  }
}
