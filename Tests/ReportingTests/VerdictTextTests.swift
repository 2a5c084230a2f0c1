import Anomaly
import Foundation
import Reporting
import Testing

/// Where a case's verdict, a scan's and the regions differ, the page says why.
struct VerdictTextTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func pages(_ result: CaseResult) throws -> (study: String, case: String) {
    var report = try SampleStudy.report(in: folder)
    try SampleStudy.write(result, to: report)
    try report.finish(report.context)
    return (
      try SampleStudy.text(report, "index.html"), try SampleStudy.text(report, "cases/\(result.name)/index.html")
    )
  }

  @Test func `a flagged case without a region says what it is flagged by`() throws {
    let pages = try pages(SampleStudy.result("a", [SampleStudy.scan("1", regions: [])]))
    let sentence =
      "It is flagged by its score, the mean of its most abnormal pixels; no group of pixels large enough for a region "
      + "reaches z 3.00."
    #expect(pages.study.contains(sentence) && pages.case.contains("<p class=\"why\">\(sentence)</p>"))
    #expect(
      pages.case.contains(
        "Flagged: p 0.010 among healthy scans; no group of pixels large enough for a region reaches z 3.00: the score is "
          + "the mean of the most abnormal pixels."))
  }

  @Test func `a case that is flagged as a whole says so, and shows both of its scores`() throws {
    var scan = SampleStudy.scan("1", score: 1.5, pValue: 0.3, regions: [])
    if case .done(var findings) = scan.outcome {
      findings.wholeScore = 5.25
      scan.outcome = .done(findings)
    }
    var result = SampleStudy.result("a", [scan])
    result.score = CaseScore(worstPlace: 1.5, whole: 5.25, value: 5.75)
    let report = try SampleStudy.report(in: folder)
    try SampleStudy.write(result, to: report)
    let page = try SampleStudy.text(report, "cases/a/index.html")
    #expect(
      page.contains("It is flagged for the texture of its scans as a whole, which no single place needs to show."))
    #expect(page.contains("it has the most abnormal place of a case that is flagged as a whole"))
    #expect(page.contains("<strong class=\"alert\">Score 1.50.</strong> As a whole 5.25."))
    for fact in ["5.75", "1.50", "5.25"] { #expect(page.contains("<dd>\(fact)</dd>"), "\(fact)") }
    let row = try #require(try report.index.case(named: "a"))
    #expect(row.score == 5.75 && row.worstPlaceScore == 1.5 && row.wholeScore == 5.25)
    #expect(try report.index.scans(of: row.id).map(\.wholeScore) == [5.25])
  }

  @Test func `a case that is not flagged says why it shows regions`() throws {
    let scans = [SampleStudy.scan("1", score: 1.2, pValue: 0.4), SampleStudy.scan("2", score: 1, pValue: 0.5)]
    let pages = try pages(SampleStudy.result("a", scans, flagged: false))
    let sentence =
      "Its 2 regions do not flag it: about one healthy scan in 20 shows a region too, and a case is judged by its score."
    #expect(pages.study.contains(sentence) && pages.case.contains("<p class=\"why\">\(sentence)</p>"))
    #expect(
      pages.case.contains(
        "Not flagged: p 0.40 among healthy scans; its region does not flag it, since about one healthy scan in 20 shows a "
          + "region too."))
  }

  @Test func `a scan that stands out in a case that does not says what its case is judged by`() throws {
    let scans = [
      SampleStudy.scan("1", score: 1.2, pValue: 0.03, regions: []),
      SampleStudy.scan("2", score: 1, pValue: 0.5, regions: []),
    ]
    let pages = try pages(SampleStudy.result("a", scans, flagged: false))
    #expect(
      pages.case.contains(
        "Not flagged: p 0.030 among healthy scans; few healthy scans score as high, but its case is judged by the highest "
          + "of its scans."))
    #expect(!pages.case.contains("class=\"why\""))
  }

  @Test func `the highest scan of a flagged case is flagged, and is counted`() throws {
    let scans = [SampleStudy.scan("1", score: 4, pValue: 0.06), SampleStudy.scan("2", score: 1, pValue: 0.5)]
    let pages = try pages(SampleStudy.result("a", scans))
    #expect(pages.study.contains("<h1>1 of 2 scans flagged in 1 of 1 case at a false-positive rate of 5 %</h1>"))
    #expect(
      pages.case.contains(
        "Flagged: p 0.060 among healthy scans; it has the highest score of a flagged case."))
  }

  @Test func `where all agree nothing is explained`() throws {
    let pages = try pages(SampleStudy.result("a", [SampleStudy.scan("1")]))
    #expect(pages.case.contains("Flagged: p 0.010 among healthy scans."))
    #expect(!pages.case.contains("class=\"why\"") && !pages.study.contains("class=\"why\""))
  }
}
