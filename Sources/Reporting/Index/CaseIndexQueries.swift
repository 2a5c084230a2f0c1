import Anomaly
import Files
import Foundation
import GRDB

extension CaseIndex {
  /// The orders in which pages and comparisons list all cases. `CaseQuery` can order by any column.
  package enum Order: String, Sendable, CaseIterable {
    case score, name
    case pValue = "p_value"
    case regions

    /// Failed cases have no score and come last.
    fileprivate var sql: String {
      switch self {
      case .score: "score DESC, name"
      case .name: "name"
      case .pValue: "p_value ASC NULLS LAST, name"
      case .regions: "region_count DESC, name"
      }
    }
  }

  /// - Parameter inStudy: whether to list the cases of the study, or those that left it; `nil` for both.
  package func cases(
    flaggedOnly: Bool = false, inStudy: Bool? = true, sort: Order = .score, limit: Int = .max
  ) throws(NormaError) -> [CaseRow] {
    let conditions = [flaggedOnly ? "flagged = 1" : nil, inStudy.map { "in_study = \($0 ? 1 : 0)" }].compactMap { $0 }
    let filter = conditions.isEmpty ? "" : "WHERE \(conditions.joined(separator: " AND ")) "
    return try read { database in
      try CaseRow.fetchAll(
        database, sql: "SELECT \(CaseRow.columns) FROM cases \(filter)ORDER BY \(sort.sql) LIMIT ?",
        arguments: [limit])
    }
  }

  /// Names of the cases of the study.
  package func caseNames() throws(NormaError) -> Set<String> {
    try read { try String.fetchSet($0, sql: "SELECT name FROM cases WHERE in_study = 1") }
  }

  package func `case`(named name: String) throws(NormaError) -> CaseRow? {
    try read { try CaseRow.fetchOne($0, sql: "SELECT \(CaseRow.columns) FROM cases WHERE name = ?", arguments: [name]) }
  }

  /// The path of each case's page within the report, by case name.
  func pages() throws(NormaError) -> [(name: String, page: String)] {
    try read { database in
      try Row.fetchAll(database, sql: "SELECT name, report_path FROM cases ORDER BY name").map {
        (try $0.decode(atIndex: 0), try $0.decode(atIndex: 1))
      }
    }
  }

  /// A case with its scans and regions.
  package func record(of caseID: Int64) throws(NormaError) -> CaseRecord {
    try read { try Self.record(of: caseID, in: $0) }
  }

  /// Scans of a case in the order of the study: by file, then page.
  package func scans(of caseID: Int64) throws(NormaError) -> [ScanRow] {
    try read {
      try Row.fetchAll($0, sql: "SELECT * FROM scans WHERE case_id = ? ORDER BY id", arguments: [caseID])
        .map { try $0.scan() }
    }
  }

  /// Regions of a scan by rank.
  package func regions(of scanID: Int64) throws(NormaError) -> [Region] {
    try read { try Self.regions(of: scanID, in: $0) }
  }

