extension CaseQuery {
  /// The schema of the JSON that `norma cases` prints: a list of objects with the columns that were asked for.
  /// Source: JSON Schema 2020-12.
  package struct Schema: Encodable {
    private let schema = "https://json-schema.org/draft/2020-12/schema"
    private let title: String
    private let description: String
    private let type = "array"
    private let items: Items

    package init(of rows: CaseQuery.Rows) {
      let fields = rows == .regions ? IndexField.ofRegions : IndexField.ofCases.filter { !$0.isOfAnyScan }
      title = "norma cases --format json" + (rows == .regions ? " --regions" : "")
      description =
        "A row for every \(rows == .regions ? "region" : "case") that was asked for. --columns chooses the members; "
        + "without it they are \(IndexField.list(rows == .regions ? IndexField.regionDefaults : IndexField.caseDefaults))."
      items = Items(properties: Dictionary(uniqueKeysWithValues: fields.map { ($0.name, Property($0)) }))
    }

    private enum CodingKeys: String, CodingKey {
      case schema = "$schema"
      case title, description, type, items
    }

    private struct Items: Encodable {
      let type = "object"
      let properties: [String: Property]
      let additionalProperties = false
    }

    private struct Property: Encodable {
      let type: [String]

      /// A value that the row does not have is null.
      init(_ field: IndexField) {
        switch field.kind {
        case .text, .word: type = ["string", "null"]
        case .truth: type = ["boolean", "null"]
        case .count: type = ["integer", "null"]
        case .number, .probability, .measure: type = ["number", "null"]
        }
      }
    }
  }
}
