import Files

/// Splits a condition into tokens.
struct ConditionLexer {
  private let scalars: [Unicode.Scalar]
  private var next = 0

  private init(_ text: String) { scalars = Array(text.unicodeScalars) }

  static func tokens(of text: String) throws(NormaError) -> [ConditionToken] {
    var lexer = ConditionLexer(text)
    var tokens: [ConditionToken] = []
    while let token = try lexer.token() { tokens.append(token) }
    return tokens
  }

  private mutating func token() throws(NormaError) -> ConditionToken? {
    while next < scalars.count, scalars[next].properties.isWhitespace { next += 1 }
    guard next < scalars.count else { return nil }
    let start = next
    switch scalars[start] {
    case "(", ")":
      next += 1
      return ConditionToken(kind: scalars[start] == "(" ? .open : .close, text: text(from: start), position: start + 1)
    case "'", "\"": return try quotedText()
    case "=", "!", "<", ">": return try comparison()
    case "-", "+", ".", "0"..."9": return try number()
    case let scalar where Self.startsWord(scalar):
      skip(while: Self.continuesWord)
      return ConditionToken(kind: .word, text: text(from: start), position: start + 1)
    default:
      throw .condition(
        position: start + 1,
        found: "'\(PrintableText.escaped(String(scalars[start])))' means nothing here",
        remedy: "Put text in quotes, such as name like 'TCGA*'; decimals take a point, and there are no lists")
    }
  }

  /// Reads quoted text. A quote inside the text is written twice, as in SQL.
  private mutating func quotedText() throws(NormaError) -> ConditionToken {
    let (start, quote) = (next, scalars[next])
    var text = String.UnicodeScalarView()
    next += 1
    while next < scalars.count {
      if scalars[next] == quote {
        guard next + 1 < scalars.count, scalars[next + 1] == quote else {
          next += 1
          return ConditionToken(kind: .quoted, text: String(text), position: start + 1)
        }
        next += 1
      }
      text.append(scalars[next])
      next += 1
    }
    throw .condition(
      position: start + 1, found: "the quote is never closed",
      remedy: "Close the text with \(quote)")
  }

  private mutating func comparison() throws(NormaError) -> ConditionToken {
    let start = next
    skip { "=!<>".unicodeScalars.contains($0) }
    let written = text(from: start)
    let sql = ["==": "=", "<>": "!="][written] ?? written
    guard let comparison = Condition.Comparison(rawValue: sql) else {
      throw .condition(
        position: start + 1, found: "'\(written)' compares nothing",
        remedy: "Use one of = != < <= > >=")
    }
    return ConditionToken(kind: .comparison(comparison), text: written, position: start + 1)
  }

  private mutating func number() throws(NormaError) -> ConditionToken {
    let start = next
    skip { Self.continuesWord($0) || $0 == "+" }
    let written = text(from: start)
    // `Double` also reads hexadecimal numbers, infinity and NaN. Users mean none of these, so they are refused.
    guard written.utf8.allSatisfy({ "+-.0123456789eE".utf8.contains($0) }), let number = Double(written),
      number.isFinite
    else {
      throw .condition(
        position: start + 1,
        found: "'\(PrintableText.escaped(written))' is no number",
        remedy: "Write a number such as 2.5, or put text in quotes")
    }
    return ConditionToken(kind: .number(number), text: written, position: start + 1)
  }

  private mutating func skip(while condition: (Unicode.Scalar) -> Bool) {
    while next < scalars.count, condition(scalars[next]) { next += 1 }
  }

  private func text(from start: Int) -> String {
    String(String.UnicodeScalarView(scalars[start..<next]))
  }

  private static func startsWord(_ scalar: Unicode.Scalar) -> Bool { scalar == "_" || scalar.properties.isAlphabetic }

  private static func continuesWord(_ scalar: Unicode.Scalar) -> Bool {
    startsWord(scalar) || scalar == "-" || scalar == "." || ("0"..."9").contains(scalar)
  }
}
