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

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup(title: "Messages") var log: LogOptions

  func run() throws {
    let console = Console()
    let check = try ReportCheck(of: report) { done, all in
      console.show("case \(done) of \(all)", fraction: Double(done) / Double(all))
    }
    if json { console.print(try ReadableJSON.text(Findings(check, of: report))) } else { show(check, on: console) }
    if !check.faults.isEmpty { throw ExitCode(ExitStatus.failed) }
  }

  private func show(_ check: ReportCheck, on console: Console) {
    for note in check.notes { console.show(.notice("note: \(note)")) }
    for fault in check.faults { console.print(fault) }
    let count = check.faults.count
    console.print(
      "\(report): \(Count.of(check.cases, "case")), \(Count.of(check.scans, "scan")); "
        + (count == 0 ? "nothing is missing or altered" : Count.of(count, "fault")))
  }

  private struct Findings: Encodable {
    let report: String
    let isIntact: Bool
    let cases: Int
    let scans: Int
    let faults: [String]
    let notes: [String]

    init(_ check: ReportCheck, of report: String) {
      self.report = report
      isIntact = check.faults.isEmpty
      (cases, scans, faults, notes) = (check.cases, check.scans, check.faults, check.notes)
    }
  }
}
