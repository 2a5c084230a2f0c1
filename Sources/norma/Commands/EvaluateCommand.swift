import Anomaly
import ArgumentParser
import Files
import Foundation
import Reporting
import Workflows

struct EvaluateCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Compare a report with ground truth, beside untrained baselines.",
    discussion: CommandHelp.text(
      """
      A mask lies at MASKS/CASE/SCAN_mask.tif (or SCAN.tif) for STUDY/CASE/SCAN.tif; pixels above half of its largest
      value are lesion. Every pixel of every scan counts. Scans without a mask are taken as free of lesions, and
      counted.

      With --labels, or without masks, a CSV table says which cases are abnormal: columns "case" and "abnormal" (1 or
      0), and "scan" where scans of a case differ. Figures are also given for the cases with each value of its other
      columns.
      """, example: "norma evaluate Reports/NAME --masks STUDY/masks"))

  @Argument(help: ArgumentHelp("Folder of a report.", valueName: "report"), completion: .directory)
  var reportArgument: ReportArgument

  private var report: String { reportArgument.folder }

  @Option(help: "Folder of the masks.", completion: .directory)
  var masks: String?

  @Option(
    help: "CSV table that says which cases are abnormal, with further columns to tell groups of cases apart.",
    completion: .file(extensions: ["csv"]))
  var labels: String?

  @Option(help: "The model, where it has moved since the analysis.", completion: .model)
  var model: String?

  @Option(help: "The study, where it has moved since the analysis.", completion: .directory)
  var study: String?

  @Option(
    parsing: .unconditional,
    help: "Channel weights of the plain intensity baseline, e.g. -1,1,0. By default the model's own, or all alike.")
  var baselineWeights: ChannelWeights?

  @Flag(help: "Compare every score of the model, not only the one the report shows.")
  var scores = false

  @Option(help: "How many times cases are resampled for the 95 % intervals.")
  var resamples = 2000

  @OptionGroup(title: "Reading files") var loader: LoaderOptions

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup(title: "Messages") var log: LogOptions

  func validate() throws {
    guard (0...100_000).contains(resamples) else {
      throw ValidationError("--resamples is \(resamples); 0 to 100000 are supported.")
    }
  }

  func run() throws {
    var settings = Evaluate.Settings(report: report, masks: masks)
    settings.labels = labels
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
      ("AUPRO up to 30 %", \.aupro), ("AP within lesion scans", \.lesionScanAP), ("scan AUROC", \.scanAUROC),
      ("scan average precision", \.scanAP), ("case AUROC", \.caseAUROC), ("lesions found (FROC)", \.froc),
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
      "\(Count.of(scans, "scan")) of \(Count.of(cases, "case"))"
        + (hasMasks ? ", \(Count.of(lesionScans, "scan")) with lesions" : "")
        + (rows.contains { row in columns.contains { row.figures[keyPath: $0.1]?.low != nil } }
          ? "; 95 % intervals over cases" : "")
    ]
    // Up to three results fit side by side in a terminal.
    for first in stride(from: 0, to: rows.count, by: 3) {
      let group = rows[first..<min(first + 3, rows.count)]
      lines += ["", padded("", 30) + group.map { padded($0.name, width) }.joined()]
      for (name, path) in columns where group.contains(where: { $0.figures[keyPath: path] != nil }) {
        lines.append(padded(name, 30) + group.map { padded(cell($0.figures[keyPath: path]), width) }.joined())
      }
      guard group.contains(where: { $0.difference != nil }) else { continue }
      func difference(_ row: Row) -> String {
        row.difference.map { String(format: "%+.3f (%+.3f, %+.3f)", $0.value, $0.low, $0.high) } ?? "-"
      }
      lines.append(padded("norma less this, pixel AP", 30) + group.map { padded(difference($0), width) }.joined())
    }
    lines += verdictLines
    if !groups.isEmpty {
      let names = groups.map { PrintableText.escaped("\($0.covariate): \($0.value)") }
      let width = max(24, names.map(\.count).max() ?? 0) + 2
      lines += [
        "",
        padded("group", width)
          + ["cases", "case AUROC", "pixel AP", "abnormal flagged", "healthy flagged"].map { padded($0, 22) }.joined(),
      ]
      for (name, group) in zip(names, groups) {
        let verdicts = group.figures.verdicts
        let cells = [
          "\(group.cases)", cell(group.figures.caseAUROC), cell(group.figures.pixelAP),
          verdicts?.flaggedAbnormal.map(Self.short) ?? "-", verdicts?.flaggedHealthy.map(Self.short) ?? "-",
        ]
        lines.append(
          padded(name, width) + cells.map { padded($0, 22) }.joined())
      }
    }
    return lines.map { $0.replacing(/\s+$/, with: "") }.joined(separator: "\n")
  }

  private static func short(_ share: Proportion) -> String { "\(share.count) of \(share.total)" }

  private static func words(_ share: Share) -> String {
    String(format: "%d of %d (%.0f %%)", share.count, share.total, 100 * share.value)
  }

  private static func words(_ share: Proportion) -> String {
    String(
      format: "%d of %d (%.0f %%; %.0f-%.0f %%)", share.count, share.total, 100 * share.value, 100 * share.low,
      100 * share.high)
  }

  /// What the report's verdicts and regions are worth, in words.
  private var verdictLines: [String] {
    guard let verdicts = rows.first?.figures.verdicts else { return [] }
    var lines: [(String, String)] = []
    if let share = verdicts.flaggedAbnormal { lines.append(("abnormal cases flagged", Self.words(share))) }
    if let share = verdicts.flaggedHealthy {
      lines.append(
        ("healthy cases flagged", Self.words(share) + "; \(PageText.percent(promisedRate)) were promised"))
    }
    for recall in verdicts.lesionRecall ?? [] {
      let range = Set([recall.smallest, recall.largest].map { String(format: "%.0f", $0) }).sorted {
        Double($0)! < Double($1)!
      }
      let unit = range == ["1"] ? "pixel" : "pixels"
      lines.append(("lesions of \(range.joined(separator: " to ")) \(unit)", Self.words(recall.found)))
    }
    if let sensitivity = verdicts.lesionSensitivity {
      let reached = sensitivity.map {
        String(format: "%.0f %% at %g", 100 * $0.sensitivity, $0.falseRegionsPerScan)
      }.joined(separator: ", ")
      lines.append(("lesions found", reached + " regions elsewhere a scan"))
    }
    if let elsewhere = verdicts.falseRegionsPerScan {
      lines.append(("regions elsewhere, a scan", String(format: "%.2f", elsewhere)))
    }
    if let share = verdicts.hottestRegionInLesion {
      lines.append(("hottest region in a lesion", Self.words(share)))
    }
    let width = max(30, (lines.map(\.0.count).max() ?? 0) + 2)
    return [""] + lines.map { $0.0 + String(repeating: " ", count: width - $0.0.count) + $0.1 }
  }
}
