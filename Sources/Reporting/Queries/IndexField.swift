/// A field that a query can use: a column of `case_overview` or `region_overview`, or of the scans of a case.
package struct IndexField: Sendable, Equatable {
  /// The kind of values, which decides what they can be compared with and how they are printed.
  enum Kind: Sendable, Equatable {
    case text
    /// One of a few words.
    case word([String])
    case truth
    case count
    /// Printed with two digits.
    case number
    /// Printed with as many digits as a p-value needs. Small values are the remarkable ones.
    case probability
    /// Printed with as many digits as a small area or length needs.
    case measure
  }

  /// The name that users type and that JSON and CSV use.
  package let name: String
  /// The name of the column in the view or table.
  let column: String
  /// The heading of the printed table.
  let title: String
  let kind: Kind
  /// Whether the field has a value for each scan of a case. A condition on it holds if it holds for any of the scans.
  let isOfAnyScan: Bool
  /// Whether the field is a maximum over the regions of a case. A case that was examined and shows no region has no
  /// such value and meets no condition on it.
  let isOfRegions: Bool

  private init(
    _ name: String, _ kind: Kind, column: String? = nil, title: String? = nil, isOfAnyScan: Bool = false,
    isOfRegions: Bool = false
  ) {
    self.name = name
    self.column = column ?? name
    self.title = title ?? name
    self.kind = kind
    self.isOfAnyScan = isOfAnyScan
    self.isOfRegions = isOfRegions
  }

  // MARK: - Lists

  /// The columns of cases that are shown by default.
  static let caseDefaults = [
    IndexField("name", .text, title: "case"), IndexField("score", .number),
    IndexField("p_value", .probability, title: "p"), IndexField("flagged", .truth),
    IndexField("scan_count", .count, title: "scans"), IndexField("region_count", .count, title: "regions"),
    IndexField("status", .word(["done", "failed", "empty"])), IndexField("report_path", .text, title: "report"),
  ]

  private static let otherCaseFields = [
    IndexField("worst_place_score", .number), IndexField("whole_score", .number),
    IndexField("failed_scan_count", .count), IndexField("empty_scan_count", .count),
    IndexField("region_area_px", .count, isOfRegions: true), IndexField("region_area_mm2", .measure, isOfRegions: true),
    IndexField("peak", .number, isOfRegions: true), IndexField("domain_shift_p", .probability),
    IndexField("domain_shift", .text), IndexField("reviewed", .truth),
    IndexField("verdict", .word(Verdict.allCases.map(\.rawValue))), IndexField("note", .text),
    IndexField("reviewed_at", .text), IndexField("reviewer", .text), IndexField("judged_score", .number),
    IndexField("judged_model_sha256", .text), IndexField("model_sha256", .text), IndexField("scoring", .text),
    IndexField("appearance", .text), IndexField("run_id", .count), IndexField("in_study", .truth),
  ]

  private static let scanFields = [
    IndexField("scan", .text, column: "name"), IndexField("path", .text), IndexField("page", .count),
    IndexField("scan_score", .number, column: "score"),
    IndexField("scan_p_value", .probability, column: "p_value"), IndexField("sha256", .text),
    IndexField("scan_width", .count, column: "width"), IndexField("scan_height", .count, column: "height"),
    IndexField("channels", .count), IndexField("micrometers_per_pixel", .measure),
    IndexField("missing_share", .measure), IndexField("downsample", .measure), IndexField("heatmap_path", .text),
  ]

  /// The columns of regions that are shown by default.
  static let regionDefaults = [
    IndexField("case", .text, column: "case_name"), IndexField("scan", .text), IndexField("path", .text),
    IndexField("rank", .count), IndexField("x", .count), IndexField("y", .count), IndexField("width", .count),
    IndexField("height", .count), IndexField("area_px", .count), IndexField("area_mm2", .measure),
    IndexField("peak", .number), IndexField("mean", .number), IndexField("p_value", .probability, title: "p"),
    IndexField("q_value", .probability, title: "q"),
  ]

  private static let otherRegionFields = [IndexField("peak_x", .count), IndexField("peak_y", .count)]

  /// All fields of a case: its own fields, and the fields of each of its scans.
  static let ofCases: [IndexField] =
    caseDefaults + otherCaseFields + [IndexField("id", .count)]
    + (scanFields + [IndexField("error", .text)]).map {
      IndexField($0.name, $0.kind, column: $0.column, isOfAnyScan: true)
    }

  /// All fields of a region: its own fields and the fields of its scan and its case. If a region and its scan or case
  /// have a field of the same name, the other field gets a different name.
  static let ofRegions: [IndexField] = {
    let fromCase = (caseDefaults.dropFirst() + otherCaseFields).map { field in
      ["p_value", "peak"].contains(field.name) ? IndexField("case_\(field.name)", field.kind) : field
    }
    let own = Set(regionDefaults.map(\.name))
    let fromScan = scanFields.filter { !own.contains($0.name) }.map { IndexField($0.name, $0.kind) }
    return regionDefaults + otherRegionFields + fromScan + fromCase
  }()

  /// Shorter names, and the names that the report's pages use.
  private static let aliases = [
    "case": "name", "p": "p_value", "q": "q_value", "scans": "scan_count", "regions": "region_count",
    "failed_scans": "failed_scan_count", "empty_scans": "empty_scan_count", "name": "case", "case_name": "case",
  ]

  /// The field with this name or alias among `fields`, in any letter case.
  static func named(_ name: String, among fields: [IndexField]) -> IndexField? {
    let name = name.lowercased()
    func find(_ name: String) -> IndexField? { fields.first { $0.name == name } }
    return find(name) ?? aliases[name].flatMap(find)
  }

  /// The names of the fields in their order, for a message.
  static func list(_ fields: [IndexField]) -> String { fields.map(\.name).joined(separator: ", ") }
}
