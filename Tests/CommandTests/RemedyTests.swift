import Foundation
import Testing

/// What a message tells a user to type has to be understood by the program.
struct RemedyTests {
  /// Flags of other programs that sentences name: mpirun's and srun's.
  private static let foreign: Set<String> = ["--mpi"]

  @Test func `every flag that a remedy names is one that a command takes`() throws {
    let known = try Self.grammar()
    var named: Set<String> = []
    for (file, text) in try Self.remedies() {
      for match in text.matches(of: /--[a-z][a-z-]*/) {
        let flag = String(match.output)
        named.insert(flag)
        #expect(known.flags.contains(flag) || Self.foreign.contains(flag), "\(file): \(flag) in '\(text)'")
      }
    }
    // A scan that finds nothing proves nothing.
    #expect(named.count > 10, "\(named)")
  }

  @Test func `every command that a remedy names exists`() throws {
    let known = try Self.grammar()
    var named: Set<String> = []
    for (file, text) in try Self.remedies() {
      // "Run norma analyze", not "run norma again".
      for match in text.matches(of: /[Nn]orma ([a-z]+)/) {
        let word = String(match.output.1)
        guard !["again", "alone", "that", "to", "with"].contains(word) else { continue }
        named.insert(word)
        #expect(known.commands.contains(word), "\(file): norma \(word) in '\(text)'")
      }
    }
    #expect(named.contains("analyze") && named.contains("merge"), "\(named)")
  }

  /// The words after `remedy:` in the sources, up to the end of the call, interpolations as they stand.
  private static func remedies() throws -> [(file: String, text: String)] {
    let sources = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Sources").standardized
    let paths = try #require(FileManager.default.enumerator(atPath: sources.path)).compactMap { $0 as? String }
    return try paths.filter { $0.hasSuffix(".swift") }.flatMap { path in
      let text = try String(contentsOf: sources.appending(path: path), encoding: .utf8)
      return text.matches(of: /remedy: (?:[^"\n]*\n? *)?"((?:[^"\\]|\\.)*)"((?:\s*\+\s*"(?:[^"\\]|\\.)*")*)/).map {
        (path, String($0.output.1) + String($0.output.2))
      }
    }
  }

  private static func grammar() throws -> (commands: Set<String>, flags: Set<String>) {
    let dump = try Program.run("--experimental-dump-help", in: TemporaryFolder()).output
    let root = try #require(try JSONSerialization.jsonObject(with: Data(dump.utf8)) as? [String: Any])
    var commands: Set<String> = []
    var flags: Set<String> = []
    func visit(_ command: [String: Any]) {
      if let name = command["commandName"] as? String { commands.insert(name) }
      for argument in command["arguments"] as? [[String: Any]] ?? [] {
        for name in argument["names"] as? [[String: Any]] ?? [] where name["kind"] as? String == "long" {
          if let word = name["name"] as? String { flags.insert("--" + word) }
        }
      }
      for child in command["subcommands"] as? [[String: Any]] ?? [] { visit(child) }
    }
    visit(try #require(root["command"] as? [String: Any]))
    #expect(commands.count > 15 && flags.count > 50)
    return (commands, flags)
  }
}
