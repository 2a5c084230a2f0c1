import Files
import Foundation
import GRDB
import Reporting
import Testing

struct ConditionTests {
  let sample: SampleIndex

  init() throws { sample = try SampleIndex() }

  private static let mild = "mild [x] 100%"

  @Test(
    arguments: [
      ("score > 2", ["severe", mild]),
      ("score>=3 and not (flagged)", []),
      ("score != 8", [mild, "healthy"]),
      ("SCORE <> 8 AND score == 1", ["healthy"]),
      ("not score > 2", ["healthy"]),
      ("not score > 2 or score is missing", ["healthy", "broken"]),
      ("p_value <= 5e-2 and score < +3.5", [mild]),
      ("status = failed or regions >= 3", ["severe", "broken"]),
      ("status != done", ["broken"]),
      ("failed_scans > 0", ["severe", "broken"]),
      ("region_area_mm2 > 5", ["severe"]),
      ("region_area_px = 80 and peak > 8.5", ["severe"]),
      ("reviewed", [mild]),
      ("flagged and not reviewed", ["severe"]),
      ("flagged = no", ["healthy"]),
      ("not flagged", ["healthy"]),
      ("regions = 0", ["healthy"]),
      ("not peak > 8", [mild, "healthy"]),
      ("not peak > score", ["healthy"]),
      ("peak > score", ["severe", mild]),
      ("verdict = disagree", [mild]),
      ("verdict != agree", [mild]),
      ("not verdict = agree", [mild]),
      ("note like '*artifact*' and judged_score = 3", [mild]),
      ("note = 'an artifact, isn''t it'", [mild]),
      ("reviewed_at >= '2026-11-25' and reviewed_at < \"2026-11-26\"", [mild]),
      ("score is missing", ["broken"]),
      ("score is not missing and verdict is not present", ["severe", "healthy"]),
      ("path like 'case/right/*'", ["severe"]),
      ("path like '*/left/?.tif' and not path like '*right*'", [mild]),
      ("path not like '*left*'", ["healthy", "broken"]),
      ("error is present", ["severe", "broken"]),
      ("error is missing", [mild, "healthy"]),
      ("error like '*strip*'", ["broken"]),
      ("failed_scans = scans", ["broken"]),
      ("not scan_score < 3", [mild]),
      ("empty_scans > 0 or status = empty", []),
      ("scan_score < 3", ["severe", "healthy"]),
      ("name like 'mild [x]*'", [mild]),
      ("name like '[ms]*'", []),
      ("name like 'MILD*'", []),
      ("name like '*%'", [mild]),
      ("name = severe or name = healthy and score > 5", ["severe"]),
      ("(name = severe or name = healthy) and score > 5", ["severe"]),
      ("domain_shift is present", []),
      ("reviewed and model_sha256 = judged_model_sha256", [mild]),
      ("model_sha256 != judged_model_sha256", []),
      ("name = report_path", []),
      ("name = 'report_path'", []),
    ] as [(String, [String])])
  func `a condition finds its cases`(condition: String, names: [String]) throws {
    #expect(try sample.names(where: condition) == names)
  }

