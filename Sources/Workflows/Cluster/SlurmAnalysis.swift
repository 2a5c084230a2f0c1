import Anomaly
import Files
import Foundation
import Reporting
import Threads

/// Analyzes a study on a Slurm cluster: a job array with one task per shard, and a job that merges the shards.
package struct SlurmAnalysis {
  package struct Settings: Sendable {
    /// Folder of scans, which every node can read.
    package var study: String
    /// Which files and cases of it are taken.
    package var selection = StudySelection()
    package var model: String
    /// Folder of the report, to which every node can write.
    package var output: String
    /// Most shards that run at once.
    package var nodes: Int
    /// Number of shards of the study.
    package var shards: Int
    /// Whether the shards are started anew where they were analyzed in another way.
    package var startsAnew = false
    /// Whether to submit shards that are done too.
    package var takesAll = false
    /// `sbatch` holds further options of `sbatch`, `analysis` those of `norma analyze`.
    package var sbatch: [String] = []
    package var analysis: [String] = []

    package init(study: String, model: String, output: String, nodes: Int, shards: Int) {
      self.study = study
      self.model = model
      self.output = output
      self.nodes = nodes
      self.shards = shards
    }
  }

  private let settings: Settings
  private let scripts: SlurmScripts
  /// Numbers of the shards to run: the shards that are not done, or all.
  package let chosen: [Int]
  private let observe: WorkflowObserver

  /// Checks the study, the model and the progress so far; submits nothing.
  ///
  /// - Parameter ignoresQueue: whether jobs of an earlier submission may still be waiting or running.
  package init(
    _ settings: Settings, ignoresQueue: Bool = false, observe: @escaping WorkflowObserver = { _ in }
  ) throws {
    func absolute(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }
    self.settings = settings
    self.observe = observe
    try Model(path: settings.model).checkAlgorithm(path: settings.model)
    _ = try Study(path: settings.study, taking: settings.selection)
    scripts = SlurmScripts(
      program: Bundle.main.executablePath ?? CommandLine.arguments[0], study: absolute(settings.study),
      model: absolute(settings.model), output: absolute(settings.output), shards: settings.shards,
      analysis: settings.analysis)
    let isOther = try Self.isOther(settings)
    guard !isOther || settings.startsAnew else {
      throw NormaError(
        subject: settings.output, found: "its shards were analyzed with another model, or are of another study",
        remedy: "Choose another --output, or give -- --anew to drop their results and start them anew")
    }
    chosen = try Self.shardsToRun(settings, scripts, takesAll: settings.takesAll || isOther, ignoresQueue: ignoresQueue)
  }

  /// Options of `sbatch` for the array.
  private var options: [String] {
    settings.sbatch
      + ["--array=\(Self.ranges(chosen))" + (settings.nodes < chosen.count ? "%\(settings.nodes)" : "")]
  }

  /// The scripts and the submissions that `submit` would make.
  package var plan: String {
    let merge = settings.sbatch + ["--dependency=afterany:ARRAY"]
    return [
      "# \(scripts.shardFile): sbatch \(options.map(ShellWord.quoted).joined(separator: " "))", scripts.shard,
      "# \(scripts.mergeFile): sbatch \(merge.map(ShellWord.quoted).joined(separator: " "))", scripts.merge,
    ].joined(separator: "\n")
  }

  /// Whether a shard was analyzed with another model, or the report is of another study.
  private static func isOther(_ settings: Settings) throws -> Bool {
    let folder = ReportFolder(settings.output)
    guard try folder.isFree(forStudyAt: settings.study) else { return true }
    let digest = Study.digest(ofFile: settings.model)
    return try folder.shardsFound.contains { shard in
      let index = try CaseIndex(readingFrom: ReportFolder(folder.path, shard: shard).index, sharing: .network)
      return try index.latestRun().map { $0.modelSHA256 != digest } ?? false
    }
  }

  private static func shardsToRun(
    _ settings: Settings, _ scripts: SlurmScripts, takesAll: Bool, ignoresQueue: Bool
  ) throws -> [Int] {
    let (output, numbers) = (settings.output, Array(1...settings.shards))
    let known = try ShardProgress.all(in: ReportFolder(output))
    if let other = known.first, other.shard.count != settings.shards {
      throw NormaError(
        subject: output, found: "it holds shards of a division into \(other.shard.count), not \(settings.shards)",
        remedy: "Give --shards \(other.shard.count), or another --output")
    }
    if !ignoresQueue, let jobs = Slurm.Jobs.read(inFolder: scripts.folder), try !Slurm.queue(of: jobs).isEmpty {
      throw NormaError(
        subject: output, found: "its jobs, \(jobs.array) and \(jobs.merge), still wait or run",
        remedy: "See norma status, wait for them, or scancel \(jobs.array) \(jobs.merge)")
    }
    guard !takesAll else { return numbers }
    let done = Set(known.filter { $0.status == .done }.map(\.shard.number))
    return numbers.filter { !done.contains($0) }
  }

  /// Submits the array, and the merge job that waits for it.
  package func submit() throws -> Slurm.Jobs {
    try OutputFolder.make(scripts.folder)
    try AtomicFile.write(Array(scripts.shard.utf8), to: scripts.shardFile)
    try AtomicFile.write(Array(scripts.merge.utf8), to: scripts.mergeFile)
    let array = try Slurm.submit(scripts.shardFile, options)
    do {
      let merge = try Slurm.submit(scripts.mergeFile, settings.sbatch + ["--dependency=afterany:\(array)"])
      let jobs = Slurm.Jobs(array: array, merge: merge, shards: scripts.shards, submitted: chosen)
      try jobs.write(inFolder: scripts.folder)
      return jobs
    } catch {
      // Shards without a merge job, and whose job number nobody knows, are of no use.
      _ = try? Slurm.run("scancel", [array])
      throw error
    }
  }

  /// How many times in a row Slurm may fail to answer; the tries are two seconds apart.
  private static let patience = 60

  /// Waits until the jobs have ended.
  ///
  /// - Parameter cancels: whether a signal cancels the jobs; if not, it only ends the waiting.
  /// - Returns: the progress of all shards.
  /// - Throws: `Stopped` once a signal has come.
  package func follow(_ jobs: Slurm.Jobs, cancels: Bool) throws -> StudyStatus {
    let output = settings.output
    var unanswered = 0
    while true {
      if let signal = Interruption.signal {
        if cancels { try Slurm.run("scancel", [jobs.array, jobs.merge]) }
        let what = cancels ? "the jobs were cancelled; what is finished is kept" : "the jobs go on"
        throw Stopped(
          signal: signal, description: "\(output): the waiting was stopped by \(Stopped.name(of: signal)); \(what).")
      }
      let status = try StudyStatus(of: output)
      let all = status.lines.compactMap(\.cases).reduce(0, +)
      observe(
        .progress(status.summary, all > 0 ? Double(status.lines.reduce(0) { $0 + $1.done }) / Double(all) : 0))
      if let queue = status.queue {
        if queue.isEmpty { break }
        unanswered = 0
      } else {
        // While the controller restarts, the jobs go on.
        unanswered += 1
        if unanswered >= Self.patience { _ = try Slurm.queue(of: jobs) }
      }
      Thread.sleep(forTimeInterval: 2)
    }
    return try StudyStatus(of: output)
  }

  /// Ranges of numbers, such as `1-3,7` for 1, 2, 3 and 7.
  private static func ranges(_ numbers: [Int]) -> String {
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
