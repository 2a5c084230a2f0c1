import Anomaly
import ArgumentParser
import Compute
import Files
import Foundation
import Logging
import Reporting

struct EvaluateCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Compare a report with ground truth, beside untrained baselines.",
    discussion: """
      A mask lies at MASKS/CASE/SCAN_mask.tif (or SCAN.tif) for STUDY/CASE/SCAN.tif; pixels above half of its largest
      value are lesion. Every pixel of every scan counts. Scans without a mask are taken as free of lesions, and counted.
      """)

  @Argument(help: ArgumentHelp("Folder of a report.", valueName: "report"))
  var report: String

  @Option(help: "Folder of the masks.")
  var masks: String

  @Option(help: "The model, where it has moved since the analysis.")
  var model: String?

  @Option(help: "The study, where it has moved since the analysis.")
  var study: String?

  @Option(
    parsing: .unconditional,
    help: "Channel weights of the plain intensity baseline, e.g. -1,1,0. By default the model's own, or all alike.")
  var baselineWeights: ChannelWeights?

  @Flag(help: "Compare every score of the model, not only the one the report shows.")
  var scores = false

  @Option(help: "How many times cases are resampled for the 95 % intervals.")
  var resamples = 200

  @OptionGroup var loader: LoaderOptions

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var log: LogOptions

  func run() throws {
    let index = try CaseIndex(readingFrom: ReportFolder(report).index)
    guard let run = try index.latestRun() else {
      throw NormaError(subject: report, found: "its index holds no run", remedy: "Run `norma analyze` first")
    }
    let context = try run.context
    func fact(_ name: String) -> String? { context.provenance.first { $0.name == name }?.value }
    let modelPath = model ?? fact(Analysis.modelFact) ?? ""
    let trained = try Model(path: modelPath)
    let comparison = Comparison(
      index: index, folder: ReportFolder(report), masks: masks, study: study ?? run.studyPath,
      model: trained, threshold: context.threshold, baselineWeights: baselineWeights?.values,
      resamples: resamples,
      scorer: try otherScores(
        of: trained, path: modelPath,
        precision: fact(Analysis.precisionFact).flatMap { Precision(rawValue: $0) } ?? trained.precision),
      limits: loader.limits)
    let result = try comparison.run()
    for note in result.notes { Logger.norma.notice("\(note)") }
    print(json ? try result.json() : result.table)
  }

  private func otherScores(of model: Model, path: String, precision: Precision) throws -> Scorer? {
    scores
      ? try Scorer(model, path: path, others: model.book.available, engine: try Engine(precision: precision.available))
      : nil
  }
}
