import Foundation
import Testing

/// What is done without the right to read or write; run as nobody, since the superuser may do anything.
@Suite(.enabled(if: Program.lackOfNobody == nil, Program.lackOfNobody ?? ""))
struct LostRightsTests {
  let batch: LongBatch
  var folder: TemporaryFolder { batch.folder }
  let name = "rights-\(UUID().uuidString)"

  init() throws {
    batch = try LongBatch.shared.get()
    try FileManager.default.createDirectory(atPath: folder.file(name), withIntermediateDirectories: true)
    allow(name, 0o777)
  }

  private func allow(_ path: String, _ mode: mode_t) { #expect(chmod(folder.file(path), mode) == 0) }

  private func run(_ arguments: [String]) throws -> Program.Result {
    try Program.run(arguments, in: folder, through: Program.asNobody)
  }

  private func copy(_ source: String, as copy: String) throws {
    try FileManager.default.copyItem(atPath: folder.file(source), toPath: folder.file("\(name)/\(copy)"))
  }

  @Test func `a folder that cannot be written is told of before anything is computed`() throws {
    allow(name, 0o555)
    let expected = [
      (
        LongBatch.analyze(to: name + "/report"),
        "\(name)/report: the folder cannot be written. Choose another folder with --output or change its permissions."
      ),
      (
        ["train", "healthy", "--output", name + "/m.safetensors"] + LongBatch.training,
        "\(name)/m.safetensors: its folder cannot be written to. Check its permissions or choose another --output."
      ),
      (
        ["export", "whole", "--format", "csv", "--output", name + "/export"],
        "\(name)/export: the folder cannot be written. Choose another folder with --output or check the rights of the one "
          + "it lies in."
      ),
    ]
    for (arguments, sentence) in expected {
      let result = try run(arguments)
      #expect(result.status == 1)
      #expect(result.errors == "norma: \(sentence)\n")
    }
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.file(name))
    #expect(left == [])
  }

  @Test func `a report of someone else can be read and verified, and not changed`() throws {
    try copy("whole", as: "report")
    let report = name + "/report"
    #expect(try run(["cases", report]).status == 0)
    #expect(try run(["verify", report]).status == 0)
    #expect(try run(["export", report, "--format", "csv", "--output", name + "/export"]).status == 0)
    for arguments in [LongBatch.analyze(to: report), ["report", report]] {
      let result = try run(arguments)
      #expect(result.status == 1 && result.errors.hasPrefix("norma: \(report)/"), "\(result.errors)")
      #expect(result.errors.contains(/permissions|rights/) && result.errors.filter { $0 == "\n" }.count == 1)
    }
    let contents = try ReportContents(of: folder.file(report))
    #expect(try contents == ReportContents(of: folder.file("whole")))
  }

  @Test func `a batch whose folder is closed to it keeps what it has done, and goes on when it is opened`() throws {
    let report = name + "/report"
    let running = try Program.start(LongBatch.analyze(to: report), in: folder, through: Program.asNobody)
    #expect(running.wait { batch.hasBegun(report) })
    allow(report + "/cases", 0o555)
    allow(report, 0o555)
    let result = try running.wait()
    #expect(result.status == 1)
    // The model was trained for a few steps, which is warned of.
    let sentences = result.errors.split(separator: "\n").filter { !$0.contains(" % ") && !$0.hasPrefix("warning: ") }
    #expect(sentences.count == 1 && sentences[0].hasPrefix("norma: \(report)/"), "\(result.errors)")
    allow(report, 0o755)
    allow(report + "/cases", 0o755)
    #expect(try ReportContents.integrity(of: folder.file(report)) == ["ok"])
    #expect(try ReportContents.cases(of: folder.file(report)) > 0)
    let again = try run(LongBatch.analyze(to: report))
    #expect(again.status == 0, "\(again.errors)")
    #expect(again.output.contains(" unchanged since the last run"))
    #expect(try ReportContents(of: folder.file(report)) == ReportContents(of: folder.file("whole")))
  }

  @Test func `scans that may not be read fail by themselves, and are scored once they may`() throws {
    try copy("patients", as: "study")
    let closed = ["case3/slice0.tif", "case3/slice1.tif", "case7/slice2.tif"]
    for file in closed { allow("\(name)/study/\(file)", 0) }
    let arguments = [
      "analyze", name + "/study", "--model", "model.safetensors", "--output", name + "/report",
    ]
    let result = try run(arguments)
    #expect(result.status == 1)
    for file in closed {
      #expect(
        result.errors.contains(
          "failed: \(name)/study/\(file): the file cannot be opened: Permission denied. Check the path and its rights.\n"
        ))
    }
    #expect(result.output.contains("72 scans computed in") && result.output.contains(", 3 failed"))
    for file in closed { allow("\(name)/study/\(file)", 0o644) }
    let again = try run(arguments)
    #expect(again.status == 0 && again.output.contains("22 unchanged since the last run"), "\(again.output)")
    #expect(try ReportContents(of: folder.file(name + "/report")) == ReportContents(of: folder.file("whole")))
  }

  @Test func `a folder within the study that may not be read is a case that fails, and the others are scored`() throws {
    try copy("patients", as: "study")
    allow(name + "/study/case5", 0)
    defer { allow(name + "/study/case5", 0o755) }
    let result = try run(["analyze", name + "/study", "--model", "model.safetensors", "--output", name + "/report"])
    #expect(result.status == 1)
    #expect(
      result.errors.contains(
        "failed: \(name)/study/case5: the file cannot be opened: Permission denied. Check the path and its rights.\n"))
    #expect(result.output.contains("cases    \(LongBatch.cases),") && result.output.contains(", 1 failed"))
  }

  @Test func `a model that may not be read is named`() throws {
    try copy("model.safetensors", as: "m.safetensors")
    allow(name + "/m.safetensors", 0)
    let result = try run(["analyze", "patients", "--model", name + "/m.safetensors", "--output", name + "/report"])
    #expect(result.status == 1)
    #expect(result.errors == "norma: \(name)/m.safetensors: the file cannot be read. Check its permissions.\n")
  }

  @Test(.enabled(if: SmallDisk.lack == nil, SmallDisk.lack ?? ""))
  func `a report on a disk that is read only is answered from, and not changed`() throws {
    let disk = try SmallDisk(in: folder, name: name + "/disk", kibibytes: 32 << 10)
    try copy("whole", as: "disk/report")
    disk.isReadOnly(true)
    let report = name + "/disk/report"
    #expect(try run(["cases", report]).status == 0)
    #expect(try run(["verify", report]).status == 0)
    // The superuser may not either.
    for arguments in [LongBatch.analyze(to: report), ["report", report]] {
      let result = try Program.run(arguments, in: folder)
      #expect(result.status == 1 && result.errors.hasPrefix("norma: \(report)/"), "\(result.errors)")
      #expect(result.errors.filter { $0 == "\n" }.count == 1, "\(result.errors)")
    }
  }
}
