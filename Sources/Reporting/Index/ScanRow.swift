import Anomaly
import GRDB
import Imaging

/// A scan as the index holds it: a file, or one page of a stack.
package struct ScanRow: Sendable, Equatable, Codable, FetchableRecord {
  package var id: Int64
  package var caseID: Int64
  package var name: String
  /// Relative to the study folder.
  package var path: String
  package var page: Int?
  package var sha256: String?
  package var width: Int?
  package var height: Int?
  package var channels: Int?
  package var micrometersPerPixel: Double?
  package var micrometersPerPixelY: Double?
  package var status: Status
  package var error: String?
  package var score: Double?
  package var pValue: Double?
  /// Relative to the report folder; `nil` where the scan failed.
  package var heatmapPath: String?
  /// Of that file, hexadecimal; `nil` where an older norma recorded the scan.
  package var heatmapSHA256: String?

  enum CodingKeys: String, CodingKey {
    case id, name, path, page, sha256, width, height, channels, status, error, score
    case caseID = "case_id"
    case micrometersPerPixel = "micrometers_per_pixel"
    case micrometersPerPixelY = "micrometers_per_pixel_y"
    case pValue = "p_value"
    case heatmapPath = "heatmap_path"
    case heatmapSHA256 = "heatmap_sha256"
  }
}

extension Row {
  /// A scan whose values are such as norma writes: what is computed from them must not overflow, nor a file be looked for
  /// elsewhere than in the report.
  func scan() throws -> ScanRow {
    let scan = try ScanRow(row: self)
    let numbers = [scan.width, scan.height, scan.channels, scan.page].compactMap { $0 }
    try IndexFault.check(
      numbers.allSatisfy { IndexFault.counts.contains($0) && $0 > 0 }, "scan \(scan.id) has a size that no scan has")
    try IndexFault.check(
      [scan.micrometersPerPixel, scan.micrometersPerPixelY].allSatisfy { size in size.map { 1e-9...1e9 ~= $0 } ?? true
      },
      "scan \(scan.id) has pixels of a size that no scan has")
    try IndexFault.check(
      scan.heatmapPath.map(ReportFolder.holds) ?? true,
      "scan \(scan.id) has a heatmap that lies elsewhere than in the report's cases")
    return scan
  }
}

extension ScanRow {
  /// The result this row was made from, so that an unchanged scan need not be computed again.
  func result(regions: [Region]) -> ScanResult {
    let outcome: ScanResult.Outcome
    if status == .done, let width, let height, let channels, let score, let pValue {
      var pixelSize: PixelSize?
      if let x = micrometersPerPixel { pixelSize = PixelSize(x: x, y: micrometersPerPixelY ?? x) }
      outcome = .done(
        .init(
          width: width, height: height, channels: channels, pixelSize: pixelSize, score: score, pValue: pValue,
          regions: regions))
    } else {
      outcome = .failed(reason: error ?? "The reason was not recorded.")
    }
    return ScanResult(name: name, path: path, page: page, sha256: sha256, outcome: outcome)
  }
}