  @Test(
    arguments: [
      ("", "--where: the condition is empty. Write one such as score > 2."),
      (
        "score >",
        "--where: the condition ends where a value for score is expected. Complete it, as in score > 2 and not reviewed."
      ),
      (
        "score > 2 and",
        "--where: the condition ends where a field, 'not' or '(' is expected. Complete it, as in score > 2 and not reviewed."
      ),
      (
        "score > 2 flagged",
        "--where, character 11: 'flagged' stands where 'and', 'or' or the end is expected. Write conditions such as score > 2 and not reviewed."
      ),
      (
        "(score > 2",
        "--where: the condition ends where ')' for the '(' at character 1 is expected. Complete it, as in score > 2 and not reviewed."
      ),
      (
        "score > 2)",
        "--where, character 10: ')' stands where 'and', 'or' or the end is expected. Write conditions such as score > 2 and not reviewed."
      ),
      (
        "score > )",
        "--where, character 9: ')' stands where a value for score is expected. Write conditions such as score > 2 and not reviewed."
      ),
      (
        "score = 'abc'",
        "--where, character 9: score is a number and cannot be compared so with 'abc'. Write a condition such as score >= 3."
      ),
      (
        "name = 5",
        "--where, character 8: name is text and cannot be compared so with '5'. Write a condition such as name = 'some text'."
      ),
      (
        "score = scan_score",
        "--where, character 9: score and scan_score are fields that cannot be compared with each other. Compare two numbers or two texts of a case or region, or put a text in quotes."
      ),
      (
        "verdict = perhaps",
        "--where, character 11: verdict is one of 'agree', 'disagree', 'unsure' and cannot be compared so with 'perhaps'. Write a condition such as verdict = agree."
      ),
      (
        "status < done",
        "--where, character 10: status is one of 'done', 'failed', 'empty' and cannot be compared so with 'done'. Write a condition such as status = done."
      ),
      (
        "flagged > 0",
        "--where, character 11: flagged is true or false and cannot be compared so with '0'. Write a condition such as flagged or not flagged."
      ),
      (
        "score",
        "--where, character 1: score is not true or false by itself, so it has to be compared. Write a condition such as score >= 3, or score is present."
      ),
      (
        "score like '2*'",
        "--where, character 1: score is a number, and 'like' looks for a pattern in text. Write a condition such as score >= 3."
      ),
      (
        "name like 5",
        "--where, character 11: '5' stands where a pattern in quotes, such as 'TCGA*', is expected. Write conditions such as score > 2 and not reviewed."
      ),
      (
        "score is nothing",
        "--where, character 10: 'nothing' stands where 'missing' or 'present' is expected. Write conditions such as score > 2 and not reviewed."
      ),
      ("name = 'abc", "--where, character 8: the quote is never closed. Close the text with '."),
      ("score > 5mm", "--where, character 9: '5mm' is no number. Write a number such as 2.5, or put text in quotes."),
      (
        "score > 1e999",
        "--where, character 9: '1e999' is no number. Write a number such as 2.5, or put text in quotes."
      ),
      ("score =< 2", "--where, character 7: '=<' compares nothing. Use one of = != < <= > >=."),
      (
        "score > 2; DROP TABLE cases",
        "--where, character 10: ';' means nothing here. Put text in quotes, such as name like 'TCGA*'; decimals take a point, and there are no lists."
      ),
      (
        "score > \u{1B}",
        "--where, character 9: '\\u{1B}' means nothing here. Put text in quotes, such as name like 'TCGA*'; decimals take a point, and there are no lists."
      ),
    ])
  func `a wrong condition is answered with its place and what was expected`(condition: String, message: String) throws {
    #expect(throws: NormaError.self) { try sample.names(where: condition) }
    do { _ = try sample.names(where: condition) } catch { #expect("\(error)" == message) }
  }

  @Test func `an unknown field is answered with those that are known`() throws {
    let error = #expect(throws: NormaError.self) { try sample.names(where: "scor > 2") }
    #expect(error?.subject == "--where, character 1")
    #expect(error?.found == "there is no field 'scor'")
    #expect(error?.remedy.hasPrefix("Use one of name, score, p_value, flagged, scan_count, ") == true)
    #expect(error?.remedy.hasSuffix(", heatmap_path, error") == true)
  }

  @Test func `conditions that are too long or too deep are refused, and those just within are answered`() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "(", count: depth) + "score > 2" + String(repeating: ")", count: depth)
    }
    func mixed(_ depth: Int) -> String {
      String(repeating: "flagged or (not error like '*' and (", count: depth) + "path = 'x'"
        + String(repeating: "))", count: depth)
    }
    func many(_ count: Int) -> String { Array(repeating: "page=1", count: count).joined(separator: " or ") }
    #expect(try sample.names(where: nested(20)).count == 2)
    #expect(try sample.names(where: mixed(10).replacing("not ", with: "")).count == 2)
    #expect(try sample.names(where: mixed(6)).count == 2)
    #expect(try sample.names(where: String(repeating: "not ", count: 20) + "flagged").count == 2)
    #expect(try sample.names(where: many(500)).isEmpty)
    for (condition, message) in [
      (
        nested(21),
        "--where, character 21: parentheses and 'not' are nested deeper than 20. Leave out those not needed."
      ),
      (
        nested(4000),
        "--where, character 21: parentheses and 'not' are nested deeper than 20. Leave out those not needed."
      ),
      (
        nested(100_000),
        "--where: the condition has 200009 characters; 10000 at most are read. Shorten it, or ask the index with sqlite3."
      ),
      (
        many(501),
        "--where, character 5001: the condition tests more than 500 times. Shorten it, or ask the index with sqlite3."
      ),
    ] {
      let error = #expect(throws: NormaError.self) { try sample.names(where: condition) }
      #expect("\(error!)" == message)
    }
  }

  @Test func `what is typed never becomes a part of the statement`() throws {
    for name in ["x' OR 1 = 1 --", "'; DROP TABLE cases; --", "?", "\"", "\\", "*", "é\u{202E}"] {
      let quoted = name.replacing("'", with: "''")
      #expect(try sample.names(where: "name = '\(quoted)'").isEmpty)
      #expect(try sample.names(where: "name = '\(quoted)' or flagged").count == 2)
    }
    #expect(try sample.index.cases().count == 4)
  }
}
