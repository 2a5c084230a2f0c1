import Files
import Foundation
import Imaging

/// Calls Slurm's own programs as a user would.
package enum Slurm {
  /// The jobs submitted for a report, recorded next to its scripts.
  package struct Jobs: Codable, Equatable, Sendable {
    package var array: String
    package var merge: String
    package var shards: Int
    /// Numbers of the shards in the array.
    package var submitted: [Int]

    static func read(inFolder folder: String) -> Jobs? {
      guard let data = FileManager.default.contents(atPath: folder + "/jobs.json") else { return nil }
      return try? JSONDecoder().decode(Jobs.self, from: data)
    }

    func write(inFolder folder: String) throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      try AtomicFile.write(Array(try encoder.encode(self)), to: folder + "/jobs.json")
    }
  }

  private static func path(of program: String) -> String? {
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(program)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Runs one of Slurm's programs and returns what it prints.
  ///
  /// - Throws: `NormaError` where the program is missing, or with its own words where it fails.
  @discardableResult static func run(_ program: String, _ arguments: [String]) throws -> String {
    guard let path = path(of: program) else {
      throw NormaError(
        .system, subject: program, found: "there is no such program on this machine",
        remedy: "Run this where Slurm's commands are")
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    // Slurm's programs print little, so neither pipe fills while the other is read.
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      let words = complaint.split(separator: "\n").joined(separator: "; ")
      throw NormaError(
        .system, subject: program,
        found: "it refused: \(words.isEmpty ? "exit status \(process.terminationStatus)" : words)",
        remedy: "Correct the options that are passed on, or ask whoever runs the cluster")
    }
    return text
  }

  /// Submits a script and returns the number of its job.
  static func submit(_ script: String, _ options: [String]) throws -> String {
    let answer = try run("sbatch", ["--parsable"] + options + [script])
    return String(answer.trimmingCharacters(in: .whitespacesAndNewlines).prefix { $0 != ";" })
  }

  /// A waiting or running task: the number of its job, its number within the job's array, and its state, such as
  /// `RUNNING`.
  struct QueuedTask: Equatable {
    let job: String
    let task: Int?
    let state: String
  }

  /// The waiting and running tasks of some jobs.
  static func queue(of jobs: Jobs) throws -> [QueuedTask] {
    // All jobs of the user are listed, because `squeue` fails when asked for the number of a job that has ended.
    let text = try run("squeue", ["--noheader", "--array", "--me", "--format=%F %K %T"])
    return text.split(separator: "\n").compactMap { line in
      let parts = line.split(separator: " ")
      guard parts.count == 3, [jobs.array, jobs.merge].contains(String(parts[0])) else { return nil }
      return QueuedTask(job: String(parts[0]), task: Int(parts[1]), state: String(parts[2]))
    }
  }

  /// States of an array's tasks, by task number; only tasks that wait or run.
  static func states(ofArray job: String, in queue: [QueuedTask]) -> [Int: String] {
    queue.filter { $0.job == job }.reduce(into: [:]) { states, entry in
      if let task = entry.task { states[task] = entry.state }
    }
  }
}
