/// Cases or regions that `norma cases` prints as an aligned table, JSON, newline-delimited JSON or CSV.
package struct CaseTable: Sendable, Equatable {
  package enum Format: String, Sendable, CaseIterable {
    case table, json, csv, ndjson
  }

  private let columns: [IndexField]
  private let rows: [[TableCell]]

  package var isEmpty: Bool { rows.isEmpty }

  /// - Parameter rows: rows with one cell for each column.
  init(columns: [IndexField], rows: [[TableCell]]) {
    self.columns = columns
    self.rows = rows
  }

  /// The number of cases or regions.
  package var count: Int { rows.count }

  // JSON and CSV use the column names of the index, so that a script can switch between SQL and this output.
  package func text(as format: Format) -> String {
    switch format {
    case .table: table
    case .json: rows.isEmpty ? "[]\n" : "[\n" + objects.map { "  " + $0 }.joined(separator: ",\n") + "\n]\n"
    case .csv:
      ([columns.map(\.name)] + rows.map { $0.map(\.csv) }).map { $0.joined(separator: ",") + "\r\n" }.joined()
    case .ndjson: objects.map { $0 + "\n" }.joined()
    }
  }

  private var table: String {
    let lines = [columns.map(\.title)] + rows.map { $0.map(\.plain) }
    let widths = columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      line.indices.map { column in
        let padding = String(repeating: " ", count: widths[column] - line[column].count)
        // Numbers are aligned right.
        if columns[column].isNumeric { return padding + line[column] }
        return column == line.count - 1 ? line[column] : line[column] + padding
      }.joined(separator: "  ")
    }.joined(separator: "\n") + "\n"
  }

  private var objects: [String] {
    rows.map { row in
      let members = zip(columns, row).map { "\"\($0.name)\": \($1.json)" }
      return "{" + members.joined(separator: ", ") + "}"
    }
  }
}
