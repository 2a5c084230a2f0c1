import GRDB

/// SQL with its values kept separate: text that a user typed is bound to the statement and never becomes part of it.
struct BoundSQL: Sendable, Equatable {
  enum Value: Sendable, Equatable {
    case text(String)
    case number(Double)
  }

  private enum Piece: Sendable, Equatable {
    case sql(String)
    case value(Value)
  }

  private var pieces: [Piece] = []

  /// - Parameter sql: SQL written by norma, without `?`.
  init(_ sql: String = "") { append(sql) }

  mutating func append(_ sql: String) { if !sql.isEmpty { pieces.append(.sql(sql)) } }
  mutating func append(_ value: Value) { pieces.append(.value(value)) }
  mutating func append(_ other: BoundSQL) { pieces += other.pieces }

  /// The SQL in parentheses: `(sql)`.
  var inParentheses: BoundSQL {
    var result = BoundSQL("(")
    result.append(self)
    result.append(")")
    return result
  }

  static func joined(_ parts: [BoundSQL], by separator: String) -> BoundSQL {
    var result = BoundSQL()
    for (index, part) in parts.enumerated() {
      if index > 0 { result.append(separator) }
      result.append(part)
    }
    return result
  }

  /// The statement, with a `?` in place of every value.
  var statement: String {
    pieces.map { if case .sql(let sql) = $0 { sql } else { "?" } }.joined()
  }

  /// The values in the order of their `?`.
  var arguments: StatementArguments {
    StatementArguments(
      pieces.compactMap { piece -> (any DatabaseValueConvertible)? in
        switch piece {
        case .sql: nil
        case .value(.text(let text)): text
        case .value(.number(let number)): number
        }
      })
  }

  /// The statement with its values as SQL literals, for a person to run.
  var literal: String {
    pieces.map { piece in
      switch piece {
      case .sql(let sql): sql
      case .value(.text(let text)): Self.quoted(text)
      case .value(.number(let number)): Self.literal(number)
      }
    }.joined()
  }

  /// The text as an SQL string. Quotes inside are doubled; no other character is special in an SQL string.
  private static func quoted(_ text: String) -> String {
    var literal = "'"
    for scalar in text.unicodeScalars {
      if scalar == "'" { literal.unicodeScalars.append(scalar) }
      literal.unicodeScalars.append(scalar)
    }
    return literal + "'"
  }

  /// The number with the fewest digits that read back as the same number.
  private static func literal(_ number: Double) -> String {
    Int64(exactly: number).map { "\($0)" } ?? "\(number)"
  }
}
