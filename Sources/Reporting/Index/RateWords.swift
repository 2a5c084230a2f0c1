import Anomaly
import Files

/// Words for the false-positive rate, which stand beside a verdict.
extension FalsePositiveRate {
  /// Whether a case is also compared with healthy cases that were trained on.
  private var countsTrainedOn: Bool { heldOut < cases }

  /// The healthy cases that a case is compared with: "20 held-out cases each", "50 healthy cases each, 20 of them held
  /// out".
  private func calibrationCases(_ each: String = "") -> String {
    guard countsTrainedOn else { return Count.of(cases, "held-out case") + each }
    return "\(Count.of(cases, "healthy case"))\(each), \(heldOut) of them held out"
  }

  /// One line for the terminal: "5 % of healthy cases on average; this model below 11 % with probability 0.9 (20
  /// held-out cases)".
  package var inWords: String {
    let raised = reached > asked ? ", not the \(PageText.percent(asked, beside: reached)) asked for," : ""
    return "\(PageText.percent(reached, beside: asked))\(raised) of healthy cases on average; this model below "
      + "\(PageText.percent(highest)) with probability \(Self.bound) (\(calibrationCases()))"
  }

  /// The same for the study's page, as a sentence.
  package var note: String {
    "\(PageText.percent(reached)) is the average over models that are calibrated on \(calibrationCases(" each")); the "
      + "rate of this one is below \(PageText.percent(highest)) with probability \(Self.bound)."
  }

  /// Why more healthy cases are flagged than was asked for; `nil` if they are not.
  package var warning: String? {
    guard reached > asked else { return nil }
    let needed = (1 / asked - 1 - 1e-9).rounded(.up)
    let found =
      "The false-positive rate is \(PageText.percent(reached, beside: asked)), not \(PageText.percent(asked, beside: reached)): the "
      + "model was calibrated on \(calibrationCases())."
    guard needed < 1e9 else { return found + " No study is large enough for the rate that was asked for." }
    let cases = Count.of(Int(needed), "case")
    return found + " Train on a study "
      + (countsTrainedOn ? "of \(cases) or more." : "of which \(cases) can be held out.")
  }
}

extension StudyContext {
  /// `nil` if the healthy cases are not known.
  package var rate: FalsePositiveRate? {
    calibrationScores.isEmpty
      ? nil
      : FalsePositiveRate(
        asked: results?.falsePositiveRate ?? falsePositiveRate, cases: calibrationScores.count,
        heldOut: record?.heldOutCases)
  }

  /// See `FalsePositiveRate.inWords`; `nil` if the healthy cases are not known.
  package var rateInWords: String? { rate?.inWords }

  /// See `FalsePositiveRate.note`; empty if the healthy cases are not known.
  var rateNote: String { rate?.note ?? "" }

  /// Whether healthy cases that the model learned from are among those that cases are compared with.
  var calibrationHasOthers: Bool { (record?.heldOutCases ?? .max) < calibrationScores.count }

  /// See `FalsePositiveRate.warning`.
  package var rateWarning: String? { rate?.warning }
}
