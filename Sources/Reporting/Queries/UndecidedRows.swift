import Files
import GRDB

/// The rows that a query does not list because a value that it compares is missing: a region without an area in square
/// millimeters, a case that was not examined or not reviewed.
package struct UndecidedRows: Sendable, Equatable {
  /// Number of these rows, and of all cases or regions.
  package let count: Int
  package let all: Int
  private let noun: String
  private let fields: [Missing]

  private struct Missing: Sendable, Equatable {
    let name: String
    let count: Int
    let why: String?
  }

  package var areAll: Bool { count == all }

  /// A sentence for a user: `12 of 12 regions cannot be compared and are not listed: 12 without area_mm2 (...)`.
  package var notice: String {
    let reasons = fields.filter { $0.count > 0 }.map { field in
      "\(field.count) without \(field.name)" + (field.why.map { " (\($0))" } ?? "")
    }
    return "\(count) of \(Count.of(all, noun)) cannot be compared and \(count == 1 ? "is" : "are") not listed: "
      + reasons.joined(separator: ", ") + "."
  }

  fileprivate init(_ row: Row, all: Int, fields: [IndexField], of rows: CaseQuery.Rows) throws {
    count = try row.decode(atIndex: 0)
    self.all = all
    noun = rows == .cases ? "case" : "region"
    self.fields = try fields.enumerated().map { k, field in
      Missing(
        name: field.name, count: try row.decode(Int?.self, atIndex: k + 1) ?? 0,
        why: field.whyMissing(isOfRegion: rows == .regions))
    }
  }
}

extension CaseIndex {
  /// - Returns: `nil` where the conditions of the query are decided for every row.
  package func undecided(by query: CaseQuery) throws(NormaError) -> UndecidedRows? {
    let condition = Condition.all(query.conditions)
    let fields = condition.compared
    guard !fields.isEmpty else { return nil }
    let missing = fields.map { field in
      field.isOfAnyScan
        ? "sum(EXISTS (SELECT 1 FROM scans WHERE case_id = \(query.view).id AND \(field.column) IS NULL))"
        : "sum(\(field.column) IS NULL)"
    }
    var sql = BoundSQL("SELECT \((["count(*)"] + missing).joined(separator: ", ")) FROM \(query.view) WHERE ")
    sql.append(condition.sql(on: query.view).inParentheses)
    sql.append(" IS NULL")
    // As in `CaseQuery`: cases that left the study are listed only where they are asked for.
    let inStudy = condition.names("in_study") ? "" : " AND in_study = 1"
    sql.append(inStudy)
    return try read { database in
      let all = try Int.fetchOne(database, sql: "SELECT count(*) FROM \(query.view) WHERE 1\(inStudy)") ?? 0
      guard let row = try Row.fetchOne(database, sql: sql.statement, arguments: sql.arguments) else { return nil }
      let undecided = try UndecidedRows(row, all: all, fields: fields, of: query.rows)
      return undecided.count == 0 ? nil : undecided
    }
  }
}
