import ArgumentParser
import Files
import Reporting

struct ExportCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write the regions and heatmaps of a report for other programs, or its index to a database.",
    discussion: CommandHelp.text(
      """
        geojson  DIR/CASE/SCAN.geojson: outlines of the regions in pixels of the scan, as QuPath imports them
        csv      DIR/regions.csv: a line for each region
        coco     DIR/regions.coco.json: images and annotations, as pycocotools loads them
        mask     DIR/CASE/SCAN.mask.tif: 255 where the heatmap reaches the level of regions, else 0
        imagej   DIR/CASE/FILE.heatmap.tif: heatmaps for ImageJ, the pages of a stack in one file

      A scan whose heatmap is missing or damaged is left out with its reason, and the others are written.

      --postgres loads the index into the schema norma of a PostgreSQL database, beside those of other reports. What the \
      database holds of this report is replaced at once, or left as it is where something fails; loading again adds \
      nothing. A password is better kept in ~/.pgpass or PGPASSWORD than in the URL.
      """, example: "norma export Reports/NAME --format geojson --output OUT"))

  @Argument(help: ArgumentHelp("Folder of a report.", valueName: "report"), completion: .directory)
  var reportArgument: ReportArgument

  private var report: String { reportArgument.folder }

  @Option(help: "What to write.")
  var format: ReportExport.Format?

  @Option(name: .shortAndLong, help: "Folder to write to, made where there is none.", completion: .directory)
  var output: String?

  @Option(
    help: ArgumentHelp(
      "Database to load the index into, instead of --format and --output: postgresql://USER@HOST/DATABASE.",
      valueName: "url"))
  var postgres: String?

  @Flag(help: "Only cases whose p-value is at most the false-positive rate.")
  var flagged = false

  @Option(
    name: .customLong("case"),
    help: ArgumentHelp(
      "Only cases with such names: * stands for any characters, ? for one.", valueName: "glob"))
  var caseNames: String?

  @OptionGroup(title: "Messages") var log: LogOptions

  func validate() throws {
    if let postgres {
      guard format == nil, output == nil, !flagged, caseNames == nil else {
        throw ValidationError(
          "--postgres loads the whole index: --format, --output, --flagged and --case do not go with it.")
      }
      do { _ = try PostgresAddress(postgres) } catch { throw ValidationError("\(error)") }
      return
    }
    guard format != nil else {
      throw ValidationError(
        "--format is missing; one of \(ReportExport.Format.allCases.map(\.rawValue).joined(separator: ", ")) is expected."
      )
    }
    guard output != nil else { throw ValidationError("--output is missing; a folder to write to is expected.") }
  }

  func run() throws {
    if let postgres {
      ProcessArguments.hide(postgres)
      return try load(into: try PostgresAddress(postgres))
    }
    guard let format, let output else { return }
    let console = Console()
    let index = try CaseIndex(readingFrom: ReportFolder(report).index)
    for warning in try index.standing().warnings + [index.alterationWarning()].compactMap({ $0 }) {
      console.show(.warning("\(report): \(warning)"))
    }
    var export = ReportExport(
      try ExportSelection(of: report, flaggedOnly: flagged, names: caseNames.map { NameGlob($0) }))
    export.complain = { console.show(.warning("\($0)")) }
    export.progress = { console.show("case \($0 + 1) of \($1)", fraction: Double($0) / Double($1)) }
    let tally = try export.write(as: format, to: output)
    console.print(Self.summary(tally, format, output))
    if tally.leftOut > 0 { throw ExitCode(ExitStatus.failed) }
  }

  private func load(into address: PostgresAddress) throws {
    let console = Console()
    var index = try CentralIndex(of: report)
    index.progress = { console.show("row \($0) of \($1)", fraction: Double($0) / Double($1)) }
    let tally = try index.load(with: try PSQL(for: address))
    let counts = [
      Count.of(tally.cases, "case"), Count.of(tally.scans, "scan"), Count.of(tally.regions, "region"),
    ]
    console.print("postgres  \(counts.joined(separator: ", "))  \(address.url)")
  }

  /// Summary such as "geojson  12 files, 34 regions  DIR", with what was left out.
  private static func summary(_ tally: ExportTally, _ format: ReportExport.Format, _ output: String) -> String {
    var parts = [Count.of(tally.files, "file")]
    if format != .mask && format != .imagej { parts.append(Count.of(tally.regions, "region")) }
    if tally.leftOut > 0 { parts.append(Count.of(tally.leftOut, "scan") + " left out") }
    if tally.failedInAnalysis > 0 {
      parts.append(Count.of(tally.failedInAnalysis, "scan") + " failed when analyzed")
    }
    if tally.empty > 0 { parts.append(Count.of(tally.empty, "scan") + " with nothing to score") }
    return "\(format.rawValue)  \(parts.joined(separator: ", "))  \(output)"
  }

}

extension ReportExport.Format: ExpressibleByArgument {}
