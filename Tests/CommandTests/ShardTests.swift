import Foundation
import GRDB
import Testing

@Suite struct ShardTests {
  let batch: LongBatch
  var folder: TemporaryFolder { batch.folder }

  init() throws { batch = try LongBatch.shared.get() }

  private func analyze(_ shard: String, to output: String, _ options: String...) throws -> Program.Result {
    try Program.run(LongBatch.analyze(to: output) + ["--shard", shard] + options, in: folder)
  }

  private func merge(_ output: String) throws -> Program.Result { try Program.run("merge", output, in: folder) }

  /// Numbers of cases and scans included, by which reports are compared elsewhere without.
  private func numbers(of report: String) throws -> [String] {
    try DatabaseQueue(path: folder.file(report + "/cases.sqlite")).read { database in
      try ["SELECT id, name FROM cases ORDER BY id", "SELECT id, case_id, path FROM scans ORDER BY id"].flatMap {
        try Row.fetchAll(database, sql: $0).map(\.description)
      }
    }
  }

  @Test func `merged shards are the run over the whole study, row for row and file for file`() throws {
    let output = "sharded"
    for shard in ["2/3", "3/3", "1/3"] {
      let result = try analyze(shard, to: output)
      #expect(result.status == 0, "\(result.errors)")
      #expect(result.output.contains("shard    \(shard) of sharded; "))
    }
    #expect(!FileManager.default.fileExists(atPath: folder.file("sharded/cases.sqlite")))
    for _ in 1...2 {
      let merged = try merge(output)
      #expect(merged.status == 0, "\(merged.errors)")
      #expect(merged.output.contains("shards   3 of 3"))
      #expect(try ReportContents(of: folder.file(output)) == ReportContents(of: folder.file("whole")))
      #expect(try numbers(of: output) == numbers(of: "whole"))
      #expect(try ReportContents.integrity(of: folder.file(output)) == ["ok"])
    }
    for page in ["cases/case7/index.html", "cases/case10/index.html"] {
      let contents = ["sharded", "whole"].map { FileManager.default.contents(atPath: folder.file("\($0)/\(page)")) }
      #expect(contents[0] != nil && contents[0] == contents[1])
    }
    let verified = try Program.run("verify", output, in: folder)
    #expect(verified.status == 0, "\(verified.output)")
    let status = try Program.run("status", output, "--json", in: folder)
    let lines = try #require(try JSONSerialization.jsonObject(with: Data(status.output.utf8)) as? [[String: Any]])
    #expect(lines.map { $0["state"] as? String } == ["done", "done", "done"])
    #expect(lines.reduce(0) { $0 + ($1["done"] as? Int ?? 0) } == LongBatch.cases)
  }

  @Test func `a review outlives a merge`() throws {
    for shard in ["1/2", "2/2"] { _ = try analyze(shard, to: "reviewed") }
    _ = try merge("reviewed")
    try DatabaseQueue(path: folder.file("reviewed/cases.sqlite")).write {
      try $0.execute(
        sql:
          "INSERT INTO reviews (case_name, verdict, note, reviewed_at) VALUES ('case3', 'agree', 'seen', '2026-01-01')")
    }
    #expect(try merge("reviewed").status == 0)
    let note = try DatabaseQueue(path: folder.file("reviewed/cases.sqlite")).read {
      try String.fetchOne($0, sql: "SELECT note FROM reviewed_cases WHERE name = 'case3'")
    }
    #expect(note == "seen")
  }

