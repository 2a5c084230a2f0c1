import Files

/// Parses the condition that is typed after `--where`.
///
/// ```
/// or         = and { "or" and }
/// and        = unary { "and" unary }
/// unary      = "not" unary | "(" or ")" | test
/// test       = field [ comparison ( value | field ) | [ "not" ] "like" text | "is" [ "not" ] ( "missing" | "present" )
/// ] comparison = "=" | "!=" | "<" | "<=" | ">" | ">="
/// ```
struct ConditionParser {
  /// Limits for conditions, far above the one line that a person types. They keep SQLite within its own limits: its
  /// parser stacks at most a hundred symbols, three for every parenthesis, and its expressions may be at most a
  /// thousand deep.
  private static let longest = 10_000
  private static let deepest = 20
  private static let mostTests = 500

  private let fields: [IndexField]
  private let tokens: [ConditionToken]
  private var next = 0
  private var depth = 0
  private var tests = 0

  /// Parses a condition on rows with these fields.
  static func condition(in text: String, of fields: [IndexField]) throws(NormaError) -> Condition {
    let length = text.unicodeScalars.count
    guard length <= longest else {
      throw .condition(
        found: "the condition has \(length) characters; \(longest) at most are read",
        remedy: "Shorten it, or ask the index with sqlite3")
    }
    var parser = ConditionParser(fields: fields, tokens: try ConditionLexer.tokens(of: text))
    guard !parser.tokens.isEmpty else {
      throw .condition(
        found: "the condition is empty", remedy: "Write one such as score > 2")
    }
    let condition = try parser.disjunction()
    if let rest = parser.peek {
      throw parser.unexpected(rest, expected: "'and', 'or' or the end")
    }
    return condition
  }

  private init(fields: [IndexField], tokens: [ConditionToken]) {
    self.fields = fields
    self.tokens = tokens
  }

  // MARK: - Grammar

  private mutating func disjunction() throws(NormaError) -> Condition {
    var parts = [try conjunction()]
    while accept(keyword: "or") { parts.append(try conjunction()) }
    return parts.count == 1 ? parts[0] : .any(parts)
  }

  private mutating func conjunction() throws(NormaError) -> Condition {
    var parts = [try unary()]
    while accept(keyword: "and") { parts.append(try unary()) }
    return parts.count == 1 ? parts[0] : .all(parts)
  }

  private mutating func unary() throws(NormaError) -> Condition {
    guard let token = peek else { throw unexpected(nil, expected: "a field, 'not' or '('") }
    let isNegation = token.isKeyword("not")
    guard isNegation || token.kind == .open else { return try test() }
    next += 1
    depth += 1
    guard depth <= Self.deepest else {
      throw .condition(
        position: token.position,
        found: "parentheses and 'not' are nested deeper than \(Self.deepest)", remedy: "Leave out those not needed")
    }
    defer { depth -= 1 }
    if isNegation { return .not(try unary()) }
    let inner = try disjunction()
    guard let close = peek, close.kind == .close else {
      throw unexpected(peek, expected: "')' for the '(' at character \(token.position)")
    }
    next += 1
    return inner
  }

  private mutating func test() throws(NormaError) -> Condition {
    let (field, name) = try self.field()
    tests += 1
    guard tests <= Self.mostTests else {
      throw .condition(
        position: name.position,
        found: "the condition tests more than \(Self.mostTests) times",
        remedy: "Shorten it, or ask the index with sqlite3")
    }
    guard let token = peek else { return try bare(field, name) }
    if case .comparison(let comparison) = token.kind {
      next += 1
      if let other = try otherField(comparedWith: field) { return .comparesFields(field, comparison, other) }
      return .compares(field, comparison, try value(of: field, comparison))
    }
    if accept(keyword: "is") {
      let isNegated = accept(keyword: "not")
      if accept(keyword: "present") { return isNegated ? .not(.isPresent(field)) : .isPresent(field) }
      if accept(keyword: "missing") || accept(keyword: "null") {
        return isNegated ? .isPresent(field) : .not(.isPresent(field))
      }
      throw unexpected(peek, expected: "'missing' or 'present'")
    }
    if accept(keyword: "like") { return try pattern(for: field, name) }
    if token.isKeyword("not"), tokens.dropFirst(next + 1).first?.isKeyword("like") == true {
      next += 2
      return .not(try pattern(for: field, name))
    }
    return try bare(field, name)
  }

