import Anomaly
import Files
import Foundation
import Reporting

/// What a table says of cases: which are abnormal, and further facts by which they are put into groups.
///
/// The table has a column `case`, and may have a column `abnormal` (1 or 0) and a column `scan`. A case is abnormal if
/// any of its rows is. Every other column is a covariate, with one value for each case.
struct CaseLabels {
  /// Cases with the same value of a covariate.
  struct Group: Hashable {
    let covariate: String
    let value: String
  }

  private let path: String
  /// Whether the table says which cases are abnormal.
  let hasLabels: Bool
  private var names: Set<String> = []
  private var abnormal: [String: Bool] = [:]
  /// By case and scan.
  private var abnormalScans: [String: [String: Bool]] = [:]
  private var groups: [String: [Group]] = [:]
  /// All groups: covariates in the order of their columns, values in ascending order.
  private(set) var allGroups: [Group] = []
  private(set) var notes: [String] = []

  /// A covariate with more values is divided into thirds if they are numbers, and left out otherwise.
  private static let mostValues = 12
  /// How tables say that a value is not known, in lower case.
  private static let missing: Set = ["", "na", "n/a", "nan", "null", "none", "-"]

  /// - Throws: `NormaError` if the file is no table of cases, or contradicts itself.
  init(path: String) throws(NormaError) {
    self.path = path
    let table = try DelimitedTable(path: path)
    guard let cases = table.column("case") else {
      throw NormaError(
        subject: path,
        found: "it has the columns \(table.columns.joined(separator: ", ")); a column \"case\" was expected",
        remedy: "Name the column of the cases' names \"case\"")
    }
    let (labels, scans) = (table.column("abnormal"), table.column("scan"))
    hasLabels = labels != nil
    // What rows without a scan say.
    var wholes: [String: Bool] = [:]
    for row in table.rows {
      let name = row[cases]
      names.insert(name)
      guard let labels else { continue }
      let isAbnormal = try Self.truth(row[labels], of: name, in: path)
      let scan = scans.map { row[$0] } ?? ""
      if let known = scan.isEmpty ? wholes[name] : abnormalScans[name]?[scan], known != isAbnormal {
        throw NormaError(
          subject: path,
          found: "\(scan.isEmpty ? "case \(name)" : "scan \(name)/\(scan)") is abnormal in one row and not in another",
          remedy: "Give it one row")
      }
      if scan.isEmpty { wholes[name] = isAbnormal } else { abnormalScans[name, default: [:]][scan] = isAbnormal }
      abnormal[name] = abnormal[name] == true || isAbnormal
    }
    for (column, name) in table.columns.enumerated() where ![cases, labels, scans].contains(column) && !name.isEmpty {
      try group(table, by: column, cases: cases)
    }
  }

  private static func truth(_ text: String, of name: String, in path: String) throws(NormaError) -> Bool {
    switch text.lowercased() {
    case "1", "true", "yes": return true
    case "0", "false", "no": return false
    default:
      throw NormaError(
        subject: path, found: "\"abnormal\" of case \(name) is \"\(text)\"; 1 or 0 was expected",
        remedy: "Write 1 for abnormal cases and 0 for healthy ones")
    }
  }

  /// Puts the cases into groups by one column. Cases without a value are in none.
  private mutating func group(_ table: DelimitedTable, by column: Int, cases: Int) throws(NormaError) {
    let covariate = table.columns[column]
    var values: [String: String] = [:]
    for row in table.rows where !Self.missing.contains(row[column].lowercased()) {
      if let other = values[row[cases]], other != row[column] {
        throw NormaError(
          subject: path,
          found: "\"\(covariate)\" of case \(row[cases]) is \"\(other)\" in one row and \"\(row[column])\" in another",
          remedy: "Give each case one value, or remove the column")
      }
      values[row[cases]] = row[column]
    }
    var distinct = Set(values.values).sorted { $0.localizedStandardCompare($1) == .orderedAscending }
    if distinct.count > Self.mostValues {
      let numbers = values.compactMapValues { Double($0) }.filter(\.value.isFinite)
      guard numbers.count == values.count else {
        notes.append(
          "The column \"\(covariate)\" has \(distinct.count) values: no figures are given for each of them.")
        return
      }
      let sorted = numbers.values.sorted()
      let cuts = [sorted[sorted.count / 3], sorted[2 * sorted.count / 3]]
      let (low, high) = (Self.text(cuts[0]), Self.text(cuts[1]))
      let names = ["below \(low)", "\(low) to below \(high)", "\(high) and above"]
      values = numbers.mapValues { number in names[cuts.count { number >= $0 }] }
      distinct = names.filter(values.values.contains)
    }
    for (name, value) in values { groups[name, default: []].append(Group(covariate: covariate, value: value)) }
    allGroups += distinct.map { Group(covariate: covariate, value: $0) }
  }

  private static func text(_ number: Double) -> String {
    abs(number) < 1e15 && number == number.rounded() ? String(format: "%.0f", number) : "\(number)"
  }

  /// What is known of a scan; `nil` where the table does not say whether its case is abnormal.
  func label(of scan: ScanRow, in name: String) -> Evaluation.Label? {
    guard let isAbnormal = abnormal[name] else { return nil }
    let own = abnormalScans[name] ?? [:]
    // A case that is healthy has healthy scans only.
    return Evaluation.Label(
      wholeCase: isAbnormal, scan: isAbnormal ? Self.names(of: scan).lazy.compactMap { own[$0] }.first : false)
  }

  /// What the table may call a scan.
  private static func names(of scan: ScanRow) -> [String] {
    let file = FilePath.name(of: scan.path)
    return [scan.name, FilePath.withoutEnding(file), file, scan.path]
  }

  /// The scans that the table names and the case does not have.
  func unknownScans(of name: String, among scans: [ScanRow]) -> [String] {
    let known = Set(scans.flatMap(Self.names))
    return (abnormalScans[name] ?? [:]).keys.filter { !known.contains($0) }.sorted().map { "\(name)/\($0)" }
  }

  func groups(of name: String) -> [Group] { groups[name] ?? [] }

  /// What the table and the report do not have in common, as sentences.
  ///
  /// - Parameters:
  ///   - cases: names of the cases that were scored.
  ///   - scans: scans that the table names and the report does not have.
  ///   - hasMasks: whether masks say which of the other cases are abnormal.
  func gaps(to cases: [String], scans: [String], hasMasks: Bool) -> [String] {
    let unknown = cases.filter { !names.contains($0) }
    let scored = Set(cases)
    let extra = names.filter { !scored.contains($0) }.sorted()
    var result: [String] = []
    if !unknown.isEmpty {
      let fate = hasMasks ? "; masks alone say what is abnormal in them" : ", and no figure counts them"
      result.append(
        "Not in \(path): \(Count.of(unknown.count, "case")) of the report (\(NameList.text(unknown)))\(fate).")
    }
    if !extra.isEmpty {
      result.append("Not scored: \(Count.of(extra.count, "case")) of \(path) (\(NameList.text(extra))).")
    }
    if !scans.isEmpty {
      result.append("Not in the report: \(Count.of(scans.count, "scan")) of \(path) (\(NameList.text(scans))).")
    }
    return result
  }
}
