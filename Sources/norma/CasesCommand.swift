import ArgumentParser
import Foundation
import Reporting

struct CasesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cases", abstract: "Query the cases of a report.")

  @Argument(help: ArgumentHelp("Folder of a report.", valueName: "report"))
  var report: String

  @Flag(help: "Only cases whose p-value is at most the false-positive rate.")
  var flagged = false

  @Option(help: "Order: score, name, p_value or regions.")
  var sort: CaseIndex.Order = .score

  @Option(help: "Output: table, json or csv.")
  var format: CaseTable.Format = .table

  func run() throws {
    let index = try CaseIndex(readingFrom: ReportFolder(report).index)
    let text = CaseTable(try index.cases(flaggedOnly: flagged, sort: sort)).text(as: format)
    FileHandle.standardOutput.write(Data(text.utf8))
  }
}

extension CaseIndex.Order: ExpressibleByArgument {}
extension CaseTable.Format: ExpressibleByArgument {}
