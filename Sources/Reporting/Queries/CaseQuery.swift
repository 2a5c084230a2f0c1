import Files
import GRDB

/// A question to the index of a report: which cases or regions, what of them, in which order and how many.
package struct CaseQuery: Sendable {
  package enum Rows: Sendable {
    case cases, regions
  }

  package enum Direction: Sendable {
    case ascending, descending
  }

  private let rows: Rows
  private(set) var columns: [IndexField]
  private var conditions: [Condition] = []
  private var order: IndexField
  private var direction: Direction
  /// At most so many rows, 1 or more; all where it is `nil`.
  package var limit: Int?

  /// All rows with their usual columns: cases from the highest score, regions from the highest peak.
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

  // MARK: - What is asked

  /// Keeps the rows that meet a condition, and all given before.
  package mutating func filter(_ condition: String) throws(NormaError) {
    conditions.append(try ConditionParser.condition(in: condition, of: fields))
  }

  /// Shows these columns instead of the usual ones.
  ///
  /// - Parameter list: names with commas between them.
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

  /// Orders the rows; those without a value come last either way.
  ///
  /// - Parameter direction: `nil` for what is remarkable first: high scores, counts and areas, low p-values.
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

  /// The statement with its values as SQL literals, to be run in `sqlite3`.
  package var sql: String { bound.literal + ";" }

  var bound: BoundSQL {
    let view = rows == .cases ? "case_overview" : "region_overview"
    var sql = BoundSQL("SELECT \(columns.map(\.column).joined(separator: ", ")) FROM \(view)")
    if !conditions.isEmpty {
      sql.append(" WHERE ")
      sql.append(Condition.all(conditions).sql(on: view))
    }
    sql.append(" ORDER BY " + ordering)
    if let limit {
      sql.append(" LIMIT ")
      sql.append(.number(Double(limit)))
    }
    return sql
  }

  /// Ties are broken, so that equal indexes give equal output.
  private var ordering: String {
    let ties = rows == .cases ? ["name"] : ["case_name", "scan_id", "rank"]
    let direction = direction == .descending ? "DESC" : "ASC NULLS LAST"
    return (["\(order.column) \(direction)"] + ties.filter { $0 != order.column }).joined(separator: ", ")
  }
}

extension IndexField {
  /// The direction with what is remarkable first.
  fileprivate var usualDirection: CaseQuery.Direction {
    switch kind {
    case .text, .word, .probability: .ascending
    case .truth, .count, .number, .measure: .descending
    }
  }
}

extension CaseIndex {
  /// Asks a question and gives the answer as a table.
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
