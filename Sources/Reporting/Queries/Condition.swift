/// A condition that a case or region must meet to be listed.
///
/// A missing value meets no comparison, and `not` inverts that: `not score > 2` holds for a case without a score.
indirect enum Condition: Sendable, Equatable {
  enum Comparison: String, Sendable, CaseIterable {
    case equal = "="
    case unequal = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
  }

  case all([Condition])
  case any([Condition])
  case not(Condition)
  case compares(IndexField, Comparison, BoundSQL.Value)
  /// Compares two numbers in the same row.
  case comparesFields(IndexField, Comparison, IndexField)
  /// Matches a pattern in which `*` stands for any characters and `?` for one character. Letter case counts.
  case matches(IndexField, pattern: String)
  /// Whether the field has a value; for a field of scans, whether any scan of the case has a value.
  case isPresent(IndexField)

  /// The condition as SQL on a row of this view.
  func sql(on view: String) -> BoundSQL {
    switch self {
    case .all(let parts): return .joined(parts.map { $0.operand(on: view) }, by: " AND ")
    case .any(let parts): return .joined(parts.map { $0.operand(on: view) }, by: " OR ")
    case .not(let condition):
      // `NOT` would keep an unknown result unknown; `IS NOT TRUE` makes it true.
      var sql = condition.sql(on: view).inParentheses
      sql.append(" IS NOT TRUE")
      return sql
    case .compares(let field, let comparison, let value):
      return Self.test(of: field, on: view, comparison.rawValue, value)
    case .comparesFields(let field, let comparison, let other):
      return BoundSQL("\(field.column) \(comparison.rawValue) \(other.column)")
    case .matches(let field, let pattern):
      return Self.test(of: field, on: view, "GLOB", .text(Self.glob(pattern)))
    case .isPresent(let field):
      return Self.test(of: field, on: view, "IS NOT NULL", nil)
    }
  }

  /// Whether the condition asks for this field.
  func names(_ field: String) -> Bool {
    switch self {
    case .all(let parts), .any(let parts): parts.contains { $0.names(field) }
    case .not(let condition): condition.names(field)
    case .comparesFields(let first, _, let second): first.name == field || second.name == field
    case .compares(let known, _, _), .matches(let known, _), .isPresent(let known): known.name == field
    }
  }

  private func operand(on view: String) -> BoundSQL {
    switch self {
    case .all(let parts), .any(let parts): parts.count > 1 ? sql(on: view).inParentheses : sql(on: view)
    default: sql(on: view)
    }
  }

  private static func test(
    of field: IndexField, on view: String, _ operation: String, _ value: BoundSQL.Value?
  ) -> BoundSQL {
    var test = BoundSQL("\(field.column) \(operation)")
    if let value {
      test.append(" ")
      test.append(value)
    }
    guard field.isOfAnyScan else { return test }
    var sql = BoundSQL("EXISTS (SELECT 1 FROM scans WHERE case_id = \(view).id AND ")
    sql.append(test)
    sql.append(")")
    return sql
  }

  /// The pattern for SQLite's `GLOB`. It escapes `[`, which would begin a set of characters: a bracket in a name is
  /// only a bracket.
  private static func glob(_ pattern: String) -> String {
    pattern.unicodeScalars.reduce(into: "") { glob, scalar in
      if scalar == "[" { glob += "[[]" } else { glob.unicodeScalars.append(scalar) }
    }
  }
}
