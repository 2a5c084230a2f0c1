import Anomaly
import GRDB
import Reporting
import Testing

struct DomainShiftTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func strange(_ name: String) -> CaseResult {
    var result = SampleStudy.result(name, [SampleStudy.scan("1")])
    result.appearance = Appearance(values: [0.25, nil, -1.5])
    result.domainShiftP = 0.04
    result.domainShift = "This case is <odd>."
    return result
  }

  @Test func `a strange case has a banner of its own, others have none`() throws {
    let report = try SampleStudy.report(in: folder)
    try SampleStudy.write(strange("odd"), to: report)
    try SampleStudy.write(SampleStudy.result("even", [SampleStudy.scan("1")]), to: report)
    let page = try SampleStudy.text(report, "cases/odd/index.html")
    #expect(page.contains("<strong>Domain shift.</strong> This case is &lt;odd&gt;.</p>"))
    #expect(try !SampleStudy.text(report, "cases/even/index.html").contains("Domain shift"))
    #expect(try report.index.strangeCases() == ["odd"])
    let row = try #require(try report.index.case(named: "odd"))
    #expect(row.domainShiftP == 0.04)
    #expect(try report.index.case(named: "even")?.domainShiftP == nil)
  }

  @Test func `appearances come back as they were recorded`() throws {
    let report = try SampleStudy.report(in: folder)
    try SampleStudy.write(strange("odd"), to: report)
    try SampleStudy.write(SampleStudy.result("even", [SampleStudy.scan("1")]), to: report)
    #expect(try report.index.appearances() == ["odd": Appearance(values: [0.25, nil, -1.5])])
  }

  @Test(arguments: [nil, "This study is of another kind."])
  func `a study's shift is in its run and above its page`(text: String?) throws {
    var report = try SampleStudy.report(in: folder)
    var context = report.context
    context.domainShift = text
    try report.finish(context)
    #expect(try report.index.latestRun()?.domainShift == text)
    let page = try SampleStudy.text(report, "index.html")
    #expect(page.contains("<strong>Domain shift.</strong> This study is of another kind.</p>") == (text != nil))
    #expect(try report.index.latestContext() == context)
  }
}
