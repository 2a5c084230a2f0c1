import Anomaly

/// Writes regions as one CSV table (RFC 4180) with one line per region.
struct CSVExport: ScanExport {
  private let file: ExportFile

  private static let columns = [
    "case", "scan", "path", "page", "rank", "x", "y", "width", "height", "area_px", "area_mm2", "peak", "mean",
    "p_value", "q_value", "micrometers_per_pixel", "peak_x", "peak_y",
  ]

  init(in folder: ExportFolder) throws {
    file = try ExportFile(path: folder.file("regions.csv"))
    try file.write(Self.line(Self.columns))
  }

  mutating func write(_ scan: ExportScan, from report: ReportFolder) throws -> ExportTally {
    func number(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }
    let place = [scan.caseName, scan.row.name, scan.row.path].map(Self.text) + [scan.row.page.map { "\($0)" } ?? ""]
    for region in scan.regions {
      let counts = [region.rank, region.x, region.y, region.width, region.height, region.areaPixels].map { "\($0)" }
      let values = [
        region.areaSquareMillimeters, region.peak, region.mean, region.pValue, region.qValue,
        scan.row.micrometersPerPixel,
      ].map(number)
      let peak = [region.peakX, region.peakY].map { $0.map { "\($0)" } ?? "" }
      try file.write(Self.line(place + counts + values + peak))
    }
    return ExportTally(regions: scan.regions.count)
  }

  mutating func finish(_ selection: ExportSelection) throws -> ExportTally {
    try file.finish()
    return ExportTally(files: 1)
  }

  private static func line(_ fields: [String]) -> String { fields.joined(separator: ",") + "\r\n" }

  /// A name as a CSV field. A spreadsheet would run a name that begins like a formula, so such a name gets an
  /// apostrophe in front.
  private static func text(_ name: String) -> String {
    let formula: Set<Unicode.Scalar> = ["=", "+", "-", "@", "\t", "\r", "\n"]
    let harmless = name.unicodeScalars.first.map(formula.contains) ?? false ? "'" + name : name
    // Checks Unicode scalars: in Swift a carriage return and a line feed are one character.
    guard harmless.unicodeScalars.contains(where: { ",\"\r\n".unicodeScalars.contains($0) }) else { return harmless }
    var doubled = String.UnicodeScalarView()
    for scalar in harmless.unicodeScalars { doubled.append(contentsOf: scalar == "\"" ? [scalar, scalar] : [scalar]) }
    return "\"\(String(doubled))\""
  }
}
