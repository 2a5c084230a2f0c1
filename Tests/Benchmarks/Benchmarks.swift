import ArgumentParser
import Compute
import Foundation
import Threads

/// Measures norma against what else runs the same network, every figure a ratio of runs that took turns.
@main
struct Benchmarks: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "benchmarks", abstract: "Measure norma beside its peers; print medians and ratios.",
    discussion: """
      The peers are Python programs beside this one; peers/requirements.txt says what they need. They build their network
      from the model file. Before scoring is timed their outputs have to agree with norma's in f32; training starts from
      fresh weights, and what is timed of it is the same network, loss and optimizer.
      """,
    subcommands: [
      TrainingBenchmark.self, ScoringBenchmark.self, WholeBenchmark.self, SlideBenchmark.self, DecodingBenchmark.self,
      BusyBenchmark.self,
    ])
}

/// What all rows share.
struct Conditions: ParsableArguments {
  @Option(help: "Model file that `norma train` wrote.")
  var model: String

  @OptionGroup var peers: PeerOptions

  @Option(help: "Seconds that one run should take.")
  var seconds = 4.0

  @Option(help: "Patches a batch.")
  var batch = 16

  var heading: String {
    "\(Engine.description), \(Parallel.threads) threads; \(peers.heading)"
  }
}

/// Where the peers are and how often they take their turn.
struct PeerOptions: ParsableArguments {
  @Option(help: "The Python that has the peers' requirements.")
  var python = "python3"

  @Option(help: "Folder of the peers.")
  var peers = "Tests/Benchmarks/peers"

  @Option(help: "Alternating runs, of which the median counts.")
  var runs = 5

  /// What runs one of the peers' programs.
  func command(_ script: String) -> [String] { [python, "\(peers)/\(script)"] }

  var heading: String { "\(Self.processor); median of \(runs) alternating runs" }

  private static var processor: String {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
    return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown processor"
  }
}
