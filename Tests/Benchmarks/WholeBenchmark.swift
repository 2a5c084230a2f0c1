import ArgumentParser
import Compute
import Foundation
import Numerics

struct WholeBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "whole", abstract: "Whole processes: an analysis beside the same job in Python, and the time to start."
  )

  @OptionGroup var conditions: Conditions

  @Option(help: "Study to analyze.")
  var study: String

  @Option(help: "The norma to measure.")
  var norma = ".build/release/norma"

  func run() throws {
    print(conditions.heading)
    let folder = NSTemporaryDirectory() + "norma-benchmark-\(ProcessInfo.processInfo.processIdentifier)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let report = "\(folder)/norma-0"
    let analyze = [norma, "analyze", study, "--model", conditions.model, "--output"]
    let theirs = conditions.peers.command("analyze.py") + [study, conditions.model]
    var runs: (ours: [Measured], theirs: [Measured]) = ([], [])
    // Removed at the end alone: a file system makes new files more slowly where many have just been deleted.
    for run in 0..<conditions.peers.runs {
      runs.ours.append(try Measured(analyze + ["\(folder)/norma-\(run)"]))
      runs.theirs.append(try Measured(theirs + ["\(folder)/python-\(run)"]))
    }
    print(Measured.line("norma analyze", runs.ours), Measured.line("python", runs.theirs), separator: "\n")
    let faster = Contest.median(zip(runs.theirs, runs.ours).map { $0.seconds / $1.seconds })
    let smaller = Contest.median(zip(runs.ours, runs.theirs).map { $0.megabytes / $1.megabytes })
    print(String(format: "norma is %.2f x as fast with %.2f of the memory", faster, smaller))
    for arguments in [["--help"], ["cases", report]] {
      let starts = try (0..<4 * conditions.peers.runs).map { _ in try Measured([norma] + arguments) }
      print(
        String(
          format: "norma %@ %.0f ms", arguments[0].padding(toLength: 12, withPad: " ", startingAt: 0),
          1000 * Contest.median(starts.map(\.seconds))))
    }
  }
}
