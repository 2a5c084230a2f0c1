import Foundation

/// Cases as `norma cases` prints them: an aligned table, JSON or CSV.
package struct CaseTable: Sendable {
  package enum Format: String, Sendable, CaseIterable {
    case table, json, csv
  }

  private enum Cell {
    case text(String)
    case number(Double?)
    case count(Int)
    case truth(Bool)
  }

  private let rows: [CaseRow]

  package init(_ rows: [CaseRow]) {
    self.rows = rows
  }

  package func text(as format: Format) -> String {
    switch format {
    case .table: table
    case .json: json
    case .csv: csv
    }
  }

  // The names of the index's columns, so that a script can move between SQL and this output.
  private static let columns = [
    "name", "score", "p_value", "flagged", "scan_count", "region_count", "status", "report_path",
  ]

  private static func cells(_ row: CaseRow) -> [Cell] {
    [
      .text(row.name), .number(row.score), .number(row.pValue), .truth(row.flagged), .count(row.scanCount),
      .count(row.regionCount), .text(row.status.rawValue), .text(row.reportPath),
    ]
  }

  private var table: String {
    let titles = ["case", "score", "p", "flagged", "scans", "regions", "status", "report"]
    let lines = [titles] + rows.map(Self.plain)
    let widths = titles.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    let numeric: Set = [1, 2, 4, 5]
    return lines.map { line in
      line.indices.map { column in
        let padding = String(repeating: " ", count: widths[column] - line[column].count)
        if column == line.count - 1 { return line[column] }
        return numeric.contains(column) ? padding + line[column] : line[column] + padding
      }.joined(separator: "  ")
    }.joined(separator: "\n") + "\n"
  }

  private var json: String {
    let objects = rows.map { row in
      let members = zip(Self.columns, Self.cells(row)).map { "\"\($0)\": \(Self.json($1))" }
      return "  {" + members.joined(separator: ", ") + "}"
    }
    return objects.isEmpty ? "[]\n" : "[\n" + objects.joined(separator: ",\n") + "\n]\n"
  }

  private var csv: String {
    let lines = [Self.columns] + rows.map { row in Self.cells(row).map(Self.quoted) }
    return lines.map { $0.joined(separator: ",") + "\r\n" }.joined()
  }

  private static func plain(_ row: CaseRow) -> [String] {
    var texts = cells(row).map(plain)
    texts[2] = row.pValue.map(PageText.pValue) ?? "-"
    return texts
  }

  private static func plain(_ cell: Cell) -> String {
    switch cell {
    case .text(let text): escaped(text)
    case .number(let number): number.map { PageText.number($0) } ?? "-"
    case .count(let count): "\(count)"
    case .truth(let truth): truth ? "yes" : "no"
    }
  }

  private static func json(_ cell: Cell) -> String {
    switch cell {
    case .text(let text):
      if isPlain(text) && !text.utf8.contains(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) {
        return "\"\(text)\""
      }
      let encoder = JSONEncoder()
      encoder.outputFormatting = .withoutEscapingSlashes
      // A string always encodes.
      return String(decoding: try! encoder.encode(text), as: UTF8.self)
    case .number(let number): return number.map { $0.isFinite ? "\($0)" : "null" } ?? "null"
    case .count(let count): return "\(count)"
    case .truth(let truth): return "\(truth)"
    }
  }

  /// RFC 4180: quotes around what holds a comma, a quote or a line break; quotes inside are doubled.
  private static func quoted(_ cell: Cell) -> String {
    switch cell {
    case .text(let text):
      guard text.unicodeScalars.contains(where: { ",\"\r\n".unicodeScalars.contains($0) }) else { return text }
      var doubled = ""
      for scalar in text.unicodeScalars {
        if scalar == "\"" { doubled.unicodeScalars.append(scalar) }
        doubled.unicodeScalars.append(scalar)
      }
      return "\"\(doubled)\""
    case .number(let number): return number.map { "\($0)" } ?? ""
    case .count(let count): return "\(count)"
    case .truth(let truth): return truth ? "1" : "0"
    }
  }

  /// Printable ASCII, which nearly every name is, needs no second look.
  private static func isPlain(_ text: String) -> Bool { text.utf8.allSatisfy { (0x20..<0x7f).contains($0) } }

  /// A file name may hold escape sequences; a terminal must not obey them, nor a table lose its lines.
  private static func escaped(_ text: String) -> String {
    if isPlain(text) { return text }
    return text.unicodeScalars.reduce(into: "") { result, scalar in
      switch scalar.properties.generalCategory {
      // The joiner holds many emoji together and is harmless, unlike the marks that turn the direction of text.
      case .format where scalar == "\u{200D}": result.unicodeScalars.append(scalar)
      case .control, .format, .lineSeparator, .paragraphSeparator: result += scalar.escaped(asASCII: true)
      default: result.unicodeScalars.append(scalar)
      }
    }
  }
}