  private mutating func field() throws(NormaError) -> (IndexField, ConditionToken) {
    guard let token = peek, token.kind == .word else { throw unexpected(peek, expected: "a field, 'not' or '('") }
    guard let field = IndexField.named(token.text, among: fields) else {
      throw .condition(
        position: token.position, found: "there is no field \(token.quoted)",
        remedy: "Use one of \(IndexField.list(fields))")
    }
    next += 1
    return (field, token)
  }

  private func bare(_ field: IndexField, _ name: ConditionToken) throws(NormaError) -> Condition {
    guard field.kind == .truth else {
      throw .condition(
        position: name.position,
        found: "\(field.name) is not true or false by itself, so it has to be compared",
        remedy: "Write a condition such as \(field.example), or \(field.name) is present")
    }
    return .compares(field, .equal, .number(1))
  }

  private mutating func pattern(for field: IndexField, _ name: ConditionToken) throws(NormaError) -> Condition {
    guard field.isText else {
      throw .condition(
        position: name.position,
        found: "\(field.name) is \(field.kindText), and 'like' looks for a pattern in text",
        remedy: "Write a condition such as \(field.example)")
    }
    guard let token = peek, token.kind == .quoted || token.kind == .word else {
      throw unexpected(peek, expected: "a pattern in quotes, such as 'TCGA*',")
    }
    next += 1
    return .matches(field, pattern: token.text)
  }

  /// The field that the next token names without quotes; `nil` if it names none, or if it is one of the words that the
  /// field holds.
  private mutating func otherField(comparedWith field: IndexField) throws(NormaError) -> IndexField? {
    guard let token = peek, token.kind == .word, let other = IndexField.named(token.text, among: fields) else {
      return nil
    }
    if case .word(let words) = field.kind, words.contains(token.text) { return nil }
    guard field.isNumeric == other.isNumeric, field.isText == other.isText, !field.isOfAnyScan, !other.isOfAnyScan
    else {
      throw .condition(
        position: token.position,
        found: "\(field.name) and \(other.name) are fields that cannot be compared with each other",
        remedy: "Compare two numbers or two texts of a case or region, or put a text in quotes")
    }
    next += 1
    return other
  }

  private mutating func value(
    of field: IndexField, _ comparison: Condition.Comparison
  ) throws(NormaError) -> BoundSQL.Value {
    guard let token = peek else { throw unexpected(nil, expected: "a value for \(field.name)") }
    guard let value = field.value(of: token, comparison) else {
      switch token.kind {
      case .comparison, .open, .close: throw unexpected(token, expected: "a value for \(field.name)")
      case .word, .quoted, .number:
        throw .condition(
          position: token.position,
          found: "\(field.name) is \(field.kindText) and cannot be compared so with \(token.quoted)",
          remedy: "Write a condition such as \(field.example)")
      }
    }
    next += 1
    return value
  }

  // MARK: - Tokens

  private var peek: ConditionToken? { next < tokens.count ? tokens[next] : nil }

  private mutating func accept(keyword: String) -> Bool {
    guard let token = peek, token.isKeyword(keyword) else { return false }
    next += 1
    return true
  }

  private func unexpected(_ token: ConditionToken?, expected: String) -> NormaError {
    guard let token else {
      return .condition(
        found: "the condition ends where \(expected) is expected",
        remedy: "Complete it, as in score > 2 and not reviewed")
    }
    return .condition(
      position: token.position,
      found: "\(token.quoted) stands where \(expected) is expected",
      remedy: "Write conditions such as score > 2 and not reviewed")
  }
}
