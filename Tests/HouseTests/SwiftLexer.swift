/// A piece of Swift source, as far as the house check cares.
enum Token: Equatable {
  /// A name or a keyword; backticks are gone.
  case word(String)
  case symbol(Character)
  /// What a string literal says between its quotes. The code of its interpolations follows it, each in parentheses.
  case string(String)
  case number
}

/// Cuts Swift source into tokens and leaves comments and white space out.
///
/// It knows what can hide code or look like it: comments inside comments, strings of one line, of many and raw ones,
/// and interpolations. Regular expressions between slashes it takes for operators, which does no harm unless one holds
/// a quote.
struct SwiftLexer {
  private let bytes: [UInt8]
  private var position = 0
  private var tokens: [Token] = []

  private init(_ source: String) { bytes = Array(source.utf8) }

  static func tokens(of source: String) -> [Token] {
    var lexer = SwiftLexer(source)
    lexer.readCode()
    return lexer.tokens
  }

  /// Reads to the end, or to the parenthesis that closes an interpolation.
  private mutating func readCode(untilClosed: Bool = false) {
    var open = 0
    while let byte = peek() {
      switch byte {
      case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "/"):
        while let next = peek(), next != UInt8(ascii: "\n") { position += 1 }
      case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"): skipComment()
      case UInt8(ascii: "\""): readString(hashes: 0)
      case UInt8(ascii: "#"):
        let hashes = count(of: byte, at: position)
        if peek(hashes) == UInt8(ascii: "\"") { readString(hashes: hashes) } else { readSymbol() }
      case UInt8(ascii: "`"):
        position += 1
        tokens.append(.word(text { $0 != UInt8(ascii: "`") }))
        position += 1
      case UInt8(ascii: "0")...UInt8(ascii: "9"): readNumber()
      case _ where Self.isWord(byte): tokens.append(.word(text(while: Self.isWord)))
      case _ where byte <= UInt8(ascii: " "): position += 1
      default:
        if byte == UInt8(ascii: "(") { open += 1 }
        if byte == UInt8(ascii: ")") { open -= 1 }
        readSymbol()
        if untilClosed, open < 0 { return }
      }
    }
  }

  private mutating func skipComment() {
    var depth = 0
    repeat {
      if peek() == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
        depth += 1
        position += 2
      } else if peek() == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
        depth -= 1
        position += 2
      } else {
        position += 1
      }
    } while depth > 0 && position < bytes.count
  }

  /// The string that starts here with its hashes. In a raw one only `\#` escapes, with as many hashes as at its start.
  private mutating func readString(hashes: Int) {
    position += hashes
    let quotes = count(of: UInt8(ascii: "\""), at: position) >= 3 ? 3 : 1
    position += quotes
    // Its place is kept ahead of its interpolations, which are met first.
    let place = tokens.count
    tokens.append(.string(""))
    var said: [UInt8] = []
    while let byte = peek() {
      if byte == UInt8(ascii: "\""), count(of: byte, at: position) >= quotes,
        count(of: UInt8(ascii: "#"), at: position + quotes) >= hashes
      {
        position += quotes + hashes
        break
      }
      position += 1
      guard byte == UInt8(ascii: "\\"), count(of: UInt8(ascii: "#"), at: position) >= hashes else {
        said.append(byte)
        continue
      }
      position += hashes
      if peek() == UInt8(ascii: "(") {
        readSymbol()
        readCode(untilClosed: true)
      } else {
        position += 1
      }
    }
    tokens[place] = .string(String(decoding: said, as: UTF8.self))
  }

  /// `1_000`, `0x1F`, `2.5` and `1e-5`, but of `0..<3` only the zero.
  private mutating func readNumber() {
    _ = text(while: Self.isWord)
    if peek() == UInt8(ascii: "."), let next = peek(1), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) {
      position += 1
      _ = text(while: Self.isWord)
    }
    tokens.append(.number)
  }

  private mutating func readSymbol() {
    tokens.append(.symbol(Character(Unicode.Scalar(bytes[position]))))
    position += 1
  }

  private mutating func text(while belongs: (UInt8) -> Bool) -> String {
    let start = position
    while let byte = peek(), belongs(byte) { position += 1 }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private func peek(_ ahead: Int = 0) -> UInt8? {
    position + ahead < bytes.count ? bytes[position + ahead] : nil
  }

  private func count(of byte: UInt8, at start: Int) -> Int {
    bytes.dropFirst(start).prefix { $0 == byte }.count
  }

  /// Letters beyond ASCII are names too.
  private static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...: true
    default: false
    }
  }
}

extension [Token] {
  func word(at index: Int) -> String? {
    guard indices.contains(index), case .word(let word) = self[index] else { return nil }
    return word
  }

  func isSymbol(_ symbol: Character, at index: Int) -> Bool {
    indices.contains(index) && self[index] == .symbol(symbol)
  }

  /// Where the parenthesis closes that opens at a place.
  func closing(_ open: Int) -> Int {
    var depth = 0
    for place in open..<count {
      if isSymbol("(", at: place) { depth += 1 }
      if isSymbol(")", at: place) { depth -= 1 }
      if depth == 0 { return place }
    }
    return count - 1
  }
}
