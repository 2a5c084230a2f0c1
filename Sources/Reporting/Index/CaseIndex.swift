import Anomaly
import Files
import Foundation
import GRDB
import Imaging

/// The SQLite index of a report: runs, cases, scans and regions, one transaction a case.
///
/// While a run writes, write-ahead logging lets others read.
package struct CaseIndex: Sendable {
  package let path: String
  let queue: DatabaseQueue

  /// Who may have the file open beside this process.
  package enum Sharing: Sendable {
    /// Programs of this host.
    case host
    /// Programs of other hosts, over a network file system. SQLite's write-ahead log needs memory that all its users
    /// share, and a rollback journal does not. Source: SQLite, "Write-Ahead Logging", section 1.
    case network
    /// As before, where the file system has no locks: nothing but the caller keeps other writers away.
    case networkWithoutLocks
  }

  /// Opens the index of a report folder for writing; makes it where there is none, and upgrades one of an older norma
  /// after a copy is kept beside it.
  ///
  /// - Parameters:
  ///   - patience: seconds to wait for another program's lock; a reader's short one must not fail a case that took
  ///     minutes to compute.
  package init(writingTo path: String, patience: Double = 10, sharing: Sharing = .host) throws(NormaError) {
    self.path = path
    do {
      // SQLite makes files that only their owner can write, whatever the umask lets others do.
      let made = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
      if made >= 0 { close(made) }
      var configuration = Self.configuration(patience: patience)
      if sharing == .host { configuration.journalMode = .wal }
      queue = try DatabaseQueue(path: Self.address(path, sharing), configuration: configuration)
      try queue.read { try Self.check($0, path: path) }
      try IndexUpgrade.upgrade(queue, at: path)
    } catch { throw .index(path, error) }
  }

  /// Opens the index of a report folder for what is added to a finished report; makes none.
  package init(updating path: String, sharing: Sharing = .host) throws(NormaError) {
    guard FileState.isRegular(path) else { throw .notAReport(FilePath.folder(of: path)) }
    try self.init(writingTo: path, sharing: sharing)
  }

  /// Opens the index of a report folder for queries; never changes it. One of an older norma is copied into memory and
  /// upgraded there, so that it is answered as it was at this moment. Where the file system has no locks none are taken.
  package init(readingFrom path: String, sharing: Sharing = .host) throws(NormaError) {
    guard FileState.isRegular(path) else { throw .notAReport(FilePath.folder(of: path)) }
    self.path = path
    do {
      let (file, applied) = try Self.reading(path, sharing)
      guard !applied.isEmpty else { throw NormaError.emptyIndex(path) }
      queue = try IndexUpgrade.isDue(after: applied) ? IndexUpgrade.upgradedCopy(of: file) : file
    } catch { throw .index(path, error) }
  }

  /// The file, and the migrations that it has had.
  private static func reading(_ path: String, _ sharing: Sharing) throws -> (DatabaseQueue, Set<String>) {
    var configuration = configuration(patience: 10)
    configuration.readonly = true
    // SQLite takes a lock that the file system cannot give for one that another program holds.
    configuration.busyMode = .callback { tries in
      guard tries < 1000, tries > 0 || FileState.hasLocks(path) else { return false }
      usleep(10_000)
      return true
    }
    do {
      let file = try DatabaseQueue(path: address(path, sharing), configuration: configuration)
      let applied = try file.read { database in
        try check(database, path: path)
        return try IndexSchema.migrator.appliedIdentifiers(database)
      }
      return (file, applied)
    } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
      guard sharing != .networkWithoutLocks, !FileState.hasLocks(path) else { throw error }
      return try reading(path, .networkWithoutLocks)
    }
  }

  /// The file as SQLite is told of it. Source: SQLite, "Uniform Resource Identifiers", section 3.4.
  static func address(_ path: String, _ sharing: Sharing) -> String {
    guard sharing == .networkWithoutLocks else { return path }
    let escaped = path.split(separator: "/", omittingEmptySubsequences: false)
      .map { ReportFolder.escaped(String($0)) }.joined(separator: "/")
    return "file:\(escaped)?nolock=1"
  }

  private static func check(_ database: Database, path: String) throws {
    if try IndexSchema.migrator.hasBeenSuperseded(database) { throw NormaError.newerIndex(path) }
    // The list of migrations alone is what a full disk or a kill leaves of a new index.
    let tables =
      try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master WHERE tbl_name <> 'grdb_migrations'") ?? 0
    let applied = try IndexSchema.migrator.appliedIdentifiers(database)
    guard tables > 0 else { return }
    guard !applied.isEmpty else { throw NormaError.foreignIndex(path) }
    try IndexSchema.check(database, applied: applied)
  }

  private static func configuration(patience: Double) -> Configuration {
    var configuration = Configuration()
    configuration.busyMode = .timeout(patience)
    // Of what a foreign file has in its views, nothing may do more than read its tables.
    configuration.prepareDatabase { try $0.execute(sql: "PRAGMA trusted_schema = OFF") }
    return configuration
  }

  // MARK: - Writing

  /// Starts a run and says which. A run that never finished is recorded as failed.
  package func beginRun(
    _ context: StudyContext, toolVersion: String, modelSHA256: String, studyPath: String, at date: Date = Date()
  ) throws(NormaError) -> Int64 {
    try write { database in
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

  /// Closes a run; the context may have gained warnings and a duration since it began.
  package func finishRun(
    _ run: Int64, _ status: Status, context: StudyContext, at date: Date = Date()
  ) throws(NormaError) {
    try write { database in
      try database.execute(
        sql: "UPDATE runs SET finished_at = ?, status = ?, configuration = ?, domain_shift = ? WHERE id = ?",
        arguments: [Self.text(date), status.rawValue, try context.json, context.domainShift, run])
    }
    becomePlainFile()
  }

  /// A finished report is one plain file that opens from read-only media too, which a write-ahead log would not.
  /// Where another program has it open the log stays, and nothing is lost.
  func becomePlainFile() {
    try? queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = DELETE") }
  }

  /// Records a case with its scans and regions in one transaction; an older record of that case goes.
  ///
  /// - Parameters:
  ///   - scoring: the settings the case was scored with; see `finishedScans`.
  ///   - reportPath: the case's page, relative to the report folder.
  ///   - heatmapPath: the heatmap of a scan, relative to the report folder.
  ///   - heatmapSHA256: the digest of that file, hexadecimal.
  ///   - beforeCommit: writes what the row will point to; the row is dropped where that throws.
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
    let failed = result.scans.count { $0.findings == nil }
    let regions = result.scans.reduce(0) { $0 + ($1.findings?.regions.count ?? 0) }
    try database.execute(sql: "DELETE FROM cases WHERE name = ?", arguments: [result.name])
    try database.cachedStatement(
      sql: """
        INSERT INTO cases (run_id, name, status, score, p_value, flagged, scan_count, failed_scan_count, region_count,
          report_path, model_sha256, scoring, domain_shift_p, domain_shift, appearance)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT model_sha256 FROM runs WHERE id = ?), ?, ?, ?, ?)
        """
    ).execute(arguments: [
      run, result.name, (result.score == nil ? Status.failed : .done).rawValue, result.score, result.pValue,
      result.flagged, result.scans.count, failed, regions, reportPath, run, scoring,
      result.domainShiftP, result.domainShift, try result.appearance.map(AppearanceText.text),
    ])
    let id = database.lastInsertedRowID
    for scan in result.scans {
      try insert(
        scan, case: id, heatmapPath: heatmapPath(scan), heatmapSHA256: heatmapSHA256(scan), into: database)
    }
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
          downsample, downsample_y, heatmap_sha256)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      id, scan.name, scan.path, scan.page, scan.sha256, found?.width, found?.height, found?.channels,
      found?.pixelSize?.x, found?.pixelSize?.y, (found == nil ? Status.failed : .done).rawValue, scan.failure,
      found?.score, found?.pValue, found == nil ? nil : heatmapPath, found?.missingShare,
      found?.downsample, found?.downsampleY, found == nil ? nil : heatmapSHA256,
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

  func write<Value>(_ body: (Database) throws -> Value) throws(NormaError) -> Value {
    do { return try queue.write(body) } catch { throw .index(path, error) }
  }

  /// ISO 8601 in UTC: sorts as text and reads the same everywhere.
  private static func text(_ date: Date) -> String { date.formatted(.iso8601) }
}

extension ScanResult {
  var findings: Findings? {
    if case .done(let findings) = outcome { findings } else { nil }
  }

  var failure: String? {
    if case .failed(let reason) = outcome { reason } else { nil }
  }
}
