import Anomaly
import Files

/// What is said of the false-positive rate beside a verdict.
extension StudyContext {
  private var rate: FalsePositiveRate? {
    calibrationScores.isEmpty
      ? nil : FalsePositiveRate(asked: results?.falsePositiveRate ?? falsePositiveRate, cases: calibrationScores.count)
  }

  /// One line for the terminal: "5 % of healthy cases on average; this model below 11 % with probability 0.9 (20
  /// held-out cases)".
  package var rateInWords: String? {
    guard let rate else { return nil }
    let raised = rate.reached > rate.asked ? ", not the \(PageText.percent(rate.asked)) asked for," : ""
    return "\(PageText.percent(rate.reached))\(raised) of healthy cases on average; this model below "
      + "\(PageText.percent(rate.highest)) with probability \(FalsePositiveRate.bound) "
      + "(\(Count.of(rate.cases, "held-out case")))"
  }

  /// The same for the study's page, as a sentence; empty if the healthy cases are not known.
  var rateNote: String {
    guard let rate else { return "" }
    return "\(PageText.percent(rate.reached)) is the average over models that are calibrated on "
      + "\(Count.of(rate.cases, "held-out case")) each; the rate of this one is below "
      + "\(PageText.percent(rate.highest)) with probability \(FalsePositiveRate.bound)."
  }

  /// Why more healthy cases are flagged than was asked for; `nil` if they are not.
  package var rateWarning: String? {
    guard let rate, rate.reached > rate.asked else { return nil }
    let needed = Int((1 / rate.asked - 1 - 1e-9).rounded(.up))
    return
      "The false-positive rate is \(PageText.percent(rate.reached)), not \(PageText.percent(rate.asked)): the model "
      + "was calibrated on \(Count.of(rate.cases, "held-out case")). Train on a study of which \(Count.of(needed, "case")) can "
      + "be held out."
  }
}
