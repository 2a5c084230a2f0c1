import GRDB

/// A row of the index's table of scans. A scan is a file, or one page of a stack.
package struct ScanRow: Sendable, Equatable, Codable, FetchableRecord {
  package var id: Int64
  package var caseID: Int64
  package var name: String
  /// Path of the scan's file, relative to the study folder.
  package var path: String
  package var page: Int?
  package var sha256: String?
  package var width: Int?
  package var height: Int?
  package var channels: Int?
  package var micrometersPerPixel: Double?
  package var micrometersPerPixelY: Double?
  package var status: Status
  /// Why the scan was not scored; `nil` if it was.
  package var error: String?
  package var score: Double?
  package var pValue: Double?
  /// How unusual the scan is as a whole, in the units of `score`; `nil` where the model cannot say.
  package var wholeScore: Double?
  /// Path of the heatmap, relative to the report folder; `nil` if the scan was not scored.
  package var heatmapPath: String?
  /// SHA-256 of the heatmap file, hexadecimal; `nil` if the scan was not scored or an older version of norma recorded
  /// it.
  package var heatmapSHA256: String?
  /// Share of the file's strips or tiles that were missing or broken, in 0...1; `nil` if the scan was not scored or an
  /// older version of norma recorded it.
  package var missingShare: Double?
  /// Width of a heatmap pixel in pixels of the scan; `nil` if the scan was not scored or an older version of norma
  /// recorded it.
  package var downsample: Double?
  /// Height of a heatmap pixel in pixels of the scan; `nil` if `downsample` is `nil`, or if an older version of norma
  /// recorded only the width.
  package var downsampleY: Double?

  enum CodingKeys: String, CodingKey {
    case id, name, path, page, sha256, width, height, channels, status, error, score, downsample
    case caseID = "case_id"
    case micrometersPerPixel = "micrometers_per_pixel"
    case micrometersPerPixelY = "micrometers_per_pixel_y"
    case pValue = "p_value"
    case wholeScore = "whole_score"
    case heatmapPath = "heatmap_path"
    case heatmapSHA256 = "heatmap_sha256"
    case missingShare = "missing_share"
    case downsampleY = "downsample_y"
  }
}

extension Row {
  /// Reads a scan and refuses values that norma would not write: computing with them must not overflow, and no file
  /// outside the report may be opened.
  func scan() throws -> ScanRow {
    let scan = try ScanRow(row: self)
    let numbers = [scan.width, scan.height, scan.channels, scan.page].compactMap { $0 }
    try IndexFault.check(
      numbers.allSatisfy { IndexFault.counts.contains($0) && $0 > 0 }, "scan \(scan.id) has a size that no scan has")
    try IndexFault.check(
      scan.channels.map { $0 <= Self.mostChannels } ?? true, "scan \(scan.id) has more channels than a scan has")
    try IndexFault.check(
      [scan.micrometersPerPixel, scan.micrometersPerPixelY].allSatisfy { size in size.map { 1e-9...1e9 ~= $0 } ?? true
      },
      "scan \(scan.id) has pixels of a size that no scan has")
    try IndexFault.check(
      [scan.downsample, scan.downsampleY].compactMap { $0 }.allSatisfy(IndexFault.steps.contains),
      "scan \(scan.id) has a heatmap with pixels of a size that none has")
    try IndexFault.check(shares: [scan.missingShare, scan.pValue], of: "scan \(scan.id)")
    try IndexFault.check(finite: [scan.score, scan.wholeScore], of: "scan \(scan.id)", named: "score")
    try IndexFault.check(
      scan.heatmapPath.map(ReportFolder.holds) ?? true,
      "scan \(scan.id) has a heatmap that lies elsewhere than in the report's cases")
    return scan
  }

  /// Most channels of a scan: those of a page, in many pages.
  private static let mostChannels = 1 << 16
}
