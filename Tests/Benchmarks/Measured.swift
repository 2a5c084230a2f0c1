import Foundation
import Numerics

/// A process that was run to its end.
struct Measured {
  let seconds: Double
  /// Of all its threads.
  let processorSeconds: Double
  /// Largest resident size.
  let megabytes: Double

  /// Medians of several runs.
  static func line(_ name: String, _ runs: [Measured]) -> String {
    String(
      format: "%@ %.2f s (%.2f-%.2f), %.0f MB", name.padding(toLength: 18, withPad: " ", startingAt: 0),
      Contest.median(runs.map(\.seconds)), runs.map(\.seconds).min()!, runs.map(\.seconds).max()!,
      Contest.median(runs.map(\.megabytes)))
  }

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
    processorSeconds = [usage.ru_utime, usage.ru_stime].reduce(0) {
      $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6
    }
  }
}
