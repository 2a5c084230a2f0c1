import ArgumentParser
import Files
import Foundation
import Reporting

struct CasesCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "cases", abstract: "Query the cases of a report.",
    discussion: CommandHelp.text(
      """
      A condition compares fields with = != < <= > >=, text with like and a pattern of * and ?, asks what is missing or \
      present, and joins all this with and, or, not and parentheses:

        score > 2 and p_value <= 0.05 and name like 'TCGA*' and not reviewed
        status = failed or regions >= 3 or region_area_mm2 > 5
        path like '*/left/*' and verdict = disagree

      What has no value to compare is not listed, with not or without; a note counts it and says why. path, page, error \
      and other fields of scans hold where they do for any scan of the case. With --regions a condition may ask for what regions have too, such as area_mm2, peak and q_value. A \
      field that does not exist is answered with the list of those that do.
      """))

  @Argument(help: ArgumentHelp("Folder of a report.", valueName: "report"), completion: .directory)
  var reportArgument: ReportArgument

  private var report: String { reportArgument.folder }

  @Option(
    name: .customLong("where"),
    help: ArgumentHelp(
      "Only what meets a condition, such as \"score > 2 and not reviewed\"; of several, all.", valueName: "condition"))
  var conditions: [String] = []

  @Flag(help: "Only cases whose p-value is at most the false-positive rate.")
  var flagged = false

  @Flag(help: "Only cases none of whose scans was scored, and of which some failed.")
  var failed = false

  @Flag(help: "Only cases with a verdict of a reviewer.")
  var reviewed = false

  @Flag(help: "Only cases without a verdict of a reviewer.")
  var notReviewed = false

  @Flag(help: "Only cases that left the study since they were analyzed. Without it they are not listed.")
  var notInStudy = false

  @Flag(help: "A row for every region instead of every case.")
  var regions = false

  @Option(help: ArgumentHelp("What to show, with commas in between.", valueName: "names"))
  var columns: String?

  @Option(help: "Order: score, name, p_value, regions or any other column. Regions: by peak, if not said otherwise.")
  var sort: String?

  @Flag(help: "Lowest first, in place of the column's usual order.")
  var ascending = false

  @Flag(help: "Highest first, in place of the column's usual order.")
  var descending = false

  @Option(help: ArgumentHelp("At most so many rows.", valueName: "rows"))
  var limit: Int?

  @Option(help: "Output: table, json, csv or ndjson, an object a line.")
  var format: CaseTable.Format = .table

  @Flag(help: "Print the query as SQL for sqlite3 REPORT/cases.sqlite, and do not run it.")
  var sql = false

  @OptionGroup(title: "Messages") var log: LogOptions

  func validate() throws {
    if reviewed && notReviewed { throw ValidationError("Give --reviewed or --not-reviewed, not both.") }
    if ascending && descending { throw ValidationError("Give --ascending or --descending, not both.") }
    if let limit, limit < 1 { throw ValidationError("--limit is \(limit); 1 or more is expected.") }
    do { _ = try query } catch { throw ValidationError("\(error)") }
  }

  func run() throws {
    let console = Console()
    let index = try CaseIndex(readingFrom: ReportFolder(report).index)
    let table = sql ? nil : try index.table(of: try query)
    let undecided = sql ? nil : try index.undecided(by: try query)
    let text = try table?.text(as: format) ?? query.sql + "\n"
    console.print(text, terminator: "")
    let absent = try index.cases(inStudy: false).count
    if absent > 0, !sql, !notInStudy, format == .table {
      let which = Count.of(absent, "case that left the study is", "cases that left the study are")
      console.show(.notice("\(which) not listed; --not-in-study lists \(absent == 1 ? "it" : "them")."))
    }
    if !sql, format == .table, let clause = VerdictText.partlyExamined(try index.casesPartlyFailed()) {
      console.show(.notice(clause))
    }
    if let table, table.isEmpty, format == .table, undecided?.areAll != true {
      console.show(.notice("No \(regions ? "region" : "case") meets this."))
    }
    if !sql { for warning in try index.standing().warnings { console.show(.warning("\(report): \(warning)")) } }
    if let undecided { console.show(.notice(undecided.notice)) }
  }

  private var query: CaseQuery {
    get throws(NormaError) {
      var query = CaseQuery(regions ? .regions : .cases)
      let named = [
        (flagged, "flagged"), (failed, "status = failed"), (reviewed, "reviewed"), (notReviewed, "not reviewed"),
        (notInStudy, "not in_study"),
      ]
      for (isGiven, condition) in named where isGiven { try query.filter(condition) }
      for condition in conditions { try query.filter(condition) }
      if let columns { try query.show(columns) }
      if sort != nil || ascending || descending {
        try query.sort(by: sort, ascending ? .ascending : descending ? .descending : nil)
      }
      query.limit = limit
      return query
    }
  }
}

extension CaseTable.Format: ExpressibleByArgument {}
