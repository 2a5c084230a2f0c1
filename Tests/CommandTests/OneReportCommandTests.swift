import Foundation
import Testing

/// One report is one study, as a user sees it who types little.
@Suite struct OneReportCommandTests {
  private let model: String

  init() throws { model = try LongBatch.shared.get().folder.file("model.safetensors") }

  @Test func `a study that is analyzed from within does not grow by its own report`() throws {
    let study = try TemporaryFolder()
    for k in 0..<2 { try study.writeScan("case\(k)/slice.tif") }
    for run in 1...3 {
      let result = try Program.run("analyze", ".", "--model", model, in: study)
      #expect(result.status == 0, "\(result.errors)")
      #expect(result.output.contains("cases    2,"), "run \(run): \(result.output)")
      #expect(result.errors.contains("a report of norma, and no scans. It is left out.") == (run > 1))
    }
    let own = try Program.run("analyze", ".", "--model", model, "--output", ".", in: study)
    #expect(own.status == 1 && own.errors.contains("scans of the study lie in this folder"), "\(own.errors)")
  }

  @Test func `namesakes get reports of their own, and one of them is refused in the other's`() throws {
    let folder = try TemporaryFolder()
    for study in ["A", "B"] { for k in 0..<2 { try folder.writeScan("\(study)/brains/case\(k)/slice.tif") } }
    for (study, report) in [("A", "brains"), ("B", "brains-2"), ("A", "brains"), ("B", "brains-2")] {
      let result = try Program.run("analyze", "\(study)/brains", "--model", model, in: folder)
      #expect(result.status == 0 && result.output.contains("report   Reports/\(report)/index.html"), "\(result)")
    }
    let refused = try Program.run(
      "analyze", "B/brains", "--model", model, "--output", "Reports/brains", in: folder)
    #expect(refused.status == 1)
    #expect(refused.errors.contains("it is of the study A/brains, not of B/brains"), "\(refused.errors)")
    let anew = try Program.run(
      "analyze", "B/brains", "--model", model, "--output", "Reports/brains", "--anew", in: folder)
    #expect(anew.status == 0 && anew.errors.contains("cases.sqlite.before-anew"), "\(anew.errors)")
  }

  @Test func `cases that left the study are told of and listed apart`() throws {
    let folder = try TemporaryFolder()
    for k in 0..<3 { try folder.writeScan("study/case\(k)/slice.tif") }
    let analyze = ["analyze", "study", "--model", model, "--output", "report"]
    #expect(try Program.run(analyze, in: folder).status == 0)
    try FileManager.default.removeItem(atPath: folder.file("study/case1"))
    let again = try Program.run(analyze, in: folder)
    #expect(
      again.errors.contains("1 case that left the study is kept, and counted nowhere: case1."), "\(again.errors)")
    let all = try Program.run("cases", "report", in: folder)
    #expect(!all.output.contains("case1") && all.output.contains("case2"), "\(all.output)")
    #expect(all.errors.contains("1 case that left the study is not listed; --not-in-study lists it."))
    let absent = try Program.run(
      "cases", "report", "--not-in-study", "--columns", "name", "--format", "csv", in: folder)
    #expect(absent.output == "name\r\ncase1\r\n")
    let removed = try Program.run(analyze + ["--remove-absent"], in: folder)
    #expect(removed.errors.contains("1 case that left the study is removed: case1."), "\(removed.errors)")
    #expect(try Program.run("verify", "report", in: folder).status == 0)
  }
}
