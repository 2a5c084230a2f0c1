import Files
import GRDB

/// Digests of what a run recorded, by which `verify` tells rows that were altered, removed or added afterwards, even
/// where no other check could: a peak, an area, the score of a scan, a setting of the run.
///
/// Whatever changes a row changes its digest in the same transaction, so they hold after a run that was killed too. Cases
/// that an older version of norma recorded have an empty one until they are recorded again. Reviews have none: readers
/// add those later. Whoever alters a row on purpose can alter its digest too.
extension CaseIndex {
  /// The value of `scoring` for a case whose rows were altered after its run. No real settings text equals it.
  static let altered = "altered"

  /// What is recorded under one digest.
  private enum Sealed: String, CaseIterable {
    case run
    /// With its scans, their regions and their metadata.
    case `case`

    var names: String {
      switch self {
      // A run that is at work or was killed has no digest yet.
      case .run: "SELECT id FROM runs WHERE finished_at IS NOT NULL ORDER BY id"
      case .case: "SELECT name FROM cases ORDER BY name"
      }
    }

    /// The rows, each query with one argument: the name. A migration that adds a column here deletes all seals.
    var rows: [String] {
      switch self {
      case .run:
        return [
          """
          SELECT id, started_at, finished_at, status, tool_version, model_sha256, configuration, study_path, domain_shift
          FROM runs WHERE id = ?
          """
        ]
      case .case:
        let scans = "FROM cases JOIN scans ON scans.case_id = cases.id"
        return [
          """
          SELECT id, run_id, name, status, score, p_value, flagged, scan_count, failed_scan_count, region_count,
            report_path, model_sha256, scoring, domain_shift_p, domain_shift, appearance, in_study, empty_scan_count,
            worst_place_score, whole_score
          FROM cases WHERE name = ?
          """,
          """
          SELECT scans.id, scans.name, path, page, sha256, width, height, channels, micrometers_per_pixel,
            micrometers_per_pixel_y, scans.status, error, scans.score, scans.p_value, heatmap_path, missing_share,
            downsample, downsample_y, heatmap_sha256, scans.whole_score
          \(scans) WHERE cases.name = ? ORDER BY scans.id
          """,
          """
          SELECT scan_id, rank, x, y, regions.width, regions.height, area_px, area_mm2, peak, mean, peak_x, peak_y,
            regions.p_value, q_value
          \(scans) JOIN regions ON scan_id = scans.id WHERE cases.name = ? ORDER BY scan_id, rank
          """,
          """
          SELECT scan_id, scan_metadata.name, value
          \(scans) JOIN scan_metadata ON scan_id = scans.id WHERE cases.name = ? ORDER BY scan_id, scan_metadata.name
          """,
        ]
      }
    }

    /// The SHA-256 of the rows, hexadecimal.
    func digest(of name: String, in database: Database) throws -> String {
      var digest = Digest()
      for sql in rows {
        let cursor = try Row.fetchCursor(try database.cachedStatement(sql: sql), arguments: [name])
        while let row = try cursor.next() { row.add(to: &digest) }
      }
      return digest.finish().hexadecimal
    }
  }

  // MARK: - Recording

  private static func seal(_ kind: Sealed, _ name: String, in database: Database) throws {
    try database.cachedStatement(sql: "INSERT OR REPLACE INTO seals (kind, name, sha256) VALUES (?, ?, ?)")
      .execute(arguments: [kind.rawValue, name, try kind.digest(of: name, in: database)])
  }

  static func seal(run: Int64, in database: Database) throws { try seal(.run, "\(run)", in: database) }

  static func seal(caseNamed name: String, in database: Database) throws { try seal(.case, name, in: database) }

  /// Takes a change of cases into their digests. Those of an older version of norma stay without.
  static func reseal(cases ids: some Sequence<Int64>, in database: Database) throws {
    for id in ids {
      let name = try String.fetchOne(
        database,
        sql: """
          SELECT cases.name FROM cases JOIN seals ON kind = 'case' AND seals.name = cases.name
          WHERE cases.id = ? AND sha256 <> ''
          """, arguments: [id])
      if let name { try seal(.case, name, in: database) }
    }
  }

