import Foundation
import Reporting
import Testing

struct CaseTableTests {
  let folder: TemporaryFolder
  let index: CaseIndex

  init() throws {
    folder = try TemporaryFolder()
    index = try CaseIndex(writingTo: folder.path + "/cases.sqlite")
    let run = try index.beginRun(SampleStudy.context(), toolVersion: "1", modelSHA256: "m", studyPath: "S")
    let results = [
      SampleStudy.result("worst \"one\", two", [SampleStudy.scan("1", score: 12.345, pValue: 0.0004)]),
      SampleStudy.result("line\nbreak\u{1B}[31m", [SampleStudy.scan("1", score: 3, pValue: 0.2)], flagged: false),
      SampleStudy.result("broken", [SampleStudy.failedScan("1")]),
    ]
    for result in results {
      try index.record(
        result, run: run, scoring: "s", reportPath: "cases/x/index.html", heatmapPath: { "cases/\($0.name)" })
    }
  }

  private func text(_ format: CaseTable.Format, _ query: CaseQuery = CaseQuery()) throws -> String {
    try index.table(of: query).text(as: format)
  }

  @Test func `the table is aligned and shows control characters escaped`() throws {
    #expect(
      try text(.table) == """
        case                   score        p  flagged  scans  regions  status  report
        worst "one", two       12.35  < 0.001  yes          1        1  done    cases/x/index.html
        line\\nbreak\\u{1B}[31m   3.00     0.20  no           1        1  done    cases/x/index.html
        broken                     -        -  -            1        -  failed  cases/x/index.html

        """)
  }

  @Test func `JSON parses and uses the columns' names`() throws {
    let text = try text(.json)
    let objects = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
    #expect(objects.count == 3)
    #expect(objects[1]["name"] as? String == "line\nbreak\u{1B}[31m")
    #expect(objects[0]["p_value"] as? Double == 0.0004)
    #expect(objects[0]["flagged"] as? Bool == true)
    #expect(objects[2]["score"] is NSNull)
    #expect(
      Set(objects[0].keys) == [
        "name", "score", "p_value", "flagged", "scan_count", "region_count", "status", "report_path",
      ])
    var none = CaseQuery()
    try none.filter("score > 99")
    #expect(try self.text(.json, none) == "[]\n")
  }

  @Test func `JSON line by line has an object a line`() throws {
    var query = CaseQuery()
    try query.show("name,score,flagged")
    #expect(
      try text(.ndjson, query) == #"""
        {"name": "worst \"one\", two", "score": 12.345, "flagged": true}
        {"name": "line\nbreak\u001b[31m", "score": 3.0, "flagged": false}
        {"name": "broken", "score": null, "flagged": null}

        """#)
  }

  @Test func `columns that are asked for come in that order, small areas with their digits`() throws {
    var query = CaseQuery(.regions)
    try query.show("case, area_mm2, rank, missing_share, verdict")
    #expect(
      try text(.table, query) == """
        case                   area_mm2  rank  missing_share  verdict
        line\\nbreak\\u{1B}[31m      0.50     1           0.00  -
        worst "one", two           0.50     1           0.00  -

        """)
  }

  @Test func `CSV quotes what RFC 4180 asks for`() throws {
    #expect(
      try text(.csv)
        == "name,score,p_value,flagged,scan_count,region_count,status,report_path\r\n"
        + "\"worst \"\"one\"\", two\",12.345,0.0004,1,1,1,done,cases/x/index.html\r\n"
        + "\"line\nbreak\u{1B}[31m\",3.0,0.2,0,1,1,done,cases/x/index.html\r\n"
        + "broken,,,,1,,failed,cases/x/index.html\r\n")
  }
}
