import Anomaly
import ArgumentParser
import Compute
import Foundation
import Imaging
import Logging
import Reporting
import Threads
import Workflows

struct AnalyzeCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "analyze", abstract: "Score a study folder; write heatmaps, pages and the index.",
    discussion: """
      Run again it goes on: cases whose files, model and settings have not changed are not computed twice. A scan that
      cannot be read is recorded as failed with its reason, and the others are finished.
      """)

  @Argument(help: ArgumentHelp("Folder of scans.", valueName: "study"))
  var study: String

  @Option(name: .shortAndLong, help: "Model file that `norma train` wrote.")
  var model: String

  @Option(name: .shortAndLong, help: "Folder of the report. By default Reports/ and the study's name.")
  var output: String?

  @Option(
    help: ArgumentHelp(
      "Analyze one of N parts of the study, into an index of its own; norma merge puts them together. Parts can run on "
        + "different machines at once.", valueName: "k/n"))
  var shard: Shard?

  @Option(help: "Share of healthy cases that may be flagged.")
  var falsePositiveRate = 0.05

  @Option(help: "What heatmaps show: \(Score.allCases.map(\.rawValue).joined(separator: ", ")).")
  var score: Score = .ensemble

  @Option(help: ArgumentHelp("\(Precision.help.abstract) By default what the model was trained in, where it can be."))
  var precision: Precision?

  @OptionGroup var loader: LoaderOptions

  @OptionGroup var memory: MemoryOptions

  @OptionGroup var resolution: ResolutionOptions

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

  @OptionGroup var log: LogOptions

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
      study: study, model: model, output: output ?? Analyze.Settings.defaultOutput(study))
    settings.shard = shard
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
    if result.failedScans > 0 { throw ExitCode(ExitStatus.failed) }
  }
}

extension Analyze.Outcome {
  /// The outcome as metadata for programs, so that they need not parse the summary.
  fileprivate var facts: Logger.Metadata {
    [
      "path": "\(output)", "cases": .stringConvertible(cases), "unchanged": .stringConvertible(unchanged),
      "flagged": .stringConvertible(flagged), "scans": .stringConvertible(scans),
      "failed": .stringConvertible(failedScans), "seconds": .stringConvertible(seconds),
    ]
  }

  var summary: String {
    [
      shard.map { "shard    \($0) of \(output); norma merge \(output) puts all together" }
        ?? "report   \(output)/index.html\nindex    \(output)/cases.sqlite",
      "cases    \(cases), \(flagged) flagged" + (unchanged > 0 ? ", \(unchanged) unchanged since the last run" : ""),
      rate.map { "rate     \($0)" },
      "scans    \(PageText.count(scans, "scan")) computed in \(PageText.duration(seconds)), \(failedScans) failed",
      domain.map { "domain   \($0)" },
    ].compactMap { $0 }.joined(separator: "\n")
  }
}

extension Score: ExpressibleByArgument {}

extension Shard: ExpressibleByArgument {
  package init?(argument: String) { self.init(argument) }
}

/// Further files that `analyze` writes on request, next to the heatmaps.
enum KeptFile: String, ExpressibleByArgument, CaseIterable { case residual }
