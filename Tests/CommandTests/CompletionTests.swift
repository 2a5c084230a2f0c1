import Foundation
import Testing

/// What the program tells shells of itself.
struct CompletionTests {
  /// An argument or option, as argument-parser describes it.
  private struct Input {
    let command: String
    let name: String
    let completion: String?
  }

  private static func inputs() throws -> [Input] {
    let text = try Program.run("--experimental-dump-help", in: TemporaryFolder()).output
    let whole = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
    func walk(_ command: [String: Any]) -> [Input] {
      let own = (command["arguments"] as? [[String: Any]] ?? []).filter { $0["kind"] as? String != "flag" }
      let further = command["subcommands"] as? [[String: Any]] ?? []
      return own.map { input in
        Input(
          command: command["commandName"] as? String ?? "", name: input["valueName"] as? String ?? "",
          completion: (input["completionKind"] as? [String: Any])?.keys.first)
      } + further.flatMap(walk)
    }
    return walk(whole["command"] as? [String: Any] ?? [:])
  }

  @Test func `a shell completes every file and every folder that a command takes`() throws {
    let kinds = [
      "study": "directory", "studies": "directory", "report": "directory", "masks": "directory", "model": "file",
      "models": "file", "scan": "file", "scans": "file", "labels": "file", "file": "file", "file.json": "file",
    ]
    let found = try Self.inputs().filter { kinds[$0.name] != nil || $0.name == "output" }
    #expect(found.count > 30)
    for input in found {
      let kind =
        input.name == "output"
        ? ["train", "features"].contains(input.command) ? "file" : "directory" : kinds[input.name]
      #expect(input.completion == kind, "norma \(input.command): \(input.name)")
    }
  }

  /// Numbers, names and words that a shell cannot know.
  private static let others: Set<String> = [
    "analysis", "area", "at", "baseline-weights", "batch-size", "beta", "channel-weights", "checks", "condition",
    "count", "dimensions", "epochs", "factor", "false-positive-rate", "free-nats", "glob", "held-out", "k/n",
    "learning-rate", "lesion-borders", "lesion-contrast", "lesion-sizes", "level", "local-contrast", "micrometers",
    "minutes", "name", "name=amount", "names", "nodes", "normalization-scope", "number", "number=amount", "numbers",
    "overlap", "pattern", "pixels", "reduction", "resamples", "rows", "samples", "sbatch", "score-share", "seconds",
    "seed", "shards", "share", "size", "sort", "steps", "subcommands", "temperature", "tissue", "url", "window",
  ]

  @Test func `what a shell does not complete is no file`() throws {
    let found = try Set(Self.inputs().filter { $0.completion == nil }.map(\.name))
    #expect(found.subtracting(Self.others) == [])
  }

  @Test(arguments: ["bash", "zsh", "fish"]) func `each shell gets its script`(shell: String) throws {
    let result = try Program.run("--generate-completion-script", shell, in: TemporaryFolder())
    #expect(result.status == 0 && result.output.contains("analyze") && result.output.contains("exclude"))
  }
}