  /// Scans that were not scored, each with the name of its case.
  ///
  /// - Parameter status: `failed`, or `empty` for scans in which there is nothing to score.
  package func scans(
    _ status: Status, limit: Int = .max
  ) throws(NormaError) -> [(caseName: String, scan: ScanRow)] {
    try read { database in
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT scans.*, cases.name AS case_name FROM scans JOIN cases ON cases.id = scans.case_id
          WHERE scans.status = ? AND cases.in_study = 1 ORDER BY cases.name, scans.id LIMIT ?
          """, arguments: [status.rawValue, limit])
      return try rows.map { (caseName: try $0.decode(forColumn: "case_name"), scan: try $0.scan()) }
    }
  }

  /// Names of the cases of the study in which a scan was scored, and more than half of the scans show no tissue.
  package func casesMostlyWithoutTissue() throws(NormaError) -> [String] {
    try names(
      where: """
        status = 'done' AND scan_count <
          2 * (SELECT count(*) FROM scans WHERE case_id = case_overview.id AND scans.status = 'empty' AND error = ?)
        """, arguments: ["\(NothingToScore.noTissue)"])
  }

  /// Names of the cases of the study whose review judged another score by the same model: their files, or how they are
  /// scored, have changed since.
  package func casesWithOutdatedReview() throws(NormaError) -> [String] {
    try names(
      where: "judged_score IS NOT NULL AND score IS NOT judged_score AND judged_model_sha256 IS model_sha256")
  }

  /// Names of the cases that are judged without all of their scans, since some failed.
  package func casesPartlyFailed() throws(NormaError) -> [String] {
    try names(where: "status = 'done' AND failed_scan_count > 0")
  }

  /// Names of the cases of the study that meet a condition on `case_overview`, in their order.
  private func names(where condition: String, arguments: StatementArguments = []) throws(NormaError) -> [String] {
    try read { database in
      try String.fetchAll(
        database, sql: "SELECT name FROM case_overview WHERE in_study = 1 AND \(condition) ORDER BY name",
        arguments: arguments)
    }
  }

  /// Files with missing or broken parts, and the share of those parts in 0...1.
  package func incompleteScans() throws(NormaError) -> [(path: String, share: Double)] {
    try read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT path, max(missing_share) AS share FROM scans JOIN cases ON cases.id = case_id
          WHERE missing_share > 0 AND in_study = 1 GROUP BY path ORDER BY path
          """
      ).map { (try $0.decode(forColumn: "path"), try $0.decode(forColumn: "share")) }
    }
  }

  /// SHA-256 of the files of the study in which a scan was scored, by case; each file of a case once.
  package func fileDigests() throws(NormaError) -> [String: [String]] {
    try read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT DISTINCT cases.name AS name, path, sha256 FROM scans JOIN cases ON cases.id = case_id
          WHERE in_study = 1 AND scans.status = 'done' AND sha256 IS NOT NULL ORDER BY cases.name, path
          """
      ).reduce(into: [:]) { found, row in
        let name: String = try row.decode(forColumn: "name")
        found[name, default: []].append(try row.decode(forColumn: "sha256"))
      }
    }
  }

  /// A file of a case of the study.
  package struct ReadFile: Sendable, FetchableRecord, Decodable {
    package let caseName: String
    /// Relative to the study.
    package let path: String
    /// As it was when the case was analyzed; `nil` where it could not be read.
    package let sha256: String?
  }

  /// The files of the cases that are in the study, whether they could be scored or not.
  package func readFiles() throws(NormaError) -> [ReadFile] {
    try read {
      try ReadFile.fetchAll(
        $0,
        sql: """
          SELECT DISTINCT cases.name AS caseName, path, sha256 FROM scans JOIN cases ON cases.id = case_id
          WHERE in_study = 1 ORDER BY cases.name, path
          """)
    }
  }

  package func latestRun() throws(NormaError) -> RunRow? {
    try read { try RunRow.fetchOne($0, sql: "SELECT * FROM runs ORDER BY id DESC LIMIT 1") }
  }

  /// The study context of the latest run.
  package func latestContext() throws(NormaError) -> StudyContext {
    guard let run = try latestRun() else {
      throw NormaError(subject: path, found: "the index records no run", remedy: "Run norma analyze on this folder")
    }
    do { return try run.context } catch {
      throw NormaError(
        subject: path, found: "the configuration of run \(run.id) is not what norma writes",
        remedy: "Run norma analyze on this folder again")
    }
  }

  /// The scans of a case that were finished with this model and these settings and need not be computed again,
  /// those in which there is nothing to score among them. None if the model or the settings have changed.
  package func finishedScans(
    ofCase name: String, modelSHA256: String, scoring: String
  ) throws(NormaError) -> [ScanRow] {
    try read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT scans.* FROM scans JOIN cases ON cases.id = scans.case_id
          WHERE cases.name = ? AND cases.model_sha256 = ? AND cases.scoring = ? AND scans.status IN ('done', 'empty')
          ORDER BY scans.id
          """, arguments: [name, modelSHA256, scoring]
      ).map { try $0.scan() }
    }
  }

  /// Appearances by case name, of all cases that have one, including cases reused from an earlier run.
  package func appearances() throws(NormaError) -> [String: Appearance] {
    try read { database in
      let rows = try Row.fetchAll(
        database, sql: "SELECT name, appearance FROM cases WHERE appearance IS NOT NULL AND in_study = 1")
      return rows.reduce(into: [:]) { $0[$1["name"]] = AppearanceText.appearance($1["appearance"]) }
    }
  }

  /// Names of the cases that do not look like the model's training cases.
  package func strangeCases() throws(NormaError) -> [String] {
    try read {
      try String.fetchAll(
        $0, sql: "SELECT name FROM cases WHERE domain_shift IS NOT NULL AND in_study = 1 ORDER BY name")
    }
  }

  /// Reviews by case name, including reviews of cases that are no longer in the study.
  package func reviews() throws(NormaError) -> [String: Review] {
    try read { database in
      try Row.fetchAll(database, sql: "SELECT \(Review.columns) FROM reviews").reduce(into: [:]) { reviews, row in
        guard let review = try Review(row) else { return }
        reviews[review.caseName] = review
      }
    }
  }

  static func record(of caseID: Int64, in database: Database) throws -> CaseRecord {
    guard
      let row = try CaseRow.fetchOne(
        database, sql: "SELECT \(CaseRow.columns) FROM cases WHERE id = ?", arguments: [caseID])
    else { throw DatabaseError(message: "case \(caseID) is not in the index") }
    let scans = try Row.fetchAll(
      database, sql: "SELECT * FROM scans WHERE case_id = ? ORDER BY id", arguments: [caseID]
    ).map { try $0.scan() }
    let review = try Row.fetchOne(
      database, sql: "SELECT \(Review.columns) FROM reviews WHERE case_name = ?", arguments: [row.name])
    var metadata: [Int64: [String: String]] = [:]
    let kept = try Row.fetchCursor(
      database, sql: "SELECT scan_metadata.* FROM scan_metadata JOIN scans ON scans.id = scan_id WHERE case_id = ?",
      arguments: [caseID])
    while let tag = try kept.next() {
      let scan: Int64 = try tag.decode(forColumn: "scan_id")
      metadata[scan, default: [:]][try tag.decode(forColumn: "name")] = try tag.decode(forColumn: "value") as String
    }
    return CaseRecord(
      row: row, scans: try scans.map { ($0, try regions(of: $0.id, in: database)) }, metadata: metadata,
      review: try review.flatMap { try Review($0) })
  }

  private static func regions(of scanID: Int64, in database: Database) throws -> [Region] {
    try Row.fetchAll(database, sql: "SELECT * FROM regions WHERE scan_id = ? ORDER BY rank", arguments: [scanID])
      .map { try region($0) }
  }

  static func region(_ row: Row) throws -> Region {
    func value<T: DatabaseValueConvertible & StatementColumnConvertible>(_ column: String) throws -> T {
      try row.decode(forColumn: column)
    }
    let region = Region(
      rank: try value("rank"), x: try value("x"), y: try value("y"), width: try value("width"),
      height: try value("height"), areaPixels: try value("area_px"), areaSquareMillimeters: try value("area_mm2"),
      peak: try value("peak"), mean: try value("mean"), peakX: try value("peak_x"), peakY: try value("peak_y"),
      pValue: try value("p_value"), qValue: try value("q_value"))
    let places = [region.rank, region.x, region.y, region.width, region.height, region.peakX, region.peakY]
    try IndexFault.check(
      places.compactMap { $0 }.allSatisfy(IndexFault.counts.contains) && IndexFault.areas.contains(region.areaPixels),
      "a region has a place or size that no scan has")
    try IndexFault.check(shares: [region.pValue, region.qValue], of: "a region")
    try IndexFault.check(
      finite: [region.peak, region.mean, region.areaSquareMillimeters], of: "a region", named: "peak, mean or area")
    return region
  }
}
