import Files
import Foundation
import GRDB

/// SQLite rows in the text format of PostgreSQL's COPY. Source: PostgreSQL 15, "COPY", "Text Format".
package struct CopyText {
  package private(set) var bytes: [UInt8] = []

  package init() {}

  /// Appends a row.
  ///
  /// - Parameter place: the index and table of the row, for the error message.
  /// - Throws: `NormaError` if a text contains a NUL character.
  package mutating func append(_ row: Row, of place: @autoclosure () -> (index: String, table: String)) throws {
    for column in 0..<row.count {
      if column > 0 { bytes.append(UInt8(ascii: "\t")) }
      switch (row[column] as DatabaseValue).storage {
      case .null: bytes += #"\N"#.utf8
      case .int64(let number): bytes += "\(number)".utf8
      case .double(let number) where number.isInfinite: bytes += (number < 0 ? "-Infinity" : "Infinity").utf8
      case .double(let number): bytes += "\(number)".utf8
      case .string, .blob:
        // Reads the raw bytes: a string made from the column would end at a NUL character.
        let isWhole = try row.withUnsafeData(atIndex: column) { append(text: $0 ?? Data()) }
        guard isWhole else {
          let (index, table) = place()
          throw NormaError(
            subject: index,
            found:
              "column \(Array(row.columnNames)[column]) of \(table) holds a NUL character, which PostgreSQL does not",
            remedy: "Rename what it was read from and run norma analyze on this folder again")
        }
      }
    }
    bytes.append(UInt8(ascii: "\n"))
  }

  package mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  /// - Returns: false if the text contains a NUL character.
  private mutating func append(text: Data) -> Bool {
    for byte in text {
      switch byte {
      case 0: return false
      case UInt8(ascii: "\\"): bytes += #"\\"#.utf8
      case UInt8(ascii: "\n"): bytes += #"\n"#.utf8
      case UInt8(ascii: "\r"): bytes += #"\r"#.utf8
      case UInt8(ascii: "\t"): bytes += #"\t"#.utf8
      default: bytes.append(byte)
      }
    }
    return true
  }
}
