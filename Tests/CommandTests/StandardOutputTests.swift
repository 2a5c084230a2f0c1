import Foundation
import Testing

/// Every command that prints, with an output that takes nothing.
struct StandardOutputTests {
  /// Arguments of every command, as they are typed in the folder of `LongBatch`; `OUT` stands for a name that no other
  /// run has.
  private static let commands: [String: String] = [
    "analyze": LongBatch.analyze(to: "OUT").joined(separator: " "),
    "attribute": "attribute named.safetensors healthy patients --name OUT",
    "augment": "augment model.safetensors healthy --factor 1 --output OUT",
    "cases": "cases whole",
    "demo": "demo --minutes 0.05 --study OUT-study --output OUT",
    "edit": "edit model.safetensors patients/case0/slice0.tif --restore --output OUT",
    "evaluate": "evaluate whole --masks printed-masks",
    "export": "export whole --format csv --output OUT",
    "inspect": "inspect patients/case0/slice0.tif --json",
    "interpolate":
      "interpolate model.safetensors patients/case0/slice0.tif patients/case1/slice0.tif --steps 2 --output OUT",
    "merge": "merge OUT",
    "model": "model model.safetensors --json",
    "report": "report whole",
    "review import": "review import whole printed-reviews.json",
    "sample": "sample model.safetensors --count 1 --output OUT",
    "schema": "schema cases",
    "slurm": "slurm patients --model model.safetensors --output OUT --nodes 2 --dry-run",
    "status": "status OUT",
    "train": "train healthy --output OUT.safetensors --epochs 1 --held-out 0.5",
    "traverse": "traverse model.safetensors --count 1 --output OUT",
    "verify": "verify whole",
    "version": "version",
  ].merging(Lite0.wheel.map { ["features": "features \($0) --output OUT"] } ?? [:]) { $1 }

  /// What has to be there before a command of the table can run.
  private static let before: [String: String] = [
    "merge": LongBatch.analyze(to: "OUT").joined(separator: " ") + " --shard 1/1",
    "status": LongBatch.analyze(to: "OUT").joined(separator: " ") + " --shard 1/1",
  ]

  private let folder: TemporaryFolder