  @Test func `cases that no shard has are named`() throws {
    _ = try analyze("1/3", to: "gaps")
    _ = try analyze("3/3", to: "gaps")
    let merged = try merge("gaps")
    #expect(merged.status == 1)
    #expect(merged.errors.contains("gaps: no run has begun 1 shard: 2/3."))
    let known = try DatabaseQueue(path: folder.file("gaps/cases.sqlite")).read {
      try String.fetchSet($0, sql: "SELECT name FROM cases")
    }
    let missing = Set((0..<LongBatch.cases).map { "case\($0)" }).subtracting(known)
    #expect(!missing.isEmpty && !known.isEmpty)
    let line = try #require(merged.errors.split(separator: "\n").first { $0.contains("no shard has") })
    for name in missing { #expect(line.contains(name)) }
    // The page says so too.
    let page = try String(contentsOfFile: folder.file("gaps/index.html"), encoding: .utf8)
    #expect(page.contains("no run has begun 1 shard: 2/3."))
    _ = try analyze("2/3", to: "gaps")
    #expect(try merge("gaps").status == 0)
    #expect(try ReportContents(of: folder.file("gaps")) == ReportContents(of: folder.file("whole")))
  }

  @Test func `shards of other settings are refused by name`() throws {
    for shard in ["1/3", "2/3"] { _ = try analyze(shard, to: "mixed") }
    _ = try analyze("3/3", to: "mixed", "--false-positive-rate", "0.3")
    let merged = try merge("mixed")
    #expect(merged.status == 1)
    #expect(merged.errors.contains("its shards were analyzed with different settings: 3/3 with '"), "\(merged.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder.file("mixed/cases.sqlite")))
    _ = try analyze("1/4", to: "mixed")
    let refusal =
      "norma: mixed/shards: it holds 3 of a division into 3 (1/3, 2/3, 3/3) and 1 of a division into 4 (1/4); one was "
      + "expected. Remove the folders of the shards that are not wanted.\n"
    #expect(try merge("mixed").errors == refusal)
    #expect(try Program.run("status", "mixed", in: folder).errors == refusal)
  }

  @Test func `a shard whose rows were altered is not merged`() throws {
    for shard in ["1/2", "2/2"] { _ = try analyze(shard, to: "altered") }
    try DatabaseQueue(path: folder.file("altered/shards/2-of-2/cases.sqlite")).write {
      try $0.execute(sql: "UPDATE scans SET score = 0.25 WHERE id = 1")
    }
    let merged = try merge("altered")
    #expect(merged.status == 1)
    #expect(merged.errors.contains("was altered after norma recorded it: its rows are not those that norma recorded."))
    _ = try analyze("2/2", to: "altered")
    #expect(try merge("altered").status == 0)
    #expect(try ReportContents(of: folder.file("altered")).rows == ReportContents(of: folder.file("whole")).rows)
  }

  @Test func `a merge drops no cases of a run without shards`() throws {
    _ = try Program.run(LongBatch.analyze(to: "both"), in: folder)
    _ = try analyze("1/2", to: "both")
    let merged = try merge("both")
    #expect(merged.status == 1)
    #expect(merged.errors.contains("both/cases.sqlite: it was written by norma analyze without --shard"))
    #expect(try ReportContents(of: folder.file("both")).rows == ReportContents(of: folder.file("whole")).rows)
  }

  @Test(arguments: ["0/3", "4/3", "1/0", "a/b", "1", "1/2/3", "-1/2"])
  func `what is no shard is refused`(text: String) throws {
    let result = try Program.run(LongBatch.analyze(to: "none") + ["--shard=\(text)"], in: folder)
    #expect(result.status == 2)
  }

  @Test func `a folder without shards is not merged`() throws {
    #expect(
      try merge("whole").errors == "norma: whole: it holds no shards. Run norma analyze with --shard K/N first.\n")
    #expect(try Program.run("status", "nowhere", in: folder).status == 1)
  }

  /// What a network file system without locks does to a program: a library in front of the C library's says no.
  @Test func `shards and their merge need no locks`() throws {
    try folder.write(
      """
      #include <errno.h>
      #include <fcntl.h>
      #include <stdarg.h>
      #include <sys/syscall.h>
      #include <unistd.h>
      int flock(int file, int operation) { errno = ENOLCK; return -1; }
      static int call(int file, int command, va_list list) {
        void *argument = va_arg(list, void *);
        if (command == F_SETLK || command == F_SETLKW || command == F_GETLK) { errno = ENOLCK; return -1; }
        return syscall(SYS_fcntl, file, command, argument);
      }
      int fcntl(int file, int command, ...) {
        va_list list; va_start(list, command); int result = call(file, command, list); va_end(list); return result;
      }
      int fcntl64(int file, int command, ...) {
        va_list list; va_start(list, command); int result = call(file, command, list); va_end(list); return result;
      }
      """, to: "nolocks.c")
    let compiler = Process()
    compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    compiler.arguments = [
      "clang", "-shared", "-fPIC", "-O1", "-o", folder.file("nolocks.so"), folder.file("nolocks.c"),
    ]
    try compiler.run()
    compiler.waitUntilExit()
    try #require(compiler.terminationStatus == 0)
    // Beside what the thread sanitizer needs, see Tests/sanitize.
    let others = ProcessInfo.processInfo.environment["LD_PRELOAD"].map { ":" + $0 } ?? ""
    func run(_ arguments: [String]) throws -> Program.Result {
      try Program.run(arguments, in: folder, environment: ["LD_PRELOAD": folder.file("nolocks.so") + others])
    }
    for shard in ["1/2", "2/2"] {
      let result = try run(LongBatch.analyze(to: "nolocks") + ["--shard", shard])
      #expect(result.status == 0, "\(result.errors)")
      #expect(result.errors.contains("its file system has no locks"))
    }
    let status = try run(["status", "nolocks"])
    #expect(status.output.contains("2 of 2 shards done"), "\(status.errors)")
    let merged = try run(["merge", "nolocks"])
    #expect(merged.status == 0, "\(merged.errors)")
    #expect(try ReportContents(of: folder.file("nolocks")) == ReportContents(of: folder.file("whole")))
    let cases = try run(["cases", "nolocks", "--format", "csv"])
    let expected = try Program.run("cases", "whole", "--format", "csv", in: folder)
    #expect(cases.output == expected.output, "\(cases.errors)")
  }

  @Test func `nothing is submitted where all shards are done`() throws {
    for shard in ["1/2", "2/2"] { #expect(try analyze(shard, to: "all").status == 0) }
    let plan = try Program.run(
      ["slurm", "patients", "--model", "model.safetensors", "--output", "all", "--nodes", "2", "--dry-run"], in: folder)
    #expect(plan.output == "2 shards of all are done; --all submits them again\n", "\(plan.errors)")
  }
}
