import ArgumentParser
import Files
import Reporting
import Workflows

struct ReportCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Make the pages of a report again, from its index and heatmaps alone.",
    discussion: CommandHelp.text(
      "The scans are not needed. Pictures stay as they are; those of the heat are drawn again where they are gone.",
      example: "norma report Reports/NAME"))

  @Argument(help: ArgumentHelp("Folder of a report.", valueName: "report"), completion: .directory)
  var reportArgument: ReportArgument

  private var report: String { reportArgument.folder }

  @OptionGroup(title: "Messages") var log: LogOptions

  func run() throws {
    StandardOutput.outlastReader()
    let console = Console()
    if let warning = try CaseIndex(readingFrom: ReportFolder(report).index).alterationWarning() {
      console.show(.warning("\(report): \(warning)"))
    }
    let rebuilt = try RebuildPages(report: report, observe: console.show).run()
    console.print(
      "pages    \(rebuilt.pages)"
        + (rebuilt.drawn > 0 ? ", the heat of \(Count.of(rebuilt.drawn, "scan")) drawn again" : ""),
      "report   \(report)/index.html")
    if !rebuilt.missing.isEmpty { throw ExitCode(ExitStatus.failed) }
  }
}
