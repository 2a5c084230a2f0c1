import Foundation
import GRDB

/// One value of a table, and its text in every format.
enum TableCell: Sendable, Equatable {
  case missing
  case text(String)
  case number(Double, IndexField.Kind)
  case count(Int64)
  case truth(Bool)

  init(_ value: DatabaseValue, _ kind: IndexField.Kind) {
    switch (value.storage, kind) {
    case (.null, _): self = .missing
    case (.int64(let number), .truth): self = .truth(number != 0)
    case (.int64(let number), .number), (.int64(let number), .probability), (.int64(let number), .measure):
      self = .number(Double(number), kind)
    case (.int64(let number), _): self = .count(number)
    case (.double(let number), _): self = .number(number, kind)
    case (.string(let text), _): self = .text(text)
    case (.blob(let data), _): self = .text(String(decoding: data, as: UTF8.self))
    }
  }

  /// The text for a table that a person reads.
  var plain: String {
    switch self {
    case .missing: "-"
    case .text(let text): PrintableText.escaped(text)
    case .number(let number, .probability): PageText.pValue(number)
    case .number(let number, .measure) where abs(number) < 0.1 && number != 0: String(format: "%.3g", number)
    case .number(let number, _): PageText.number(number)
    case .count(let count): "\(count)"
    case .truth(let truth): truth ? "yes" : "no"
    }
  }

  var json: String {
    switch self {
    case .missing: return "null"
    case .text(let text):
      if PrintableText.isPlain(text)
        && !text.utf8.contains(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") })
      {
        return "\"\(text)\""
      }
      let encoder = JSONEncoder()
      encoder.outputFormatting = .withoutEscapingSlashes
      // Encoding a string never fails.
      return String(decoding: try! encoder.encode(text), as: UTF8.self)
    case .number(let number, _): return number.isFinite ? "\(number)" : "null"
    case .count(let count): return "\(count)"
    case .truth(let truth): return "\(truth)"
    }
  }

  /// The text for CSV (RFC 4180). A text with a comma, quote or line break is put in quotes, and its quotes are
  /// doubled.
  var csv: String {
    switch self {
    case .missing: return ""
    case .text(let text):
      guard text.unicodeScalars.contains(where: { ",\"\r\n".unicodeScalars.contains($0) }) else { return text }
      var doubled = ""
      for scalar in text.unicodeScalars {
        if scalar == "\"" { doubled.unicodeScalars.append(scalar) }
        doubled.unicodeScalars.append(scalar)
      }
      return "\"\(doubled)\""
    case .number(let number, _): return "\(number)"
    case .count(let count): return "\(count)"
    case .truth(let truth): return truth ? "1" : "0"
    }
  }
}
