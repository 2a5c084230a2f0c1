/// Judges a case by the findings in its scans: score, p-value, flag, and whether the case looks like the training
/// cases.
package struct CaseJudge: Sendable {
  private let calibration: Calibration
  private let rate: Double
  private let shift: DomainShift?

  /// - Parameters:
  ///   - calibration: holds the scores of healthy cases.
  ///   - rate: share of healthy cases that may be flagged, in 0...1.
  ///   - shift: the comparison with the training cases; `nil` where the model cannot make one.
  package init(_ calibration: Calibration, rate: Double, shift: DomainShift?) {
    self.calibration = calibration
    self.rate = rate
    self.shift = shift
  }

  /// - Parameter scans: all scans of the case. Those that failed, or in which there is nothing to score, count in no
  ///   figure.
  package func verdict(on name: String, scans: [ScanResult]) -> CaseResult {
    let findings = scans.compactMap { scan in
      if case .done(let findings) = scan.outcome { findings } else { nil }
    }
    let score = findings.map(\.score).max()
    let pValue = score.map { Calibration.pValue($0, among: calibration.caseScores) }
    let appearances = findings.compactMap(\.appearance)
    let appearance = appearances.isEmpty ? nil : Appearance(of: appearances)
    let domain = appearance.flatMap { shift?.outcome(ofCase: $0) }
    return CaseResult(
      name: name, scans: scans, score: score, pValue: pValue,
      flagged: pValue.map { calibration.isFlagged(pValue: $0, rate: rate) } ?? false,
      appearance: appearance, domainShiftP: domain?.pValue, domainShift: domain.flatMap { DomainShift.warning($0) })
  }
}
