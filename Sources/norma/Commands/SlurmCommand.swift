import ArgumentParser
import Files
import Foundation
import Reporting
import Threads
import Workflows

struct SlurmCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "slurm", abstract: "Analyze a study over a Slurm cluster.",
    discussion: CommandHelp.text(
      """
      Submits a job array with a shard a task, and a job that merges them when all have ended. Options that norma does not \
      know go to sbatch, written as --name=value; options after -- go to norma analyze. Run again it submits the shards \
      that did not come to their end. Follow it with norma status.

        norma slurm STUDY --model M --output OUT --nodes 8 --partition=long --cpus-per-task=4 -- --keep residual
      """))

  @Argument(
    help: ArgumentHelp("Folder of scans, which every node can read.", valueName: "study"), completion: .directory)
  var study: String

  @Option(
    name: .shortAndLong, help: "Model file that `norma train` wrote.", completion: .model)
  var model: String

  @Option(name: .shortAndLong, help: "Folder of the report, which every node can write.", completion: .directory)
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

  @OptionGroup(title: "Messages") var log: LogOptions

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
    _ = try analyze()
  }

  /// What every node runs. Wrong options are reported here, instead of later by every node.
  private func analyze() throws -> AnalyzeCommand {
    do { return try AnalyzeCommand.parse([study, "--model", model, "--output", output] + analysis) } catch {
      throw ValidationError("options for norma analyze: \(AnalyzeCommand.message(for: error))")
    }
  }

  /// The options for norma analyze, with an absolute path of the list of cases: jobs start in another folder.
  private var options: [String] {
    func absolute(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }
    return analysis.enumerated().map { place, word in
      if place > 0, analysis[place - 1] == "--cases" { return absolute(word) }
      return word.hasPrefix("--cases=") ? "--cases=" + absolute(String(word.dropFirst("--cases=".count))) : word
    }
  }

  func run() throws {
    var settings = SlurmAnalysis.Settings(
      study: study, model: model, output: output, nodes: nodes, shards: shards ?? nodes)
    settings.takesAll = all
    settings.sbatch = sbatch
    settings.analysis = options
    let command = try analyze()
    settings.selection = try command.selection.chosen()
    settings.startsAnew = command.anew
    let console = Console()
    let batch = try SlurmAnalysis(settings, ignoresQueue: dryRun, observe: console.show)
    guard !batch.chosen.isEmpty else {
      return console.print(
        Count.of(settings.shards, "shard of \(output) is done", "shards of \(output) are done")
          + "; --all submits them again")
    }
    if dryRun { return console.print(batch.plan, terminator: "") }
    let jobs = try batch.submit()
    console.print(
      "array    \(jobs.array), \(batch.chosen.count) of \(Count.of(settings.shards, "shard"))",
      "merge    \(jobs.merge), when they have ended", "follow   norma status \(output)")
    guard wait else { return }
    Interruption.listen()
    let status = try batch.follow(jobs, cancels: cancelOnInterrupt)
    console.print(status.text)
    guard status.lines.allSatisfy({ $0.state == "done" }),
      FileManager.default.fileExists(atPath: ReportFolder(output).index)
    else { throw ExitCode(ExitStatus.failed) }
  }
}
