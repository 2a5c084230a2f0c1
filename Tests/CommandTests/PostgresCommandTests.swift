import Foundation
import GRDB
import Reporting
import Testing

/// Loading without a server; `Tests/Cluster/postgres` loads into one.
@Suite struct PostgresCommandTests {
  private let folder: TemporaryFolder
  private static let address = "postgresql://lab:hu%2Fsh@127.0.0.1:1/central"
  private static let isInstalled = ["/usr/bin/psql", "/usr/local/bin/psql"]
    .contains(where: FileManager.default.isExecutableFile(atPath:))

  /// An index of more than a pipe holds.
  private init() throws {
    folder = try TemporaryFolder()
    try folder.makeFolder(of: "report/cases.sqlite")
    let index = try CaseIndex(writingTo: folder.file("report/cases.sqlite"))
    let context = StudyContext(title: "t", scoring: "s", threshold: 3, falsePositiveRate: 0.05)
    _ = try index.beginRun(context, toolVersion: "1", modelSHA256: "m", studyPath: "S")
    try DatabaseQueue(path: index.path).write { database in
      try database.execute(
        sql: """
          INSERT INTO cases (run_id, name, status, flagged, scan_count, failed_scan_count, region_count, report_path,
            model_sha256, scoring)
          SELECT 1, 'case ' || value, 'failed', 0, 0, 0, 0, 'p', 'm', 's' FROM json_each(?)
          """, arguments: ["[" + (1...20_000).map(String.init).joined(separator: ",") + "]"])
    }
  }

  /// - Parameter psql: a shell script in the place of psql.
  private func load(_ address: String = address, psql: String? = nil) throws -> Program.Result {
    var environment: [String: String] = [:]
    if let psql {
      try folder.write("#!/bin/sh\n" + psql, to: "bin/psql")
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.file("bin/psql"))
      environment["PATH"] = folder.file("bin") + ":/usr/bin:/bin"
    }
    return try Program.run(["export", "report", "--postgres", address], in: folder, environment: environment)
  }

  @Test(.enabled(if: isInstalled, "skipped: psql is not installed; run .ci/setup postgresql-client"))
  func `a server that is not there is a sentence`() throws {
    let result = try load()
    #expect(result.status == 1)
    #expect(
      result.errors == """
        norma: postgresql://lab@127.0.0.1:1/central: nothing was loaded: connection to server at "127.0.0.1", port 1 \
        failed: Connection refused. Check the URL, and that the server runs and can be reached.

        """)
    #expect(result.output == "")
  }

  @Test func `without psql a sentence says how to get it`() throws {
    let result = try Program.run(
      ["export", "report", "--postgres", Self.address], in: folder, environment: ["PATH": folder.path])
    #expect(result.status == 1)
    #expect(
      result.errors == """
        norma: psql: the program is in no folder of PATH, and norma reaches PostgreSQL through it. Install PostgreSQL's \
        client (apt-get install postgresql-client) and try again.

        """)
  }

  @Test func `the password is in no list of processes`() throws {
    let result = try load(
      psql: """
        cat > /dev/null
        echo "$PGPASSWORD" > password
        { echo "$@"; tr '\\0' ' ' < /proc/$PPID/cmdline; } > processes
        """)
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.output == "postgres  20000 cases, 0 scans, 0 regions  postgresql://lab@127.0.0.1:1/central\n")
    #expect(try String(contentsOfFile: folder.file("password"), encoding: .utf8) == "hu/sh\n")
    let processes = try String(contentsOfFile: folder.file("processes"), encoding: .utf8)
    #expect(processes.contains("-X ") && processes.contains("-d postgresql://lab@127.0.0.1:1/central"), "\(processes)")
    #expect(processes.contains("export report --postgres xxxx"), "\(processes)")
    #expect(!processes.contains("hu%2Fsh"), "\(processes)")
  }

  @Test(arguments: [
    (
      "echo 'psql: error: the words' >&2; exit 2",
      "the words. Check the URL, and that the server runs and can be reached."
    ),
    ("head -c 100000 > /dev/null; echo 'ERROR:  bad' >&2; exit 3", "bad. See the log of the server."),
    (
      "head -c 100000 > /dev/null",
      "psql ended without a word. Check the URL, and that the server runs and can be reached."
    ),
    ("kill -9 $$", "psql ended without a word. Check the URL, and that the server runs and can be reached."),
    ("cat > /dev/null; yes 'WARNING: much' | head -c 1000000 >&2; exit 3", nil),
    (#"cat > /dev/null; printf 'ERROR:  \033[2J\n' >&2; exit 3"#, #"\u{1B}[2J. See the log of the server."#),
  ])
  func `a psql that fails is a sentence`(psql: String, words: String?) throws {
    let result = try load(psql: psql)
    #expect(result.status == 1)
    let start = "norma: postgresql://lab@127.0.0.1:1/central: nothing was loaded: "
    let errors = result.errors.split(separator: "\n").filter { !$0.contains(" % row ") }.joined(separator: "\n")
    #expect(errors.hasPrefix(start), "\(errors)")
    if let words { #expect(errors == start + words) }
    #expect(result.errors.utf8.count < 1000)
    #expect(result.output == "")
  }

  @Test(arguments: [
    ["--postgres", address, "--format", "csv", "--output", "out"], ["--postgres", address, "--flagged"],
    ["--postgres", address, "--case", "x"],
  ])
  func `a load is of the whole index`(options: [String]) throws {
    let result = try Program.run(["export", "report"] + options, in: folder)
    #expect(result.status == 2)
    #expect(
      result.errors.contains(
        "--postgres loads the whole index: --format, --output, --flagged and --case do not go with it."))
    #expect(!(result.errors + result.output).contains("hu%2Fsh"))
  }

  @Test(arguments: ["lab:hu%2Fsh@h", "postgresql://lab:hu%2Fsh@x@h/d"])
  func `an address that is none is refused without being shown`(address: String) throws {
    let result = try load(address)
    #expect(result.status == 2)
    #expect(result.errors.contains("--postgres: its value "))
    #expect(!(result.errors + result.output).contains("hu%2Fsh"))
  }
}
