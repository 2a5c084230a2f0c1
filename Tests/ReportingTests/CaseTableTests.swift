import Foundation
import Reporting
import Testing

struct CaseTableTests {
  let rows: [CaseRow]

  init() throws {
    let folder = try TemporaryFolder()
    let index = try CaseIndex(writingTo: folder.path + "/cases.sqlite")
    let run = try index.beginRun(SampleStudy.context(), toolVersion: "1", modelSHA256: "m", studyPath: "S")
    let results = [
      SampleStudy.result("worst \"one\", two", [SampleStudy.scan("1", score: 12.345, pValue: 0.0004)]),
      SampleStudy.result("line\nbreak\u{1B}[31m", [SampleStudy.scan("1", score: 3, pValue: 0.2)], flagged: false),
      SampleStudy.result("broken", [SampleStudy.failedScan("1")]),
    ]
    for result in results {
      try index.record(result, run: run, scoring: "s", reportPath: "cases/x/index.html", heatmapPath: { $0.name })
    }
    rows = try index.cases()
  }

  @Test func `the table is aligned and shows control characters escaped`() {
    #expect(
      CaseTable(rows).text(as: .table) == """
        case                   score        p  flagged  scans  regions  status  report
        worst "one", two       12.35  < 0.001  yes          1        1  done    cases/x/index.html
        line\\nbreak\\u{1B}[31m   3.00     0.20  no           1        1  done    cases/x/index.html
        broken                     -        -  no           1        0  failed  cases/x/index.html

        """)
  }

  @Test func `JSON parses and uses the columns' names`() throws {
    let text = CaseTable(rows).text(as: .json)
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
    #expect(CaseTable([]).text(as: .json) == "[]\n")
  }

  @Test func `CSV quotes what RFC 4180 asks for`() {
    #expect(
      CaseTable(rows).text(as: .csv)
        == "name,score,p_value,flagged,scan_count,region_count,status,report_path\r\n"
        + "\"worst \"\"one\"\", two\",12.345,0.0004,1,1,1,done,cases/x/index.html\r\n"
        + "\"line\nbreak\u{1B}[31m\",3.0,0.2,0,1,1,done,cases/x/index.html\r\n"
        + "broken,,,0,1,0,failed,cases/x/index.html\r\n")
  }
}
