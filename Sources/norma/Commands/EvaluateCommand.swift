import Anomaly
import ArgumentParser
import Files
import Foundation
import Workflows

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
  var resamples = 2000

  @OptionGroup var loader: LoaderOptions

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var log: LogOptions

  func run() throws {
    var settings = Evaluate.Settings(report: report, masks: masks)
    settings.model = model
    settings.study = study
    settings.baselineWeights = baselineWeights?.values
    settings.takesAllScores = scores
    settings.resamples = resamples
    settings.limits = loader.limits
    let console = Console()
    let result = try Evaluate(settings).run()
    guard json else { return console.show(result) }
    for note in result.notes { console.show(.notice(note)) }
    console.print(try ReadableJSON.text(result))
  }
}

extension Console {
  /// Shows the figures as a table.
  func show(_ result: Evaluate.Outcome) {
    for note in result.notes { show(.notice(note)) }
    self.print(result.table)
  }
}

extension Evaluate.Outcome {
  fileprivate var table: String {
    let columns: [(String, KeyPath<Evaluation.Figures, Evaluation.Figure?>)] = [
      ("pixel average precision", \.pixelAP), ("best Dice", \.bestDice),
      ("Dice at calibrated threshold", \.diceAtThreshold), ("pixel AUROC", \.pixelAUROC),
      ("AP within lesion scans", \.lesionScanAP), ("scan AUROC", \.scanAUROC),
      ("scan average precision", \.scanAP), ("case AUROC", \.caseAUROC),
    ]
    func cell(_ figure: Evaluation.Figure?) -> String {
      guard let figure else { return "-" }
      guard let low = figure.low, let high = figure.high else { return String(format: "%.3f", figure.value) }
      return String(format: "%.3f (%.3f-%.3f)", figure.value, low, high)
    }
    func padded(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(0, width - text.count))
    }
    let width = max(22, rows.map(\.name.count).max() ?? 0) + 2
    var lines = [
      "\(Count.of(scans, "scan")) of \(Count.of(cases, "case")), \(Count.of(lesionScans, "scan")) with lesions; 95 % intervals over cases"
    ]
    // Up to three results fit side by side in a terminal.
    for first in stride(from: 0, to: rows.count, by: 3) {
      let group = rows[first..<min(first + 3, rows.count)]
      lines += ["", padded("", 30) + group.map { padded($0.name, width) }.joined()]
      for (name, path) in columns {
        lines.append(padded(name, 30) + group.map { padded(cell($0.figures[keyPath: path]), width) }.joined())
      }
      guard group.contains(where: { $0.difference != nil }) else { continue }
      func difference(_ row: Row) -> String {
        row.difference.map { String(format: "%+.3f (%+.3f, %+.3f)", $0.value, $0.low, $0.high) } ?? "-"
      }
      lines.append(padded("norma less this, pixel AP", 30) + group.map { padded(difference($0), width) }.joined())
    }
    return lines.map { $0.replacing(/\s+$/, with: "") }.joined(separator: "\n")
  }
}
