import Anomaly
import Foundation
import GRDB
import Reporting
import Testing

/// The index of a report that no analysis had to be run for.
private func writeReport(in folder: TemporaryFolder) throws {
  try folder.makeFolder(of: "report/cases.sqlite")
  let index = try CaseIndex(writingTo: folder.file("report/cases.sqlite"))
  let context = StudyContext(title: "S", scoring: "s", threshold: 3, falsePositiveRate: 0.05)
  let run = try index.beginRun(context, toolVersion: "1", modelSHA256: "model", studyPath: "S")
  for (name, score) in [("a", 5.0), ("b", 3.0), ("c", nil)] as [(String, Double?)] {
    let region = Region(
      rank: 1, x: 1, y: 2, width: 3, height: 4, areaPixels: 12, areaSquareMillimeters: 0.25, peak: 6, mean: 4)
    let outcome: ScanResult.Outcome =
      if let score {
        .done(
          .init(width: 8, height: 8, channels: 1, pixelSize: nil, score: score, pValue: 1 / score, regions: [region]))
      } else { .failed(reason: "No TIFF file.") }
    let scan = ScanResult(name: "1", path: "\(name)/1.tif", page: nil, sha256: nil, outcome: outcome)
    let result = CaseResult(
      name: name, scans: [scan], score: score.map { CaseScore(worstPlace: $0) },
      pValue: score.map { 1 / $0 }, flagged: score ?? 0 > 4)
    try index.record(
      result, run: run, scoring: "s", reportPath: "cases/\(name)/index.html",
      heatmapPath: { "cases/\(name)/\($0.name)" })
  }
  try index.finishRun(run, .done, context: context)
}

private func writeReviews(_ reviews: String, model: String = "model", to name: String, in folder: TemporaryFolder)
  throws
{
  try folder.write(
    #"{"norma": "review 1", "study": "S", "model_sha256": "\#(model)", "reviews": [\#(reviews)]}"#, to: name)
}

@Test(
  arguments: [
    ([], "name,score,flagged\r\na,5.0,1\r\nb,3.0,0\r\nc,,\r\n", []),
    (["--flagged"], "name,score,flagged\r\na,5.0,1\r\n", ["flagged"]),
    (["--failed"], "name,score,flagged\r\nc,,\r\n", []),
    (["--reviewed"], "name,score,flagged\r\n", []),
    (["--not-reviewed", "--where", "not flagged"], "name,score,flagged\r\nb,3.0,0\r\n", ["flagged"]),
    (["--sort", "score", "--ascending", "--limit", "1"], "name,score,flagged\r\nb,3.0,0\r\n", []),
    (["--descending", "--limit", "1"], "name,score,flagged\r\na,5.0,1\r\n", []),
    (["--where", "flagged", "--where", "score < 4"], "name,score,flagged\r\n", ["flagged", "score"]),
    (["--where", "score > 2", "--where", "score < 4"], "name,score,flagged\r\nb,3.0,0\r\n", ["score"]),
    (["--where", "score is null"], "name,score,flagged\r\nc,,\r\n", []),
  ] as [([String], String, [String])])
func `cases are listed as the options ask, and what cannot be compared is told of`(
  options: [String], output: String, missing: [String]
) throws {
  let folder = try TemporaryFolder()
  try writeReport(in: folder)
  let columns = ["--columns", "name,score,flagged", "--format", "csv"]
  let result = try Program.run(["cases", "report"] + columns + options, in: folder)
  let fields = missing.map { "1 without \($0) (not examined)" }.joined(separator: ", ")
  #expect(
    result.errors == (missing.isEmpty ? "" : "1 of 3 cases cannot be compared and is not listed: \(fields).\n"))
  #expect(result.status == 0)
  #expect(result.output == output)
}

@Test func `a measure that no region has is told of, in place of no region meeting the condition`() throws {
  let folder = try TemporaryFolder()
  try writeReport(in: folder)
  try DatabaseQueue(path: folder.file("report/cases.sqlite")).write {
    try $0.execute(sql: "UPDATE regions SET area_mm2 = NULL")
  }
  let result = try Program.run("cases", "report", "--regions", "--where", "area_mm2 > 5", in: folder)
  #expect(result.status == 0)
  #expect(
    result.errors
      == "2 of 2 regions cannot be compared and are not listed: 2 without area_mm2 (their scans do not say how large a "
      + "pixel is).\n")
  let decided = try Program.run("cases", "report", "--regions", "--where", "area_px > 99", in: folder)
  #expect(decided.errors == "No region meets this.\n")
}

