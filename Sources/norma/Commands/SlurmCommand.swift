import Anomaly
import ArgumentParser
import Compute
import Files
import Foundation
import Imaging
import Logging
import Reporting
import Threads

struct SlurmCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "slurm", abstract: "Analyze a study over a Slurm cluster.",
    discussion: """
      Submits a job array with a shard a task, and a job that merges them when all have ended. Options that norma does not \
      know go to sbatch, written as --name=value; options after -- go to norma analyze. Run again it submits the shards \
      that did not come to their end. Follow it with norma status.

        norma slurm STUDY --model M --output OUT --nodes 8 --partition=long --cpus-per-task=4 -- --keep residual
      """)

  @Argument(help: ArgumentHelp("Folder of scans, which every node can read.", valueName: "study"))
  var study: String

  @Option(name: .shortAndLong, help: "Model file that `norma train` wrote.")
  var model: String

  @Option(name: .shortAndLong, help: "Folder of the report, which every node can write.")
  var output: String

  @Option(help: "Shards that run at once.")
  var nodes: Int

  @Option(help: "Shards of the study; by default as many as run at once.")
  var shards: Int?

  @Flag(help: "Submit shards that are done too, to take in cases that were added since.")
  var all = false

  @Flag(help: "Print the scripts and what would be submitted, and do nothing.")
  var dryRun = false

  @Flag(help: "Wait until all has ended and show how far it is; Ctrl-C ends the waiting, not the jobs.")
  var wait = false

  @Flag(help: "With --wait: Ctrl-C cancels the jobs too.")
  var cancelOnInterrupt = false

  @OptionGroup var log: LogOptions

  @Argument(parsing: .allUnrecognized, help: .hidden)
  var sbatch: [String] = []

  @Argument(parsing: .postTerminator, help: .hidden)
  var analysis: [String] = []

  func validate() throws {
    guard (1...Shard.most).contains(nodes) else {
      throw ValidationError("--nodes is \(nodes); 1 to \(Shard.most) is expected.")
    }
    if let shards, !(1...Shard.most).contains(shards) {
      throw ValidationError("--shards is \(shards); 1 to \(Shard.most) is expected.")
    }
    if let word = sbatch.first(where: { !$0.hasPrefix("-") }) {
      throw ValidationError("'\(word)' is not understood; options for sbatch are written as --name=value.")
    }
    for owned in ["--array", "-a", "--dependency", "-d", "--wrap"] {
      if sbatch.contains(where: { $0 == owned || $0.hasPrefix(owned + "=") }) {
        throw ValidationError("\(owned) is set by norma itself; choose --nodes and --shards.")
      }
    }
    if cancelOnInterrupt, !wait { throw ValidationError("--cancel-on-interrupt needs --wait.") }
    // Wrong options are told now, not by every node.
    do { _ = try AnalyzeCommand.parse([study, "--model", model, "--output", output] + analysis) } catch {
      throw ValidationError("options for norma analyze: \(AnalyzeCommand.message(for: error))")
    }
  }

  func run() throws {
    let scripts = try makeScripts()
    let chosen = try shardsToRun(scripts)
    guard !chosen.isEmpty else {
      print("all \(scripts.shards) shards of \(output) are done; --all submits them again")
      return
    }
    let options = sbatch + ["--array=\(Self.ranges(chosen))" + (nodes < chosen.count ? "%\(nodes)" : "")]
    if dryRun {
      print(
        "# \(scripts.shardFile): sbatch \(options.map(SlurmScripts.quoted).joined(separator: " "))", scripts.shard,
        "# \(scripts.mergeFile): sbatch \((sbatch + ["--dependency=afterany:ARRAY"]).map(SlurmScripts.quoted).joined(separator: " "))",
        scripts.merge, separator: "\n", terminator: "")
      return
    }
    let jobs = try submit(scripts, chosen, options)
    print(
      "array    \(jobs.array), \(chosen.count) of \(scripts.shards) shards",
      "merge    \(jobs.merge), when they have ended",
      "follow   norma status \(output)", separator: "\n")
    if wait { try follow(jobs) }
  }

  private func makeScripts() throws -> SlurmScripts {
    func absolute(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }
    _ = try Model(path: model)
    _ = try Study(path: study)
    return SlurmScripts(
      program: Bundle.main.executablePath ?? CommandLine.arguments[0], study: absolute(study), model: absolute(model),
      output: absolute(output), shards: shards ?? nodes, analysis: analysis)
  }

  /// Those that are not done, or all.
  private func shardsToRun(_ scripts: SlurmScripts) throws -> [Int] {
    let numbers = Array(1...scripts.shards)
    let known = try ShardProgress.all(in: ReportFolder(output))
    if let other = known.first, other.shard.count != scripts.shards {
      throw NormaError(
        subject: output, found: "it holds shards of a division into \(other.shard.count), not \(scripts.shards)",
        remedy: "Give --shards \(other.shard.count), or another --output")
    }
    if !dryRun, let jobs = Slurm.Jobs.read(inFolder: scripts.folder), try !Slurm.queue(of: jobs).isEmpty {
      throw NormaError(
        subject: output, found: "its jobs, \(jobs.array) and \(jobs.merge), still wait or run",
        remedy: "See norma status, wait for them, or scancel \(jobs.array) \(jobs.merge)")
    }
    guard !all else { return numbers }
    let done = Set(known.filter { $0.status == .done }.map(\.shard.number))
    return numbers.filter { !done.contains($0) }
  }

  private func submit(_ scripts: SlurmScripts, _ chosen: [Int], _ options: [String]) throws -> Slurm.Jobs {
    try GenerationOptions.makeFolder(scripts.folder)
    try AtomicFile.write(Array(scripts.shard.utf8), to: scripts.shardFile)
    try AtomicFile.write(Array(scripts.merge.utf8), to: scripts.mergeFile)
    let array = try Slurm.submit(scripts.shardFile, options)
    do {
      let merge = try Slurm.submit(scripts.mergeFile, sbatch + ["--dependency=afterany:\(array)"])
      let jobs = Slurm.Jobs(array: array, merge: merge, shards: scripts.shards, submitted: chosen)
      try jobs.write(inFolder: scripts.folder)
      return jobs
    } catch {
      // Shards that nobody merges, and nobody knows the number of, are of no use.
      _ = try? Slurm.run("scancel", [array])
      throw error
    }
  }

  /// How often in a row Slurm may not answer, two seconds apart.
  private static let patience = 60

  private func follow(_ jobs: Slurm.Jobs) throws {
    Interruption.listen()
    var line = ProgressLine()
    var unanswered = 0
    while true {
      if let signal = Interruption.signal {
        if cancelOnInterrupt { try Slurm.run("scancel", [jobs.array, jobs.merge]) }
        let what = cancelOnInterrupt ? "the jobs were cancelled; what is finished is kept" : "the jobs go on"
        throw Stopped(
          signal: signal, description: "\(output): the waiting was stopped by \(Stopped.name(of: signal)); \(what).")
      }
      let status = try StudyStatus(of: output)
      let all = status.lines.compactMap(\.cases).reduce(0, +)
      line.update(
        status.summary, fraction: all > 0 ? Double(status.lines.reduce(0) { $0 + $1.done }) / Double(all) : 0)
      if let queue = status.queue {
        if queue.isEmpty { break }
        unanswered = 0
      } else {
        // A controller that restarts is no end of the jobs.
        unanswered += 1
        if unanswered >= Self.patience { _ = try Slurm.queue(of: jobs) }
      }
      Thread.sleep(forTimeInterval: 2)
    }
    Terminal.endLine()
    let status = try StudyStatus(of: output)
    print(status.text)
    guard status.lines.allSatisfy({ $0.state == "done" }),
      FileManager.default.fileExists(atPath: ReportFolder(output).index)
    else { throw ExitCode(ExitStatus.failed) }
  }

  /// `1-3,7` of 1, 2, 3 and 7.
  static func ranges(_ numbers: [Int]) -> String {
    var ranges: [ClosedRange<Int>] = []
    for number in numbers.sorted() {
      if let last = ranges.last, last.upperBound + 1 == number {
        ranges[ranges.count - 1] = last.lowerBound...number
      } else {
        ranges.append(number...number)
      }
    }
    return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(
      separator: ",")
  }
}
