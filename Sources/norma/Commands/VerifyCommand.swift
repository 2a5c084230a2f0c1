import ArgumentParser
import Files
import Reporting

struct VerifyCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Check that a report's files are those that its index describes.",
    discussion: CommandHelp.text(
      """
      The index by SQLite's own checks and its counts; heatmaps by their SHA-256; pages and pictures by whether they are \
      there; and files that the index does not know. What is missing or altered is named, and the exit status is 1. \
      Nothing is changed.
      """, example: "norma verify Reports/NAME"))

  @Argument(help: ArgumentHelp("Folder of a report.", valueName: "report"), completion: .directory)
  var reportArgument: ReportArgument

  private var report: String { reportArgument.folder }

  @OptionGroup(title: "Messages") var log: LogOptions

  func run() throws {
    let console = Console()
    let check = try ReportCheck(of: report) { done, all in
      console.show("case \(done) of \(all)", fraction: Double(done) / Double(all))
    }
    for note in check.notes { console.show(.notice("note: \(note)")) }
    for fault in check.faults { console.print(fault) }
    let count = check.faults.count
    console.print(
      "\(report): \(Count.of(check.cases, "case")), \(Count.of(check.scans, "scan")); "
        + (count == 0 ? "nothing is missing or altered" : Count.of(count, "fault")))
    if count > 0 { throw ExitCode(ExitStatus.failed) }
  }
}