@Test func `regions are listed, and a query is printed as SQL`() throws {
  let folder = try TemporaryFolder()
  try writeReport(in: folder)
  let regions = try Program.run("cases", "report", "--regions", "--where", "case = b", in: folder)
  #expect(
    regions.output == """
      case  scan  path     rank  x  y  width  height  area_px  area_mm2  peak  mean  p  q
      b     1     b/1.tif     1  1  2      3       4       12      0.25  6.00  4.00  -  -

      """)
  let sql = try Program.run(
    "cases", "report", "--where", "name != 'it''s'", "--columns", "name", "--limit", "2", "--sql", in: folder)
  #expect(
    sql.output
      == "SELECT name FROM case_overview WHERE in_study = 1 AND name != 'it''s' ORDER BY score DESC, name LIMIT 2;\n")
}

@Test(
  arguments: [
    (["--limit", "0"], "--limit is 0; 1 or more is expected."),
    (["--reviewed", "--not-reviewed"], "Give --reviewed or --not-reviewed, not both."),
    (["--ascending", "--descending"], "Give --ascending or --descending, not both."),
    (
      ["--where", "score > 'x'"],
      "--where, character 9: score is a number and cannot be compared so with 'x'. "
        + "Write a condition such as score >= 3."
    ),
    (["--columns", "name,name"], "--columns: name is given twice. Name every column once."),
  ] as [([String], String)])
func `a query that cannot be asked ends with status 2`(options: [String], message: String) throws {
  let result = try Program.run(["cases", "report"] + options, in: try TemporaryFolder())
  #expect(result.status == 2)
  #expect(result.errors.hasPrefix("Error: \(message)\n"))
}

@Test func `reviews are imported, counted, and asked for`() throws {
  let folder = try TemporaryFolder()
  try writeReport(in: folder)
  let agree = #"{"case": "a", "verdict": "agree", "reviewed_at": "2026-11-25T22:00:00Z", "score": 5}"#
  let disagree = #"{"case": "a", "verdict": "disagree", "note": "vessel", "reviewed_at": "2026-11-25T22:00:01Z"}"#
  try writeReviews(agree, to: "1.json", in: folder)
  try writeReviews(disagree, to: "2.json", in: folder)
  let result = try Program.run(
    "review", "import", "report", "2.json", "1.json", "2.json", "--reviewer", "R", in: folder)
  #expect(result.status == 0)
  #expect(result.errors == "")
  #expect(
    result.output == """
      2.json: 1 new, 0 changed, 0 unchanged
      1.json: 0 new, 0 changed, 1 unchanged
      2.json: 0 new, 0 changed, 1 unchanged

      """)
  let cases = try Program.run(
    "cases", "report", "--reviewed", "--columns", "name,verdict,note,reviewer", "--format", "ndjson", in: folder)
  #expect(cases.output == #"{"name": "a", "verdict": "disagree", "note": "vessel", "reviewer": "R"}"# + "\n")
  #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("report")) == ["cases.sqlite"])
}

@Test func `the index of a report stands for its folder`() throws {
  let folder = try TemporaryFolder()
  try writeReport(in: folder)
  let whole = try Program.run("cases", "report", in: folder)
  #expect(whole.status == 0 && !whole.output.isEmpty)
  #expect(try Program.run("cases", "report/cases.sqlite", in: folder).output == whole.output)
  #expect(try Program.run("cases", folder.file("report/cases.sqlite"), in: folder).output == whole.output)
}

@Test func `reviews of other cases and models are told of, and a bad file does not stop the others`() throws {
  let folder = try TemporaryFolder()
  try writeReport(in: folder)
  let entries = ["a", "gone\u{1B}"].map { name in
    "{\"case\": \"\(name == "a" ? name : "gone\\u001b")\", \"verdict\": \"unsure\", "
      + "\"reviewed_at\": \"2026-11-25T22:00:00Z\"}"
  }
  try writeReviews(entries.joined(separator: ","), model: "other", to: "good.json", in: folder)
  try folder.write("no", to: "bad.json")
  let result = try Program.run("review", "import", "report", "bad.json", "good.json", in: folder)
  #expect(result.status == 1)
  #expect(result.output == "good.json: 1 new, 0 changed, 0 unchanged\n")
  #expect(
    result.errors == """
      failed: bad.json: the file is no JSON. Save it from the report's page again.
      warning: good.json: not imported, since this report has no case of the name: gone\\u{1B}. Import the file into \
      the report that it was saved from.
      warning: good.json: 1 review judges the report of another model, with other scores and regions. Look at these \
      cases again.

      """)
}

@Test func `reviews are imported into a report only`() throws {
  let folder = try TemporaryFolder()
  let result = try Program.run("review", "import", "nothing", "1.json", in: folder)
  #expect(result.status == 1)
  #expect(
    result.errors == "norma: nothing: not a report folder: it has no cases.sqlite. Run norma analyze first.\n")
  #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
}
