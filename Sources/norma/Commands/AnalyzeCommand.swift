import Anomaly
import ArgumentParser
import Compute
import Files
import Foundation
import Imaging
import Logging
import Reporting
import Threads
import Workflows

struct AnalyzeCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "analyze", abstract: "Score a study folder; write heatmaps, pages and the index.",
    discussion: CommandHelp.text(
      """
      Run again it goes on: cases whose files, model and settings have not changed are not computed twice. A scan that
      cannot be read is recorded as failed with its reason, one with nothing to score (no tissue, no data, one value) as
      empty, and the others are finished. A case without any scored scan is not examined: the exit status is then 1.
      """, example: "norma analyze STUDY/patients --model healthy.safetensors --output Reports/NAME"))

  @Argument(help: ArgumentHelp("Folder of scans.", valueName: "study"), completion: .directory)
  var study: String

  @Option(
    name: .shortAndLong, help: "Model file that `norma train` wrote.", completion: .model)
  var model: String

  @Option(
    name: .shortAndLong,
    help: "Folder of the report. By default Reports/ and the study's name, with a number where a namesake has that.",
    completion: .directory)
  var output: String?

  @Flag(
    help: ArgumentHelp(
      "Drop what a report holds of another study, by another model or with another score or resolution, instead of "
        + "refusing it. A copy of its index, with its reviews, is kept beside it."))
  var anew = false

  @Flag(help: "Remove the results of cases that left the study. Without it they are kept, marked and counted nowhere.")
  var removeAbsent = false

  @Option(
    help: ArgumentHelp(
      "Analyze one of N parts of the study, into an index of its own; norma merge puts them together. Parts can run on "
        + "different machines at once.", valueName: "k/n"))
  var shard: Shard?

  @Option(help: "Share of healthy cases that may be flagged.")
  var falsePositiveRate = 0.05

  @Option(help: "What heatmaps show.")
  var score: Score = .ensemble

  @Option(help: ArgumentHelp("\(Precision.help.abstract) By default what the model was trained in, where it can be."))
  var precision: Precision?

  @OptionGroup(title: "Choosing scans") var selection: SelectionOptions

  @OptionGroup(title: "Reading files") var loader: LoaderOptions

  @OptionGroup(title: "Memory") var memory: MemoryOptions

  @OptionGroup(title: "Resolution") var resolution: ResolutionOptions

  @Option(help: "What to write beside the heatmaps: residual, the calibrated reconstruction error (SCAN.residual.tif).")
  var keep: [KeptFile] = []

  @Flag(
    help: ArgumentHelp(
      "Keep what scans say in words, such as names and dates, in the index and on the pages. Without it nothing of it is."
    ))
  var keepMetadata = false

  @Option(
    help: ArgumentHelp(
      "Smaller regions are left out: 5mm2, or 12px in pixels of the scan. Never less than the 12 pixels of the model's "
        + "grid it was calibrated with; scans of unknown pixel size keep to those.", valueName: "area"))
  var minimumRegionArea: String?

  @OptionGroup var failures: FailureOptions

  @OptionGroup(title: "Messages") var log: LogOptions

  func validate() throws {
    try precision?.validate()
    if let minimumRegionArea, RegionArea(minimumRegionArea) == nil {
      throw ValidationError(
        "--minimum-region-area is '\(minimumRegionArea)'; a positive number with its unit, such as 5mm2 or 12px, is "
          + "expected.")
    }
    guard falsePositiveRate > 0, falsePositiveRate < 1 else {
      throw ValidationError("--false-positive-rate is \(falsePositiveRate); a share between 0 and 1 is expected.")
    }
  }

  func run() throws {
    Interruption.listen()
    memory.apply()
    var settings = Analyze.Settings(
      study: study, model: model, output: try output ?? Analyze.Settings.defaultOutput(study))
    settings.selection = try selection.chosen()
    settings.shard = shard
    settings.startsAnew = anew
    settings.removesAbsent = removeAbsent
    settings.falsePositiveRate = falsePositiveRate
    settings.score = score
    settings.keepsResidual = keep.contains(.residual)
    settings.keepsMetadata = keepMetadata
    settings.precision = precision
    settings.minimumRegionArea = minimumRegionArea.flatMap { RegionArea($0) }
    settings.limits = loader.limits
    settings.memory = memory.budget
    settings.resolution = resolution.chosen
    let console = Console()
    let result = try Analyze(settings, observe: console.show).run()
    if LogFormat.current == .json { Logger.norma.notice("finished", metadata: result.facts) }
    console.print(result.summary)
    if !(result.counts.map(failures.allow) ?? false) { throw ExitCode(ExitStatus.failed) }
  }
}

extension Analyze.Outcome {
  /// The outcome as metadata for programs, so that they need not parse the summary.
  fileprivate var facts: Logger.Metadata {
    var facts: Logger.Metadata = [
      "path": "\(output)", "cases": .stringConvertible(cases), "unchanged": .stringConvertible(unchanged),
      "scans": .stringConvertible(scans), "seconds": .stringConvertible(seconds),
    ]
    guard let counts else { return facts }
    facts["unexamined"] = .stringConvertible(counts.unexaminedCases)
    facts["flagged"] = .stringConvertible(counts.flaggedCases)
    facts["failed"] = .stringConvertible(counts.failedScans)
    facts["empty"] = .stringConvertible(counts.emptyScans)
    return facts
  }

  var summary: String {
    [
      shard.map { "shard    \($0) of \(output); norma merge \(output) puts all together" }
        ?? "report   \(output)/index.html\nindex    \(output)/cases.sqlite",
      counts.map {
        "cases    " + VerdictText.cases($0) + (unchanged > 0 ? ", \(unchanged) unchanged since the last run" : "")
      },
      rate.map { "rate     \($0)" },
      counts.map {
        "scans    \(Count.of(scans, "scan")) computed in \(PageText.duration(seconds)), \($0.failedScans) failed"
          + ($0.emptyScans > 0 ? ", \($0.emptyScans) with nothing to score" : "")
      },
      domain.map { "domain   \($0)" },
      shard == nil ? "next     norma cases \(ShellWord.quoted(output)) --flagged" : nil,
      hasLearned ? nil : "model    has not learned enough, so the results may mean nothing; the report says why",
    ].compactMap { $0 }.joined(separator: "\n")
  }
}

extension Score: ExpressibleByArgument {}

extension Shard: ExpressibleByArgument {
  package init?(argument: String) { self.init(argument) }
}

/// Further files that `analyze` writes on request, next to the heatmaps.
enum KeptFile: String, ExpressibleByArgument, CaseIterable { case residual }
