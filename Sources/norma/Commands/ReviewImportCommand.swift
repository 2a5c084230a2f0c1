import ArgumentParser
import Workflows

struct ReviewImportCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Bring reviews saved by a report's pages into its index.",
    discussion: CommandHelp.text(
      """
      Of two reviews of a case the newer one stays, in whatever order files are imported; importing a file again changes \
      nothing. Verdicts stay when cases are analyzed again.
      """, example: "norma review import Reports/NAME reviews.json"))

  @Argument(help: ArgumentHelp("Folder of a report.", valueName: "report"), completion: .directory)
  var reportArgument: ReportArgument

  private var report: String { reportArgument.folder }

  @Argument(
    help: ArgumentHelp("Files that a report's page saved.", valueName: "file.json"),
    completion: .file(extensions: ["json"]))
  var files: [String]

  @Option(help: ArgumentHelp("Who judged, to be kept with the verdicts.", valueName: "name"))
  var reviewer: String?

  @OptionGroup(title: "Messages") var log: LogOptions

  func run() throws {
    StandardOutput.outlastReader()
    let console = Console()
    let isComplete = try ImportReviews(report: report, reviewer: reviewer, observe: console.show).run(files) {
      console.print("\($0): \($1.new) new, \($1.changed) changed, \($1.unchanged) unchanged")
    }
    if !isComplete { throw ExitCode(ExitStatus.failed) }
  }
}