  /// Drops the digests of cases that were removed.
  static func forgetRemovedCases(in database: Database) throws {
    try database.execute(sql: "DELETE FROM seals WHERE kind = 'case' AND name NOT IN (SELECT name FROM cases)")
  }

  /// Marks the cases whose rows, or whose run's row, are not those that were recorded, so that none of them is reused.
  static func markAltered(in database: Database) throws {
    for seal in try broken(in: database) {
      let column = seal.kind == .run ? "run_id" : "name"
      let ids = try Int64.fetchAll(
        database, sql: "SELECT id FROM cases WHERE \(column) = ?", arguments: [seal.name])
      try database.execute(
        sql: "UPDATE cases SET scoring = ? WHERE \(column) = ?", arguments: [Self.altered, seal.name])
      try database.execute(
        sql: "DELETE FROM seals WHERE kind = ? AND name = ?", arguments: [seal.kind.rawValue, seal.name])
      if seal.change != .removed { try self.seal(seal.kind, seal.name, in: database) }
      try reseal(cases: ids, in: database)
    }
  }

  // MARK: - Checking

  /// What was done to rows after they were recorded.
  private enum Change: String { case added, removed, altered }

  /// What was altered, removed or added since it was recorded, as clauses.
  func brokenSeals() throws(NormaError) -> [String] {
    try read { database in
      try Self.broken(in: database).map { seal in
        "\(seal.kind.rawValue) '\(PrintableText.escaped(seal.name))' was \(seal.change) after norma recorded it"
      }
    }
  }

  /// A warning where rows are not those that norma recorded, for whatever shows them; `nil` where they are. It reads
  /// every row.
  package func alterationWarning() throws(NormaError) -> String? {
    let broken = try brokenSeals()
    guard let first = broken.first else { return nil }
    let rest = broken.count == 1 ? "" : ", and \(Count.of(broken.count - 1, "more is", "more are")) not as recorded"
    return "what is shown is not what norma found: \(first)\(rest). norma verify names all, norma analyze mends them."
  }

  /// The number of cases that an older version of norma recorded, without a digest.
  func casesWithoutSeal() throws(NormaError) -> Int {
    try read { try Int.fetchOne($0, sql: "SELECT count(*) FROM seals WHERE kind = 'case' AND sha256 = ''") ?? 0 }
  }

  private static func broken(in database: Database) throws -> [(kind: Sealed, name: String, change: Change)] {
    let seals = try Row.fetchAll(database, sql: "SELECT kind, name, sha256 FROM seals")
    return try Sealed.allCases.flatMap { kind in
      let recorded = seals.filter { $0["kind"] == kind.rawValue }
      let expected = Dictionary(uniqueKeysWithValues: recorded.map { ($0["name"] as String, $0["sha256"] as String) })
      let found = Set(try String.fetchAll(database, sql: kind.names))
      return try found.union(expected.keys).sorted().compactMap {
        name -> (kind: Sealed, name: String, change: Change)? in
        guard let known = expected[name] else { return (kind, name, .added) }
        guard found.contains(name) else { return (kind, name, .removed) }
        guard !known.isEmpty, try known != kind.digest(of: name, in: database) else { return nil }
        return (kind, name, .altered)
      }
    }
  }
}

extension Row {
  /// Adds the row so that no two different rows add the same bytes: the type of each value, its length, its bytes.
  fileprivate func add(to digest: inout Digest) {
    var bytes: [UInt8] = []
    func append(_ type: Character, _ value: some Sequence<UInt8>, _ length: Int) {
      bytes += "\(type)\(length):".utf8
      bytes += value
    }
    for value in databaseValues {
      switch value.storage {
      case .null: append("n", [], 0)
      case .int64(let number):
        let text = "\(number)".utf8
        append("i", text, text.count)
      case .double(let number):
        let text = "\(number.bitPattern)".utf8
        append("d", text, text.count)
      case .string(let text): append("s", text.utf8, text.utf8.count)
      case .blob(let data): append("b", data, data.count)
      }
    }
    bytes.append(UInt8(ascii: "\n"))
    bytes.withUnsafeBytes { digest.add($0) }
  }
}
