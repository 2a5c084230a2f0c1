import Anomaly
import Compute
import Foundation
import Reporting
import Testing

struct RateWordsTests {
  private func context(cases: Int, asked: Double) -> StudyContext {
    var context = SampleStudy.context()
    context.results = ResultSettings(
      score: .ensemble, precision: .float32, falsePositiveRate: asked, largestWhole: 1 << 20)
    context.calibrationScores = (0..<cases).map(Double.init)
    context.falsePositiveRate = FalsePositiveRate(asked: asked, cases: cases).reached
    return context
  }

  @Test func `a raised rate is said with what was asked for and what is needed`() {
    let few = context(cases: 5, asked: 0.05)
    #expect(
      few.rateInWords
        == "17 %, not the 5 % asked for, of healthy cases on average; this model below 37 % with probability 0.9 "
        + "(5 held-out cases)")
    #expect(
      few.rateWarning
        == "The false-positive rate is 17 %, not 5 %: the model was calibrated on 5 held-out cases. Train on a study of "
        + "which 19 cases can be held out.")
  }

  @Test func `two rates that are nearly the same are told apart, and the least has no study`() {
    #expect(
      context(cases: 40, asked: 0.024).rateWarning?.hasPrefix("The false-positive rate is 2.44 %, not 2.40 %: ") == true
    )
    #expect(
      context(cases: 40, asked: 1e-300).rateWarning?.hasSuffix(
        "No study is large enough for the rate that was asked for.")
        == true)
  }

  @Test func `a rate that was asked for is said with how far one model can be from it`() {
    let enough = context(cases: 20, asked: 0.05)
    #expect(
      enough.rateInWords
        == "5 % of healthy cases on average; this model below 11 % with probability 0.9 (20 held-out cases)")
    #expect(enough.rateWarning == nil)
    #expect(context(cases: 19, asked: 0.05).rateWarning == nil)
    #expect(context(cases: 0, asked: 0.05).rateInWords == nil)
  }

  @Test func `cases that were trained on are counted apart, and one model's own rate rests on those held out`() {
    let mixed = FalsePositiveRate(asked: 0.05, cases: 50, heldOut: 20)
    #expect(
      mixed.inWords
        == "5 % of healthy cases on average; this model below 11 % with probability 0.9 (50 healthy cases, 20 of them "
        + "held out)")
    #expect(mixed.note.contains("calibrated on 50 healthy cases each, 20 of them held out; the rate"))
    let few = FalsePositiveRate(asked: 0.05, cases: 9, heldOut: 4)
    #expect(
      few.warning
        == "The false-positive rate is 10 %, not 5 %: the model was calibrated on 9 healthy cases, 4 of them held out. "
        + "Train on a study of 19 cases or more.")
    #expect(mixed.warning == nil)
  }

  @Test func `the study's page says it beside the verdict`() throws {
    let folder = try TemporaryFolder()
    var report = try SampleStudy.report(in: folder, context: context(cases: 20, asked: 0.05))
    try SampleStudy.write(SampleStudy.result("a", [SampleStudy.scan("1")]), to: report)
    try report.finish(report.context)
    let page = try SampleStudy.text(report, "index.html")
    #expect(
      page.contains(
        "5 % is the average over models that are calibrated on 20 held-out cases each; the rate of this one is below "
          + "11 % with probability 0.9."))
  }

  @Test func `a case whose score is brought to fewer scans says so on its page`() throws {
    let folder = try TemporaryFolder()
    let report = try SampleStudy.report(in: folder)
    var result = SampleStudy.result("a", (1...3).map { SampleStudy.scan("\($0)", score: 4) })
    result.score = CaseScore(worstPlace: 3.5)
    try SampleStudy.write(result, to: report)
    #expect(
      try SampleStudy.text(report, "cases/a/index.html").contains(
        "3.50 (4.00 less what the highest of 3 scans has by chance)"))
  }

  @Test func `the colours end where planted lesions reach`() {
    #expect(HeatScale(threshold: 3, reach: 5.5).top == 5.5)
    #expect(HeatScale(threshold: 3, reach: 2).top == 4)
    #expect(HeatScale(threshold: 3, reach: 40).top == 12)
    #expect(HeatScale(threshold: 3).top == 9)
  }
}
