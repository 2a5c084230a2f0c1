import Files
import GRDB

/// A query of a report's index: which cases or regions to list, which columns, in which order, and how many rows. It is
/// of the cases in the study, unless a condition names `in_study`.
package struct CaseQuery: Sendable {
  package enum Rows: Sendable {
    case cases, regions
  }

  package enum Direction: Sendable {
    case ascending, descending
  }

  let rows: Rows
  private(set) var columns: [IndexField]
  private(set) var conditions: [Condition] = []
  private var order: IndexField
  private var direction: Direction
  /// The largest number of rows, 1 or more; `nil` for all rows.
  package var limit: Int?

  /// A query for all rows with their default columns: cases from the highest score, regions from the highest peak.
  package init(_ rows: Rows = .cases) {
    self.rows = rows
    let name: String
    switch rows {
    case .cases: (columns, name) = (IndexField.caseDefaults, "score")
    case .regions: (columns, name) = (IndexField.regionDefaults, "peak")
    }
    order = columns.first { $0.name == name } ?? columns[0]
    direction = .descending
  }

  // MARK: - Conditions, columns and order

  /// Keeps only rows that meet this condition and all earlier ones.
  package mutating func filter(_ condition: String) throws(NormaError) {
    conditions.append(try ConditionParser.condition(in: condition, of: fields))
  }

  /// Shows these columns instead of the default ones.
  ///
  /// - Parameter list: column names, separated by commas.
  package mutating func show(_ list: String) throws(NormaError) {
    var chosen: [IndexField] = []
    for name in list.split(separator: ",", omittingEmptySubsequences: false) {
      let field = try column(String(name), option: "--columns")
      guard !chosen.contains(field) else {
        throw NormaError(
          subject: "--columns", found: "\(field.name) is given twice", remedy: "Name every column once")
      }
      chosen.append(field)
    }
    columns = chosen
  }

  /// Orders the rows. Rows without a value come last in both directions.
  ///
  /// - Parameters:
  ///   - name: the column to sort by; `nil` keeps the current column.
  ///   - direction: `nil` puts the most remarkable rows first: high scores, counts and areas, low p-values.
  package mutating func sort(by name: String?, _ direction: Direction? = nil) throws(NormaError) {
    if let name { order = try column(name, option: "--sort") }
    self.direction = direction ?? order.usualDirection
  }

  private var fields: [IndexField] { rows == .cases ? IndexField.ofCases : IndexField.ofRegions }

  private func column(_ name: String, option: String) throws(NormaError) -> IndexField {
    let shown = fields.filter { !$0.isOfAnyScan }
    let name = String(name.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    if let field = IndexField.named(name, among: shown) { return field }
    let known = "Use one of \(IndexField.list(shown))"
    guard let field = IndexField.named(name, among: fields) else {
      throw NormaError(
        subject: option, found: "there is no column '\(PrintableText.escaped(name))'", remedy: known)
    }
    throw NormaError(
      subject: option, found: "\(field.name) has a value for every scan of a case, so that a row has no one to show",
      remedy: "Use it in --where or, of regions, with --regions; or use one of \(IndexField.list(shown))")
  }

  // MARK: - SQL

  /// The statement with its values as SQL literals, ready to run in `sqlite3`.
  package var sql: String { bound.literal + ";" }

  var view: String { rows == .cases ? "case_overview" : "region_overview" }

  var bound: BoundSQL {
    var sql = BoundSQL("SELECT \(columns.map(\.column).joined(separator: ", ")) FROM \(view)")
    // Findings of cases that left the study are listed only where somebody asks for them.
    let isOfStudy = conditions.contains { $0.names("in_study") } ? [] : [BoundSQL("in_study = 1")]
    let filter = isOfStudy + (conditions.isEmpty ? [] : [Condition.all(conditions).sql(on: view)])
    if !filter.isEmpty {
      sql.append(" WHERE ")
      sql.append(.joined(filter, by: " AND "))
    }
    sql.append(" ORDER BY " + ordering)
    if let limit {
      sql.append(" LIMIT ")
      // SQLite takes no number beyond 64 bits, and a `Double` rounds up to one.
      sql.append(.number(Double(min(limit, 1 << 52))))
    }
    return sql
  }

  /// The columns to order by. It breaks all ties, so that equal indexes give equal output.
  private var ordering: String {
    let ties = rows == .cases ? ["name"] : ["case_name", "scan_id", "rank"]
    let direction = direction == .descending ? "DESC" : "ASC NULLS LAST"
    return (["\(order.column) \(direction)"] + ties.filter { $0 != order.column }).joined(separator: ", ")
  }
}

extension IndexField {
  /// The direction that puts the most remarkable rows first.
  fileprivate var usualDirection: CaseQuery.Direction {
    switch kind {
    case .text, .word, .probability: .ascending
    case .truth, .count, .number, .measure: .descending
    }
  }
}

extension CaseIndex {
  /// Runs a query and returns its rows as a table.
  package func table(of query: CaseQuery) throws(NormaError) -> CaseTable {
    let sql = query.bound
    return try read { database in
      let statement = try database.cachedStatement(sql: sql.statement)
      let rows = try Row.fetchCursor(statement, arguments: sql.arguments)
      var cells: [[TableCell]] = []
      while let row = try rows.next() {
        cells.append(query.columns.enumerated().map { TableCell(row[$0], $1.kind) })
      }
      return CaseTable(columns: query.columns, rows: cells)
    }
  }
}
