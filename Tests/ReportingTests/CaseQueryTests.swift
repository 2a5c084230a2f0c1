import Files
import Foundation
import GRDB
import Reporting
import Testing

struct CaseQueryTests {
  let sample: SampleIndex

  init() throws { sample = try SampleIndex() }

  private func message(_ body: (inout CaseQuery) throws -> Void) -> String {
    var query = CaseQuery()
    do { try body(&query) } catch { return "\(error)" }
    return "nothing thrown"
  }

  @Test(
    arguments: [
      ("score", nil, ["severe", "mild [x] 100%", "healthy", "broken"]),
      ("score", .ascending, ["healthy", "mild [x] 100%", "severe", "broken"]),
      ("name", nil, ["broken", "healthy", "mild [x] 100%", "severe"]),
      ("name", .descending, ["severe", "mild [x] 100%", "healthy", "broken"]),
      ("p_value", nil, ["severe", "mild [x] 100%", "healthy", "broken"]),
      ("p_value", .descending, ["healthy", "mild [x] 100%", "severe", "broken"]),
      ("regions", nil, ["severe", "mild [x] 100%", "healthy", "broken"]),
      ("region_area_mm2", .ascending, ["mild [x] 100%", "severe", "broken", "healthy"]),
      ("verdict", nil, ["mild [x] 100%", "broken", "healthy", "severe"]),
    ] as [(String, CaseQuery.Direction?, [String])])
  func `cases come in any order, those without a value last`(
    column: String, direction: CaseQuery.Direction?, names: [String]
  ) throws {
    var query = CaseQuery()
    try query.sort(by: column, direction)
    #expect(try sample.values(of: "name", query) == names)
    query.limit = 1
    #expect(try sample.values(of: "name", query) == [names[0]])
  }