  init() throws {
    folder = try LongBatch.shared.get().folder
    // Attributes are kept in the model's file, and other tests go by that.
    let named = folder.file("named.safetensors")
    if !FileManager.default.fileExists(atPath: named) {
      try FileManager.default.copyItem(atPath: folder.file("model.safetensors"), toPath: named)
    }
    try folder.writeMask("printed-masks/case0/slice0_mask.tif", size: 128, lesion: (x: 40, y: 50, radius: 4))
    try folder.write(
      #"{"norma": "review 1", "study": "S", "model_sha256": "m", "reviews": []}"#, to: "printed-reviews.json")
  }

  /// The words that name each command which the parser knows and which does something itself.
  private static func names() throws -> Set<String> {
    let dump = try Program.run("--experimental-dump-help", in: TemporaryFolder()).output
    let root = try #require(try JSONSerialization.jsonObject(with: Data(dump.utf8)) as? [String: Any])
    func names(_ command: [String: Any], _ words: [String]) -> [String] {
      let children = (command["subcommands"] as? [[String: Any]] ?? []).filter {
        $0["commandName"] as? String != "help"
      }
      if children.isEmpty { return [words.joined(separator: " ")] }
      return children.flatMap { names($0, words + [$0["commandName"] as? String ?? "?"]) }
    }
    return Set(names(try #require(root["command"] as? [String: Any]), []))
  }

  private enum Output { case fullDevice, closedPipe }

  /// - Returns: the status, negative for a signal, and standard error.
  private func run(_ line: String, to output: Output) throws -> (status: Int32, errors: String) {
    let process = Process()
    process.executableURL = Program.url
    process.arguments = line.split(separator: " ").map(String.init)
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    let errors = folder.file("errors-\(UUID().uuidString)")
    _ = FileManager.default.createFile(atPath: errors, contents: nil)
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errors))
    switch output {
    case .fullDevice: process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: "/dev/full"))
    case .closedPipe:
      let pipe = Pipe()
      try pipe.fileHandleForReading.close()
      process.standardOutput = pipe.fileHandleForWriting
    }
    try process.run()
    process.waitUntilExit()
    let status = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    return (status, try String(contentsOfFile: errors, encoding: .utf8))
  }

  /// Runs a command of the table; `OUT` becomes `name`.
  private func run(command: String, named name: String, to output: Output) throws -> (status: Int32, errors: String) {
    func line(_ text: String) -> String { text.replacingOccurrences(of: "OUT", with: name) }
    if let first = Self.before[command] {
      let made = try Program.run(line(first).split(separator: " ").map(String.init), in: folder)
      #expect(made.status == 0, "\(made.errors)")
    }
    return try run(line(try #require(Self.commands[command])), to: output)
  }

  @Test func `the table has every command of the parser`() throws {
    let names = try Self.names()
    // Without the weights of a network there is nothing to convert.
    #expect(names.subtracting(Lite0.isThere ? [] : ["features"]) == Set(Self.commands.keys))
    #expect(names.count > 15)
  }

  /// Without the demo, which takes a minute and prints as the others do.
  private static let quickCommands = commands.keys.filter { $0 != "demo" }.sorted()

  @Test(arguments: quickCommands)
  func `a full device under standard output ends a command with one sentence and status 1`(command: String) throws {
    let result = try run(command: command, named: "full-\(command.filter { $0 != " " })", to: .fullDevice)
    #expect(result.status == 1, "\(result.errors)")
    #expect(
      result.errors.hasSuffix(
        "norma: standard output: the disk is full. Free some space and run the command again; what was finished is "
          + "kept.\n"), "\(result.errors)")
    #expect(result.errors.components(separatedBy: "norma: ").count == 2, "\(result.errors)")
  }

  @Test(arguments: quickCommands)
  func `a closed pipe under standard output ends every command by SIGPIPE, without a word of it`(command: String) throws
  {
    let result = try run(command: command, named: "closed-\(command.filter { $0 != " " })", to: .closedPipe)
    #expect(result.status == -SIGPIPE, "\(result.errors)")
    #expect(!result.errors.contains("norma: ") && !result.errors.contains("standard output"), "\(result.errors)")
  }

  @Test func `a command that changes a report ends its work and its lock before SIGPIPE ends it`() throws {
    for command in ["report", "review import"] {
      let result = try run(command: command, named: "locked", to: .closedPipe)
      #expect(result.status == -SIGPIPE)
      #expect(!FileManager.default.fileExists(atPath: folder.file("whole/.norma.lock")), "\(command)")
    }
  }

  @Test func `what was finished is there although nobody could be told`() throws {
    for output in [Output.fullDevice, .closedPipe] {
      let name = "kept-\(output)"
      _ = try run(command: "analyze", named: name, to: output)
      #expect(try ReportContents(of: folder.file(name)) == ReportContents(of: folder.file("whole")))
    }
  }

  @Test(arguments: ["--help", "--version", "help cases", "cases --help", "review"])
  func `help and version are checked too`(line: String) throws {
    let full = try run(line, to: .fullDevice)
    #expect(full.status == 1 && full.errors.hasPrefix("norma: standard output: the disk is full."), "\(full.errors)")
    let closed = try run(line, to: .closedPipe)
    #expect(closed.status == -SIGPIPE && closed.errors.isEmpty, "\(closed.errors)")
  }

  /// With standard output closed, the next file that is opened would be the one that is printed to.
  @Test func `a closed standard output is said, and no file of the report takes its place`() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-c", "\"$0\" verify whole >&- 2> closed-errors", Program.url.path]
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 1)
    let errors = try String(contentsOfFile: folder.file("closed-errors"), encoding: .utf8)
    #expect(errors.contains("\nnorma: standard output: it cannot be written: Bad file descriptor."), "\(errors)")
  }

  @Test func `nothing but one file writes to standard output`() throws {
    let sources = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Sources").standardized
    let paths = try #require(FileManager.default.enumerator(atPath: sources.path)).compactMap { $0 as? String }
    var writers: Set<String> = []
    for path in paths where path.hasSuffix(".swift") {
      let text = try String(contentsOf: sources.appending(path: path), encoding: .utf8)
      for line in text.split(separator: "\n") {
        let words = line.replacing(/([Cc]onsole(\(\))?|self)\.print\(/, with: "")
        guard !words.contains("func print(") else { continue }
        let isWriter =
          words.contains("FileHandle.standardOutput") || words.contains("STDOUT_FILENO")
          || words.contains(/(^|[^A-Za-z_])(f?puts|f?putc|putchar|f?printf|fwrite)\(/)
        if isWriter || words.contains(/(^|[^A-Za-z_])(Swift\.)?(debug)?[pP]rint\(/) { writers.insert(path) }
      }
    }
    #expect(writers == ["norma/Terminal/StandardOutput.swift"])
  }
}
