import Anomaly
import Files
import GRDB

/// A case with those of its scans that were scored, as exports need it.
struct ExportCase: Sendable {
  let row: CaseRow
  let scans: [ExportScan]
}

struct ExportScan: Sendable {
  let caseName: String
  let row: ScanRow
  /// By rank.
  let regions: [Region]
  /// Width and height of the scan at its full size, in pixels.
  let width: Int
  let height: Int
  /// Pixels at or above this `z` were grouped into regions.
  let threshold: Double
}

extension CaseIndex {
  /// - Parameter threshold: of the run that the case was scored in.
  func exportCase(_ row: CaseRow, threshold: Double) throws(NormaError) -> ExportCase {
    let scans = try record(of: row.id).scans.compactMap { scan, regions -> ExportScan? in
      guard scan.status == .done, let width = scan.width, let height = scan.height else { return nil }
      return ExportScan(
        caseName: row.name, row: scan, regions: regions, width: width, height: height, threshold: threshold)
    }
    return ExportCase(row: row, scans: scans)
  }

  /// A run by its number; the runs of a report can have had different thresholds.
  func run(_ id: Int64) throws(NormaError) -> RunRow? {
    try read { try RunRow.fetchOne($0, sql: "SELECT * FROM runs WHERE id = ?", arguments: [id]) }
  }
}

extension Double {
  /// JSON has no word for infinity and NaN.
  var finite: Double? { isFinite ? self : nil }
}