  @Test func `regions are listed with their scans and cases, from the highest peak`() throws {
    let text = try sample.index.table(of: CaseQuery(.regions)).text(as: .csv)
    #expect(
      text
        == [
          "case,scan,path,rank,x,y,width,height,area_px,area_mm2,peak,mean,p_value,q_value",
          "severe,left/a,case/left/a.tif,1,1,2,3,4,30,6.0,9.0,3.5,0.02,0.04",
          "severe,left/a,case/left/a.tif,2,2,2,3,4,80,16.0,5.0,3.5,0.02,0.04",
          "severe,left/a,case/left/a.tif,3,3,2,3,4,3,,4.0,3.5,0.02,0.04",
          "mild [x] 100%,left/a,case/left/a.tif,1,1,2,3,4,5,1.0,3.5,3.5,0.02,0.04", "",
        ].joined(separator: "\r\n"))
  }

  @Test(
    arguments: [
      ("area_mm2 > 5", ["1", "2"]), ("area_mm2 is missing", ["3"]), ("peak < 5 and case = severe", ["3"]),
      ("reviewed", ["1"]), ("case_peak = 9 and case_p_value < 0.01 and scan_score = 8", ["1", "2", "3"]),
      ("score < 4 and path like '*/left/*'", ["1"]), ("name = severe and region_area_mm2 = 16", ["1", "2", "3"]),
    ] as [(String, [String])])
  func `regions are asked for by what they, their scans and their cases have`(
    condition: String, ranks: [String]
  ) throws {
    var query = CaseQuery(.regions)
    try query.filter(condition)
    #expect(try sample.values(of: "rank", query) == ranks)
  }

  @Test(arguments: [CaseQuery.Rows.cases, .regions])
  func `every column that is known can be shown, sorted by and asked for`(rows: CaseQuery.Rows) throws {
    var query = CaseQuery(rows)
    let error = #expect(throws: NormaError.self) { try query.show("nothing") }
    let names = try #require(error?.remedy.replacing("Use one of ", with: ""))
    try query.show(names)
    for name in names.components(separatedBy: ", ") {
      try query.filter("\(name) is present or \(name) is missing")
      try query.sort(by: name)
      #expect(try sample.index.table(of: query).count == 4, "\(name)")
    }
    let asked = #expect(throws: NormaError.self) { try query.filter("nothing") }
    var all = CaseQuery(rows)
    for name in try #require(asked?.remedy.replacing("Use one of ", with: "")).components(separatedBy: ", ") {
      try all.filter("\(name) is present or \(name) is missing")
    }
    #expect(try sample.index.table(of: all).count == 4)
  }

  @Test func `columns that cannot be shown are named with those that can`() throws {
    #expect(
      message { try $0.show("name,scores") }.hasPrefix("--columns: there is no column 'scores'. Use one of name, "))
    #expect(message { try $0.show("name,") }.hasPrefix("--columns: there is no column ''. "))
    #expect(message { try $0.show("score,SCORE") } == "--columns: score is given twice. Name every column once.")
    #expect(
      message { try $0.sort(by: "path") }.hasPrefix(
        "--sort: path has a value for every scan of a case, so that a row has no one to show. Use it in --where or, of "
          + "regions, with --regions; or use one of name, score, "))
  }

  @Test func `a query is printed as SQL that answers the same`() throws {
    var query = CaseQuery()
    try query.filter("score > 0.30000000000000004 or note = 'isn''t; --' or path like '[*'")
    try query.filter("not reviewed")
    try query.show("case,score")
    query.limit = 3
    #expect(
      query.sql
        == "SELECT name, score FROM case_overview WHERE in_study = 1 AND (score > 0.30000000000000004 OR note = 'isn''t; --' OR "
        + "(SELECT coalesce(nullif(max(path GLOB '[[]*'), 0), iif(count(path GLOB '[[]*') < count(*), NULL, 0)) "
        + "FROM scans WHERE case_id = case_overview.id)) AND NOT (reviewed = 1) ORDER BY score DESC, name LIMIT 3;")
    let names = try DatabaseQueue(path: sample.path).read { try String.fetchAll($0, sql: query.sql) }
    #expect(try names == sample.values(of: "name", query))
    #expect(names == ["severe", "healthy"])
  }

  @Test(
    arguments: [
      ("cases_by_score", nil, nil), ("cases_by_score", nil, "score > 2 and not reviewed"),
      ("cases_by_flag", nil, "flagged"), ("cases_by_p_value", "p_value", nil), ("cases_by_regions", "regions", nil),
      ("sqlite_autoindex_cases_1", "name", nil),
    ] as [(String, String?, String?)])
  func `cases are ranked by an index, without sorting`(index: String, order: String?, condition: String?) throws {
    var query = CaseQuery()
    if let order { try query.sort(by: order) }
    if let condition { try query.filter(condition) }
    let plan = try sample.plan(of: query.sql)
    #expect(plan.contains(index), "\(plan)")
    #expect(!plan.contains("TEMP B-TREE"), "\(plan)")
  }

  @Test func `regions are ranked by an index too`() throws {
    let plan = try sample.plan(of: CaseQuery(.regions).sql)
    #expect(plan.hasPrefix("SCAN regions USING INDEX regions_by_peak; "), "\(plan)")
    #expect(!plan.contains("FOR ORDER BY"), "\(plan)")
  }

  @Test func `a query is answered while a batch is within a transaction, as of before`() throws {
    let reader = try CaseIndex(readingFrom: sample.path)
    let writer = try DatabaseQueue(path: sample.path)
    try writer.writeWithoutTransaction { database in
      try database.execute(sql: "PRAGMA journal_mode = WAL; BEGIN IMMEDIATE; DELETE FROM cases")
      var query = CaseQuery()
      try query.filter("score > 2")
      #expect(try reader.table(of: query).count == 2)
      try database.execute(sql: "COMMIT")
      #expect(try reader.table(of: query).count == 0)
    }
  }
}
