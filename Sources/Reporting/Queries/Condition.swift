/// A condition that a case or region must meet to be listed.
///
/// A comparison with a missing value is neither true nor false, and neither is its `not`: a case without a score meets
/// neither `score > 2` nor `not score > 2`. Rows that a missing value leaves undecided are not listed, but counted; see
/// `UndecidedRows`.
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
  /// Compares two numbers, or two texts, in the same row.
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
      var sql = BoundSQL("NOT ")
      sql.append(condition.sql(on: view).inParentheses)
      return sql
    case .compares(let field, let comparison, let value):
      return Self.test(of: field, on: view, comparison.rawValue, value)
    case .comparesFields(let field, let comparison, let other):
      let test = BoundSQL("\(field.column) \(comparison.rawValue) \(other.column)")
      return field.isOfRegions || other.isOfRegions ? Self.falseWithoutRegions(test) : test
    case .matches(let field, let pattern):
      return Self.test(of: field, on: view, "GLOB", .text(Self.glob(pattern)))
    case .isPresent(let field):
      guard field.isOfAnyScan else { return BoundSQL("\(field.column) IS NOT NULL") }
      return BoundSQL("EXISTS (SELECT 1 FROM scans WHERE case_id = \(view).id AND \(field.column) IS NOT NULL)")
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
    of field: IndexField, on view: String, _ operation: String, _ value: BoundSQL.Value
  ) -> BoundSQL {
    var test = BoundSQL("\(field.column) \(operation) ")
    test.append(value)
    if field.isOfRegions { return falseWithoutRegions(test) }
    guard field.isOfAnyScan else { return test }
    // True where it is for any scan, and undecided where it is for none and a scan has no value.
    return .joined(
      [
        BoundSQL("(SELECT coalesce(nullif(max("), test, BoundSQL("), 0), iif(count("), test,
        BoundSQL(") < count(*), NULL, 0)) FROM scans WHERE case_id = \(view).id)"),
      ], by: "")
  }

  /// A test of the largest region of a case, which no case without regions meets.
  private static func falseWithoutRegions(_ test: BoundSQL) -> BoundSQL {
    .joined([BoundSQL("iif(region_count = 0, 0, "), test, BoundSQL(")")], by: "")
  }

  /// The fields that the condition compares, each once.
  var compared: [IndexField] {
    switch self {
    case .all(let parts), .any(let parts):
      parts.flatMap(\.compared).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    case .not(let condition): condition.compared
    case .compares(let field, _, _), .matches(let field, _): [field]
    case .comparesFields(let field, _, let other): field == other ? [field] : [field, other]
    case .isPresent: []
    }
  }

  /// The pattern for SQLite's `GLOB`. It escapes `[`, which would begin a set of characters: a bracket in a name is
  /// only a bracket.
  private static func glob(_ pattern: String) -> String {
    pattern.unicodeScalars.reduce(into: "") { glob, scalar in
      if scalar == "[" { glob += "[[]" } else { glob.unicodeScalars.append(scalar) }
    }
  }
}
