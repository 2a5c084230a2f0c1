/// Judges a case by the findings in its scans: score, p-value, flag, p-values of its regions, and whether the case
/// looks like the training cases.
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
    let score = score(of: findings)
    let appearances = findings.compactMap(\.appearance)
    let appearance = appearances.isEmpty ? nil : Appearance(of: appearances)
    let domain = appearance.flatMap { shift?.outcome(ofCase: $0) }
    let looksOdd = domain?.isFar ?? false
    let pValue = score.map { calibration.pValue(ofCase: $0.value, looksOdd: looksOdd) }
    return CaseResult(
      name: name, scans: scans.map { withPValues($0, caseOf: findings.count, looksOdd: looksOdd) }, score: score,
      pValue: pValue,
      flagged: pValue.map { calibration.isFlagged(pValue: $0, rate: rate) } ?? false,
      appearance: appearance, domainShiftP: domain?.pValue, domainShift: domain.flatMap { DomainShift.warning($0) })
  }

  private func score(of findings: [ScanResult.Findings]) -> CaseScore? {
    guard let largest = findings.map(\.score).max() else { return nil }
    let worstPlace = calibration.cases.comparable(largest, ofScans: findings.count)
    guard let texture = calibration.texture else { return CaseScore(worstPlace: worstPlace) }
    let whole = texture.score(of: findings.compactMap(\.textureDistance))
    return CaseScore(worstPlace: worstPlace, whole: whole, value: texture.combined(whole, with: worstPlace))
  }

  /// Gives the regions of a scan their p-values, and the scan its score as a whole.
  ///
  /// - Parameters:
  ///   - count: number of scored scans of the case.
  ///   - looksOdd: whether the case does not look like the training cases.
  private func withPValues(_ scan: ScanResult, caseOf count: Int, looksOdd: Bool) -> ScanResult {
    guard case .done(var findings) = scan.outcome else { return scan }
    for (k, mass) in findings.regionMasses.enumerated() {
      findings.regions[k].pValue = calibration.pValue(ofRegionWithMass: mass, caseOf: count, looksOdd: looksOdd)
    }
    findings.regionMasses = []
    if let distance = findings.textureDistance { findings.wholeScore = calibration.texture?.score(of: [distance]) }
    findings.textureDistance = nil
    var result = scan
    result.outcome = .done(findings)
    return result
  }
}
