import Foundation

/// A table in a text file: a line of column names, then one line for each row. Fields are separated by commas, or by
/// semicolons or tabs where the first line has no comma. Quoted fields may hold separators and line ends. Source: RFC
/// 4180.
package struct DelimitedTable: Sendable {
  /// Columns without a name are called "".
  package let columns: [String]
  /// As many fields as columns in every row.
  package let rows: [[String]]

  private static let largestFile = 64 << 20

  /// - Throws: `NormaError` if the file cannot be read, is no such table, or has rows of unlike length.
  package init(path: String) throws(NormaError) {
    func fault(_ found: String) -> NormaError {
      NormaError(
        .malformed, subject: path, found: found,
        remedy: "Save it as CSV in UTF-8, with column names in the first line")
    }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw NormaError(subject: path, found: "there is no file that can be read", remedy: "Check the path")
    }
    guard data.count <= Self.largestFile else {
      throw NormaError(
        .limitExceeded, subject: path, found: "it has \(data.count) bytes; at most \(Self.largestFile) are read",
        remedy: "Give a table of cases alone")
    }
    guard let text = String(validating: data, as: UTF8.self) else { throw fault("it is not text in UTF-8") }
    guard let lines = Self.fields(of: text.hasPrefix("\u{FEFF}") ? String(text.dropFirst()) : text) else {
      throw fault("a quoted field does not end")
    }
    guard let columns = lines.first?.fields, !columns.allSatisfy(\.isEmpty) else {
      throw fault("its first line holds no column names")
    }
    for (k, name) in columns.enumerated() where !name.isEmpty && columns[..<k].contains(name) {
      throw fault("it has two columns \"\(name)\"")
    }
    if let odd = lines.first(where: { $0.fields.count != columns.count }) {
      throw fault(
        "line \(odd.number) has \(Count.of(odd.fields.count, "field")), its first line \(columns.count)")
    }
    self.columns = columns
    rows = lines.dropFirst().map(\.fields)
  }

  package func column(_ name: String) -> Int? { columns.firstIndex(of: name) }

  /// - Returns: the fields of each line in which any is filled, with spaces around them removed; `nil` if a quote is not
  ///   closed.
  private static func fields(of text: String) -> [(number: Int, fields: [String])]? {
    let first = text.prefix { !$0.isNewline }
    let separator: Character = first.contains(",") ? "," : first.contains(";") ? ";" : "\t"
    var lines: [(number: Int, fields: [String])] = []
    var (number, start) = (1, 1)
    var (fields, field): ([String], String) = ([], "")
    var (isQuoted, wasQuoted) = (false, false)
    func end() {
      fields.append(wasQuoted ? field : field.trimmingCharacters(in: .whitespaces))
      (field, wasQuoted) = ("", false)
    }
    func endLine() {
      end()
      if fields.contains(where: { !$0.isEmpty }) { lines.append((start, fields)) }
      fields = []
    }
    var rest = text[...]
    while let character = rest.popFirst() {
      if character.isNewline { number += 1 }
      if isQuoted {
        guard character == "\"" else {
          field.append(character)
          continue
        }
        if rest.first == "\"" { field.append(rest.removeFirst()) } else { isQuoted = false }
      } else if character == "\"", field.allSatisfy(\.isWhitespace), !wasQuoted {
        (field, isQuoted, wasQuoted) = ("", true, true)
      } else if character == separator {
        end()
      } else if character.isNewline {
        endLine()
        start = number
      } else {
        field.append(character)
      }
    }
    guard !isQuoted else { return nil }
    endLine()
    return lines
  }
}
