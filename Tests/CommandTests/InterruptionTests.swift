import Foundation
import Testing

@Suite struct InterruptionTests {
  let batch: LongBatch
  var folder: TemporaryFolder { batch.folder }

  init() throws { batch = try LongBatch.shared.get() }

  @Test(arguments: ["SIGINT", "SIGTERM"])
  func `a batch that is stopped keeps its cases, and the next run ends as if nothing had been`(name: String) throws {
    let signal = name == "SIGINT" ? SIGINT : SIGTERM
    let (output, report) = ("stopped-\(name)", folder.file("stopped-\(name)"))
    let running = try Program.start(LongBatch.analyze(to: output), in: folder)
    #expect(running.wait { batch.hasBegun(output) })
    running.send(signal)
    let stopped = try running.wait()
    #expect(stopped.status == 128 + signal, "\(stopped.errors)")
    #expect(stopped.output.isEmpty)
    let kept = try ReportContents.cases(of: report)
    #expect((1..<LongBatch.cases).contains(kept))
    #expect(
      stopped.errors.hasSuffix(
        "norma: \(output): stopped by \(name) after \(kept) of \(LongBatch.cases) cases, which are kept. "
          + "Run the same command again to go on.\n"))
    #expect(try ReportContents.integrity(of: report) == ["ok"])
    #expect(try ReportContents.statuses(of: report) == ["stopped"])
    let contents = try ReportContents(of: report)
    #expect(contents.unfinished.isEmpty)
    #expect(Set(contents.files.keys.map { $0.split(separator: "/")[1] }).count == kept)
    let page = try String(contentsOfFile: report + "/index.html", encoding: .utf8)
    #expect(page.contains("The last run was stopped after \(kept) of \(LongBatch.cases) cases"))

    let second = try Program.run(LongBatch.analyze(to: output), in: folder)
    #expect(second.status == 0, "\(second.errors)")
    #expect(second.output.contains("\(kept) unchanged since the last run"))
    #expect(try ReportContents(of: report) == ReportContents(of: folder.file("whole")))
    #expect(try ReportContents.statuses(of: report) == ["stopped", "done"])
  }

  @Test func `a training that is stopped keeps its checkpoint, and --resume ends with the same weights`() throws {
    let command = ["train", "healthy", "--output", "stopped.safetensors"] + LongBatch.training
    let running = try Program.start(command, in: folder)
    let checkpoint = folder.file("stopped.safetensors.checkpoint")
    #expect(running.wait { FileManager.default.fileExists(atPath: checkpoint) })
    running.send(SIGTERM)
    let stopped = try running.wait()
    #expect(stopped.status == 143)
    #expect(
      stopped.errors.hasSuffix(
        "norma: stopped.safetensors: training was stopped by SIGTERM; all of it is kept in stopped.safetensors.checkpoint. "
          + "Run the same command again with --resume to go on.\n"), "\(stopped.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder.file("stopped.safetensors")))
    #expect(!FileManager.default.fileExists(atPath: folder.file("stopped.safetensors.lock")))
    let resumed = try Program.run(command + ["--resume"], in: folder)
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(!FileManager.default.fileExists(atPath: checkpoint))
    #expect(try batch.weights("stopped.safetensors") == batch.weights("model.safetensors"))
  }

  /// The program's standard output and error are pipes whose other ends are closed.
  @Test func `a batch goes on when nobody reads what it says`() throws {
    let shell = try Shell.run(
      "\"$0\" \(LongBatch.analyze(to: "unread").joined(separator: " ")) 2>&1 | true", in: folder)
    #expect(shell == 0)
    #expect(try ReportContents(of: folder.file("unread")) == ReportContents(of: folder.file("whole")))
  }

  @Test func `cases that are piped into a program that has seen enough end quietly`() throws {
    let status = try Shell.run("{ \"$0\" cases whole; echo $? > status; } 2> errors | head -n 1 > first", in: folder)
    #expect(status == 0)
    func text(_ name: String) throws -> String { try String(contentsOfFile: folder.file(name), encoding: .utf8) }
    #expect(["0\n", "141\n"].contains(try text("status")))
    #expect(try text("errors").isEmpty)
    #expect(try text("first").split(separator: "\n").count == 1)
  }
}

/// A line of the shell in which `$0` is the program.
private enum Shell {
  static func run(_ line: String, in folder: TemporaryFolder) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-c", line, Program.url.path]
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }
}
