import ArgumentParser
import Compute
import Foundation

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
    let report = "\(folder)/norma"
    let ours = [norma, "analyze", study, "--model", conditions.model, "--output", report]
    let theirs = [
      conditions.python, "\(conditions.peers)/analyze.py", study, conditions.model, "\(folder)/python",
    ]
    var runs: (ours: [Measured], theirs: [Measured]) = ([], [])
    for _ in 0..<conditions.runs {
      try? FileManager.default.removeItem(atPath: folder)
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      runs.ours.append(try Measured(ours))
      runs.theirs.append(try Measured(theirs))
    }
    func line(_ name: String, _ runs: [Measured]) -> String {
      String(
        format: "%@ %.2f s (%.2f-%.2f), %.0f MB", name.padding(toLength: 18, withPad: " ", startingAt: 0),
        Contest.median(runs.map(\.seconds)), runs.map(\.seconds).min()!, runs.map(\.seconds).max()!,
        Contest.median(runs.map(\.megabytes)))
    }
    print(line("norma analyze", runs.ours), line("python", runs.theirs), separator: "\n")
    let faster = Contest.median(zip(runs.theirs, runs.ours).map { $0.seconds / $1.seconds })
    let smaller = Contest.median(zip(runs.ours, runs.theirs).map { $0.megabytes / $1.megabytes })
    print(String(format: "norma is %.2f x as fast with %.2f of the memory", faster, smaller))
    for arguments in [["--help"], ["cases", report]] {
      let starts = try (0..<4 * conditions.runs).map { _ in try Measured([norma] + arguments) }
      print(
        String(
          format: "norma %@ %.0f ms", arguments[0].padding(toLength: 12, withPad: " ", startingAt: 0),
          1000 * Contest.median(starts.map(\.seconds))))
    }
  }
}

/// A process that was run to its end.
private struct Measured {
  let seconds: Double
  /// Largest resident size.
  let megabytes: Double

  init(_ command: [String]) throws {
    let start = ContinuousClock.now
    var process = pid_t()
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for output in [STDOUT_FILENO, STDERR_FILENO] {
      posix_spawn_file_actions_addopen(&actions, output, "/dev/null", O_WRONLY, 0)
    }
    var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    guard posix_spawnp(&process, command[0], &actions, nil, &arguments, environ) == 0 else {
      throw Peer.Failure(description: "\(command[0]) cannot be started")
    }
    var status: Int32 = 0
    var usage = rusage()
    guard wait4(process, &status, 0, &usage) == process, status == 0 else {
      throw Peer.Failure(description: "\(command.joined(separator: " ")) failed with status \(status >> 8)")
    }
    seconds = (ContinuousClock.now - start) / .seconds(1)
    megabytes = Double(usage.ru_maxrss) / 1024
  }
}
