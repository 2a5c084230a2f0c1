import Anomaly
import Files
import GRDB

/// A case to export, with only its scored scans.
struct ExportCase: Sendable {
  let row: CaseRow
  let scans: [ExportScan]
}

struct ExportScan: Sendable {
  let caseName: String
  let row: ScanRow
  /// The scan's regions, by rank.
  let regions: [Region]
  /// Size of the scan at full size, in pixels.
  let width: Int
  let height: Int
  /// Pixels at or above this `z` were grouped into regions.
  let threshold: Double
}

extension CaseIndex {
  /// - Parameter threshold: the threshold of the run that scored the case.
  func exportCase(_ row: CaseRow, threshold: Double) throws(NormaError) -> ExportCase {
    let scans = try record(of: row.id).scans.compactMap { scan, regions -> ExportScan? in
      guard scan.status == .done, let width = scan.width, let height = scan.height else { return nil }
      return ExportScan(
        caseName: row.name, row: scan, regions: regions, width: width, height: height, threshold: threshold)
    }
    return ExportCase(row: row, scans: scans)
  }

  /// The run with this number. Runs of a report can have different thresholds.
  func run(_ id: Int64) throws(NormaError) -> RunRow? {
    try read { try RunRow.fetchOne($0, sql: "SELECT * FROM runs WHERE id = ?", arguments: [id]) }
  }
}

extension Double {
  /// The number, or `nil` if it is infinite or NaN, which JSON cannot express.
  var finite: Double? { isFinite ? self : nil }
}
