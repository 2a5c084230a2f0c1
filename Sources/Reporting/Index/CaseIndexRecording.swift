import Anomaly
import Files
import Foundation
import GRDB
import Imaging

/// Records a run in the index: its beginning, its cases one by one, and its end.
extension CaseIndex {
  /// Starts a run and returns its number. Earlier runs that never finished are recorded as failed.
  package func beginRun(
    _ context: StudyContext, toolVersion: String, modelSHA256: String, studyPath: String, at date: Date = Date()
  ) throws(NormaError) -> Int64 {
    try write { database in
      try Self.markAltered(in: database)
      try database.execute(sql: "UPDATE runs SET status = 'failed' WHERE status = 'running'")
      try database.execute(
        sql: """
          INSERT INTO runs (started_at, status, tool_version, model_sha256, configuration, study_path)
          VALUES (?, 'running', ?, ?, ?, ?)
          """,
        arguments: [Self.text(date), toolVersion, modelSHA256, try context.json, studyPath])
      return database.lastInsertedRowID
    }
  }

  /// Closes a run. The context may have gained warnings and a duration since the run began.
  package func finishRun(
    _ run: Int64, _ status: Status, context: StudyContext, at date: Date = Date()
  ) throws(NormaError) {
    try write { database in
      try database.execute(
        sql: "UPDATE runs SET finished_at = ?, status = ?, configuration = ?, domain_shift = ? WHERE id = ?",
        arguments: [Self.text(date), status.rawValue, try context.json, context.domainShift, run])
      try Self.seal(run: run, in: database)
    }
    becomePlainFile()
  }

  /// Records a case with its scans and regions in one transaction, and deletes an older record of that case.
  ///
  /// - Parameters:
  ///   - scoring: the key of the settings that scored the case; see `finishedScans`.
  ///   - reportPath: the case's page, relative to the report folder.
  ///   - heatmapPath: returns the path of a scan's heatmap, relative to the report folder.
  ///   - heatmapSHA256: returns the SHA-256 of that heatmap file, hexadecimal.
  ///   - beforeCommit: writes the files that the row refers to. If it throws, the row is not recorded.
  package func record(
    _ result: CaseResult, run: Int64, scoring: String, reportPath: String, heatmapPath: (ScanResult) -> String,
    heatmapSHA256: (ScanResult) -> String? = { _ in nil },
    beforeCommit: (CaseRecord) throws -> Void = { _ in }
  ) throws(NormaError) {
    try write { database in
      let id = try Self.insert(
        result, run: run, scoring: scoring, reportPath: reportPath, heatmapPath: heatmapPath,
        heatmapSHA256: heatmapSHA256, into: database)
      try beforeCommit(try Self.record(of: id, in: database))
    }
  }

  private static func insert(
    _ result: CaseResult, run: Int64, scoring: String, reportPath: String, heatmapPath: (ScanResult) -> String,
    heatmapSHA256: (ScanResult) -> String?, into database: Database
  ) throws -> Int64 {
    let failed = result.scans.count { $0.status == .failed }
    let empty = result.scans.count { $0.status == .empty }
    let regions = result.scans.reduce(0) { $0 + ($1.findings?.regions.count ?? 0) }
    try database.execute(sql: "DELETE FROM cases WHERE name = ?", arguments: [result.name])
    try database.cachedStatement(
      sql: """
        INSERT INTO cases (run_id, name, status, score, p_value, flagged, scan_count, failed_scan_count, region_count,
          report_path, model_sha256, scoring, domain_shift_p, domain_shift, appearance, empty_scan_count,
          worst_place_score, whole_score)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT model_sha256 FROM runs WHERE id = ?), ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      run, result.name, result.status.rawValue, result.score?.value, result.pValue,
      result.score.map { _ in result.flagged }, result.scans.count, failed, result.score.map { _ in regions },
      reportPath, run, scoring, result.domainShiftP, result.domainShift,
      try result.appearance.map(AppearanceText.text), empty, result.score?.worstPlace, result.score?.whole,
    ])
    let id = database.lastInsertedRowID
    for scan in result.scans {
      try insert(
        scan, case: id, heatmapPath: heatmapPath(scan), heatmapSHA256: heatmapSHA256(scan), into: database)
    }
    try seal(caseNamed: result.name, in: database)
    return id
  }

  private static func insert(
    _ scan: ScanResult, case id: Int64, heatmapPath: String, heatmapSHA256: String?, into database: Database
  ) throws {
    let found = scan.findings
    try database.cachedStatement(
      sql: """
        INSERT INTO scans (case_id, name, path, page, sha256, width, height, channels, micrometers_per_pixel,
          micrometers_per_pixel_y, status, error, score, p_value, heatmap_path, missing_share,
          downsample, downsample_y, heatmap_sha256, whole_score)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      id, scan.name, scan.path, scan.page, scan.sha256, found?.width, found?.height, found?.channels,
      found?.pixelSize?.x, found?.pixelSize?.y, scan.status.rawValue, scan.reason,
      found?.score, found?.pValue, found == nil ? nil : heatmapPath, found?.missingShare,
      found?.downsample, found?.downsampleY, found == nil ? nil : heatmapSHA256, found?.wholeScore,
    ])
    let scanID = database.lastInsertedRowID
    for (name, value) in scan.metadata {
      try database.cachedStatement(sql: "INSERT INTO scan_metadata (scan_id, name, value) VALUES (?, ?, ?)")
        .execute(arguments: [scanID, name, value])
    }
    let statement = try database.cachedStatement(
      sql: """
        INSERT INTO regions (scan_id, rank, x, y, width, height, area_px, area_mm2, peak, mean, peak_x, peak_y, p_value,
          q_value)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    for region in found?.regions ?? [] {
      try statement.execute(arguments: [
        scanID, region.rank, region.x, region.y, region.width, region.height, region.areaPixels,
        region.areaSquareMillimeters, region.peak, region.mean, region.peakX, region.peakY,
        region.pValue, region.qValue,
      ])
    }
  }

  /// The date in ISO 8601 and UTC, which sorts as text and reads the same everywhere.
  private static func text(_ date: Date) -> String { date.formatted(.iso8601) }
}

extension ScanResult {
  var findings: Findings? {
    if case .done(let findings) = outcome { findings } else { nil }
  }

  var status: Status {
    switch outcome {
    case .done: .done
    case .empty: .empty
    case .failed: .failed
    }
  }

  /// Why the scan was not scored; `nil` where it was.
  fileprivate var reason: String? {
    switch outcome {
    case .done: nil
    case .empty(let reason): "\(reason)"
    case .failed(let reason): reason
    }
  }
}

extension CaseResult {
  /// A case is done if a scan of it was scored, even if others failed.
  fileprivate var status: Status {
    score != nil ? .done : scans.allSatisfy { $0.status == .empty } ? .empty : .failed
  }
}
