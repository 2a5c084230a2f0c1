import ArgumentParser
import Foundation
import Logging
import Reporting

struct ExportCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write the regions and heatmaps of a report for other programs.",
    discussion: """
      geojson  DIR/CASE/SCAN.geojson: outlines of the regions in pixels of the scan, as QuPath imports them
      csv      DIR/regions.csv: a line for each region
      coco     DIR/regions.coco.json: images and annotations, as pycocotools loads them
      mask     DIR/CASE/SCAN.mask.tif: 255 where the heatmap reaches the level of regions, else 0
      imagej   DIR/CASE/FILE.heatmap.tif: heatmaps for ImageJ, the pages of a stack in one file

      A scan whose heatmap is missing or damaged is left out with its reason, and the others are written.
      """)

  @Argument(help: ArgumentHelp("Folder of a report.", valueName: "report"))
  var report: String

  @Option(help: "What to write.")
  var format: ReportExport.Format?

  @Option(name: .shortAndLong, help: "Folder to write to, made where there is none.")
  var output: String?

  @Flag(help: "Only cases whose p-value is at most the false-positive rate.")
  var flagged = false

  @Option(
    name: .customLong("case"),
    help: ArgumentHelp(
      "Only cases with such names: * stands for any characters, ? for one.", valueName: "glob"))
  var caseNames: String?

  @OptionGroup var log: LogOptions

  func validate() throws {
    guard format != nil else {
      throw ValidationError(
        "--format is missing; one of \(ReportExport.Format.allCases.map(\.rawValue).joined(separator: ", ")) is expected."
      )
    }
    guard output != nil else { throw ValidationError("--output is missing; a folder to write to is expected.") }
  }

  func run() throws {
    guard let format, let output else { return }
    var line = ProgressLine()
    var export = ReportExport(
      try ExportSelection(of: report, flaggedOnly: flagged, names: caseNames.map { CaseGlob($0) }))
    export.complain = { Logger.norma.warning("\($0)") }
    export.progress = { line.update("case \($0 + 1) of \($1)", fraction: Double($0) / Double($1)) }
    let tally = try export.write(as: format, to: output)
    Terminal.endLine()
    print(Self.summary(tally, format, output))
    if tally.leftOut > 0 { throw ExitCode(ExitStatus.failed) }
  }

  /// "geojson  12 files, 34 regions  DIR", and what is not in them.
  private static func summary(_ tally: ExportTally, _ format: ReportExport.Format, _ output: String) -> String {
    func count(_ n: Int, _ word: String) -> String { "\(n) \(word)\(n == 1 ? "" : "s")" }
    var parts = [count(tally.files, "file")]
    if format != .mask && format != .imagej { parts.append(count(tally.regions, "region")) }
    if tally.leftOut > 0 { parts.append(count(tally.leftOut, "scan") + " left out") }
    if tally.failedInAnalysis > 0 { parts.append(count(tally.failedInAnalysis, "scan") + " failed when analyzed") }
    return "\(format.rawValue)  \(parts.joined(separator: ", "))  \(output)"
  }
}

extension ReportExport.Format: ExpressibleByArgument {}
