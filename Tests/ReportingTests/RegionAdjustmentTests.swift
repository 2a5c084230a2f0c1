import Anomaly
import Foundation
import GRDB
import Reporting
import Testing

struct RegionAdjustmentTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func result(_ name: String, _ pValues: [[Double?]]) -> CaseResult {
    SampleStudy.result(
      name,
      pValues.enumerated().map { number, values in
        SampleStudy.scan(
          "\(number + 1)",
          regions: values.enumerated().map { rank, p in
            var region = SampleStudy.region(rank: rank + 1)
            region.pValue = p
            return region
          })
      })
  }

  private func qValues(_ report: Report, _ name: String) throws -> [[Double?]] {
    let row = try #require(try report.index.case(named: name))
    return try report.index.scans(of: row.id).map { try report.index.regions(of: $0.id).map(\.qValue) }
  }

  @Test func `regions are adjusted over all scored cases of the report`() throws {
    var report = try SampleStudy.report(in: folder)
    try SampleStudy.write(result("a", [[0.01, 0.2], []]), to: report)
    try SampleStudy.write(result("b", [[], [0.02]]), to: report)
    for name in ["c", "d"] { try SampleStudy.write(result(name, [[], []]), to: report) }
    try SampleStudy.write(SampleStudy.result("broken", [SampleStudy.failedScan("1")]), to: report)
    #expect(try qValues(report, "a") == [[nil, nil], []])
    try report.finish(report.context)
    // Four cases; the two with regions are both selected at 0.04, and 0.2 * 4 / 2 is what the second region needs.
    #expect(try qValues(report, "a") == [[0.04, 0.4], []])
    #expect(try qValues(report, "b") == [[], [0.04]])
    let page = try SampleStudy.text(report, "cases/a/index.html")
    #expect(page.contains("<td class=\"number\">0.010</td><td class=\"number\">0.040</td></tr>"))
    #expect(page.contains("<td class=\"number\">0.20</td><td class=\"number\">0.40</td></tr>"))
  }

  /// Scans of a case are alike: the many regions of one case are one discovery, not many.
  @Test func `the scans of a case are one family`() throws {
    var report = try SampleStudy.report(in: folder)
    try SampleStudy.write(result("a", [[0.01], [0.01], [0.01]]), to: report)
    try SampleStudy.write(result("b", [[]]), to: report)
    try report.finish(report.context)
    #expect(try qValues(report, "a") == [[0.02], [0.02], [0.02]])
  }

  @Test func `a study analyzed in two runs has the numbers and pages of one run`() throws {
    let results = [result("a", [[0.01], []]), result("b", [[0.02, 0.5]]), result("c", [[0.015], [0.3]])]
    var whole = try SampleStudy.report(in: folder)
    for item in results { try SampleStudy.write(item, to: whole) }
    try whole.finish(whole.context)
    let other = try TemporaryFolder()
    for part in [results[..<1], results[1...]] {
      var report = try SampleStudy.report(in: other)
      for item in part { try SampleStudy.write(item, to: report) }
      try report.finish(report.context)
    }
    let resumed = try SampleStudy.report(in: other)
    for name in ["a", "b", "c"] {
      #expect(try qValues(resumed, name) == qValues(whole, name))
      let page = "cases/\(name)/index.html"
      #expect(try SampleStudy.text(resumed, page) == SampleStudy.text(whole, page))
    }
  }

  @Test func `regions of a model that gives no p-values have no q-values`() throws {
    var report = try SampleStudy.report(in: folder)
    try SampleStudy.write(result("a", [[nil]]), to: report)
    try report.finish(report.context)
    #expect(try qValues(report, "a") == [[nil]])
    #expect(
      try SampleStudy.text(report, "cases/a/index.html").contains(
        "<td class=\"number\">–</td><td class=\"number\">–</td></tr>"))
  }

  @Test func `an index of an older norma gains what it lacks when it is opened again`() throws {
    var report = try SampleStudy.report(in: folder)
    try SampleStudy.write(result("a", [[0.01]]), to: report)
    try report.finish(report.context)
    let (path, newer) = (report.folder.index, report.folder.index + ".newer")
    try FileManager.default.moveItem(atPath: path, toPath: newer)
    let older = try DatabaseQueue(path: path)
    try IndexSchema.migrator.migrate(older, upTo: "1: runs, cases, scans, regions")
    try older.writeWithoutTransaction { database in
      try database.execute(sql: "ATTACH DATABASE ? AS newer", arguments: [newer])
      for table in ["runs", "cases", "scans", "regions"] {
        let columns = try database.columns(in: table).map(\.name).joined(separator: ", ")
        try database.execute(sql: "INSERT INTO \(table) (\(columns)) SELECT \(columns) FROM newer.\(table)")
      }
    }
    report = try SampleStudy.report(in: folder)
    #expect(try report.index.cases().map(\.name) == ["a"])
    #expect(try qValues(report, "a") == [[nil]])
    try report.finish(report.context)
    #expect(try report.index.latestRun()?.domainShift == nil)
  }
}
