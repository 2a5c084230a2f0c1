import Files
import GRDB

/// Digests of what a run recorded, by which `verify` tells rows that were altered, removed or added afterwards, even
/// where no other check could: a peak, an area, the score of a scan, a setting of the run.
///
/// A run takes the digests away when it begins and makes them all anew when it ends, so an index has none while a run
/// is at work, after one was killed, and where an older version of norma wrote it. Reviews are not among them: readers
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
      case .run: "SELECT id FROM runs ORDER BY id"
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

    /// The SHA-256 of each one's rows, hexadecimal, by name.
    func digests(in database: Database) throws -> [String: String] {
      var digests: [String: String] = [:]
      for name in try String.fetchAll(database, sql: names) {
        var digest = Digest()
        for sql in rows {
          let cursor = try Row.fetchCursor(try database.cachedStatement(sql: sql), arguments: [name])
          while let row = try cursor.next() { row.add(to: &digest) }
        }
        digests[name] = digest.finish().hexadecimal
      }
      return digests
    }
  }

  static func unseal(in database: Database) throws { try database.execute(sql: "DELETE FROM seals") }

  static func seal(in database: Database) throws {
    try unseal(in: database)
    for kind in Sealed.allCases {
      for (name, digest) in try kind.digests(in: database) {
        try database.cachedStatement(sql: "INSERT INTO seals (kind, name, sha256) VALUES (?, ?, ?)")
          .execute(arguments: [kind.rawValue, name, digest])
      }
    }
  }

  /// What was altered, removed or added since the last run ended, as clauses; `nil` where there are no digests to tell
  /// it by.
  func brokenSeals() throws(NormaError) -> [String]? {
    try read { database in
      guard try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT * FROM seals)") ?? false else { return nil }
      return try Self.broken(in: database).map { seal in
        "\(seal.kind.rawValue) '\(TableCell.text(seal.name).plain)' was \(seal.change) after the last run"
      }
    }
  }

  /// Marks the cases whose rows, or whose run's row, are not those that were recorded, so that none of them is reused.
  static func markAltered(in database: Database) throws {
    guard try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT * FROM seals)") ?? false else { return }
    for seal in try broken(in: database) {
      let column = seal.kind == .run ? "run_id" : "name"
      try database.execute(
        sql: "UPDATE cases SET scoring = ? WHERE \(column) = ?", arguments: [Self.altered, seal.name])
    }
  }

  private static func broken(in database: Database) throws -> [(kind: Sealed, name: String, change: String)] {
    let seals = try Row.fetchAll(database, sql: "SELECT kind, name, sha256 FROM seals")
    return try Sealed.allCases.flatMap { kind in
      let recorded = seals.filter { $0["kind"] == kind.rawValue }
      let expected = Dictionary(uniqueKeysWithValues: recorded.map { ($0["name"] as String, $0["sha256"] as String) })
      let found = try kind.digests(in: database)
      return Set(expected.keys).union(found.keys).sorted().compactMap { name in
        switch (expected[name], found[name]) {
        case (nil, _): (kind, name, "added")
        case (_, nil): (kind, name, "removed")
        case (let old?, let new?): old == new ? nil : (kind, name, "altered")
        }
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
