import ArgumentParser
import Logging
import Reporting

struct ReviewImportCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Bring reviews saved by a report's pages into its index.",
    discussion: """
      Of two reviews of a case the newer one stays, in whatever order files are imported; importing a file again changes \
      nothing. Verdicts stay when cases are analyzed again.
      """)

  @Argument(help: ArgumentHelp("Folder of a report.", valueName: "report"))
  var report: String

  @Argument(help: ArgumentHelp("Files that a report's page saved.", valueName: "file.json"))
  var files: [String]

  @Option(help: ArgumentHelp("Who judged, to be kept with the verdicts.", valueName: "name"))
  var reviewer: String?

  /// The names in a warning; a file of another study would name thousands.
  private static let mostNames = 20

  @OptionGroup var log: LogOptions

  func run() throws {
    let lock = try WritingRight.take(report: report)
    defer { lock.release() }
    let index = try CaseIndex(updating: ReportFolder(report).index)
    var isComplete = true
    var names: Set<String> = []
    // A bad file is told of, and the others are imported.
    for path in files {
      do {
        let file = try ReviewFile(path: path, reviewer: reviewer)
        let result = try index.record(file.reviews)
        print("\(path): \(result.new) new, \(result.changed) changed, \(result.unchanged) unchanged")
        warn(of: result, path: path)
        names.formUnion(file.reviews.map(\.caseName))
        isComplete = isComplete && result.unknownCases.isEmpty
      } catch {
        Logger.norma.report(error, level: .error)
        isComplete = false
      }
    }
    try Report.showReviews(ofCases: names.sorted(), in: report)
    if !isComplete { throw ExitCode(ExitStatus.failed) }
  }

  private func warn(of result: ReviewImport, path: String) {
    let unknown = result.unknownCases
    if !unknown.isEmpty {
      let names = unknown.prefix(Self.mostNames).map(PrintableText.escaped).joined(separator: ", ")
      let more = unknown.count > Self.mostNames ? " and \(unknown.count - Self.mostNames) more" : ""
      let reason = "not imported, since this report has no case of the name: \(names)\(more)"
      Logger.norma.warning("\(path): \(reason). Import the file into the report that it was saved from.")
    }
    if result.ofOtherModels > 0 {
      let reviews = result.ofOtherModels == 1 ? "1 review judges" : "\(result.ofOtherModels) reviews judge"
      let reason = "\(reviews) the report of another model, with other scores and regions"
      Logger.norma.warning("\(path): \(reason). Look at these cases again.")
    }
  }
}
