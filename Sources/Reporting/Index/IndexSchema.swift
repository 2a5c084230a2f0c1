import Files
import Foundation
import GRDB

/// The tables of `cases.sqlite`, as an append-only list of migrations.
///
/// A released migration is never edited: an index written by an older version of norma would miss the change.
package enum IndexSchema {
  package static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1: runs, cases, scans, regions") { database in
      try database.execute(
        sql: """
          CREATE TABLE runs (
            id INTEGER PRIMARY KEY,
            started_at TEXT NOT NULL,
            finished_at TEXT,
            status TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed')),
            tool_version TEXT NOT NULL,
            model_sha256 TEXT NOT NULL,
            configuration TEXT NOT NULL,
            study_path TEXT NOT NULL
          );

          CREATE TABLE cases (
            id INTEGER PRIMARY KEY,
            run_id INTEGER NOT NULL REFERENCES runs (id),
            name TEXT NOT NULL UNIQUE,
            status TEXT NOT NULL CHECK (status IN ('done', 'failed')),
            score REAL,
            p_value REAL,
            flagged INTEGER NOT NULL CHECK (flagged IN (0, 1)),
            scan_count INTEGER NOT NULL,
            failed_scan_count INTEGER NOT NULL,
            region_count INTEGER NOT NULL,
            report_path TEXT NOT NULL,
            model_sha256 TEXT NOT NULL,
            scoring TEXT NOT NULL
          );
          CREATE INDEX cases_by_score ON cases (score DESC, name);
          CREATE INDEX cases_by_flag ON cases (flagged, score DESC, name);

          CREATE TABLE scans (
            id INTEGER PRIMARY KEY,
            case_id INTEGER NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            path TEXT NOT NULL,
            page INTEGER,
            sha256 TEXT,
            width INTEGER,
            height INTEGER,
            channels INTEGER,
            micrometers_per_pixel REAL,
            micrometers_per_pixel_y REAL,
            status TEXT NOT NULL CHECK (status IN ('done', 'failed')),
            error TEXT,
            score REAL,
            p_value REAL,
            heatmap_path TEXT,
            UNIQUE (case_id, name)
          );
          CREATE INDEX scans_by_score ON scans (case_id, score DESC);
          CREATE INDEX scans_by_status ON scans (status);

          CREATE TABLE regions (
            scan_id INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
            rank INTEGER NOT NULL,
            x INTEGER NOT NULL,
            y INTEGER NOT NULL,
            width INTEGER NOT NULL,
            height INTEGER NOT NULL,
            area_px INTEGER NOT NULL,
            area_mm2 REAL,
            peak REAL NOT NULL,
            mean REAL NOT NULL,
            PRIMARY KEY (scan_id, rank)
          );

          CREATE VIEW flagged_cases AS
            SELECT id, name, score, p_value, scan_count, region_count, report_path
            FROM cases WHERE flagged = 1 ORDER BY score DESC, name;
          """)
    }
    migrator.registerMigration("2: domain shift") { database in
      try database.execute(
        sql: """
          ALTER TABLE runs ADD COLUMN domain_shift TEXT;
          ALTER TABLE cases ADD COLUMN domain_shift_p REAL;
          ALTER TABLE cases ADD COLUMN domain_shift TEXT;
          ALTER TABLE cases ADD COLUMN appearance TEXT;
          """)
    }
    migrator.registerMigration("3: p and q of regions") { database in
      try database.execute(
        sql: """
          ALTER TABLE regions ADD COLUMN p_value REAL;
          ALTER TABLE regions ADD COLUMN q_value REAL;
          """)
    }
    migrator.registerMigration("4: missing parts of scans") { database in
      try database.execute(sql: "ALTER TABLE scans ADD COLUMN missing_share REAL")
    }
    migrator.registerMigration("5: heatmaps smaller than their scans") { database in
      try database.execute(sql: "ALTER TABLE scans ADD COLUMN downsample REAL")
    }
    migrator.registerMigration("6: reviews") { database in
      // Reviews refer to a case by name, without a foreign key: analyzing a case again deletes its row, and must not
      // delete the verdict.
      try database.execute(
        sql: """
          CREATE TABLE reviews (
            case_name TEXT PRIMARY KEY NOT NULL,
            verdict TEXT NOT NULL CHECK (verdict IN ('agree', 'disagree', 'unsure')),
            note TEXT NOT NULL DEFAULT '',
            reviewed_at TEXT NOT NULL,
            reviewer TEXT,
            model_sha256 TEXT,
            score REAL
          );
          """)
    }
    migrator.registerMigration("7: orders and overviews") { database in try database.execute(sql: overviews) }
    migrator.registerMigration("8: digests of heatmaps") { database in
      try database.execute(sql: "ALTER TABLE scans ADD COLUMN heatmap_sha256 TEXT")
    }
    migrator.registerMigration("9: metadata of scans") { database in
      try database.execute(
        sql: """
          CREATE TABLE scan_metadata (
            scan_id INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (scan_id, name)
          ) WITHOUT ROWID;
          """)
    }
    migrator.registerMigration("10: identity of the report") { database in
      try database.execute(sql: "CREATE TABLE report (id TEXT NOT NULL)")
      try database.execute(sql: "INSERT INTO report (id) VALUES (?)", arguments: [try identity(in: database)])
    }
    registerRunsThatWereStopped(in: &migrator)
    migrator.registerMigration("12: pixels of peaks") { database in try database.execute(sql: peaks) }
    migrator.registerMigration("13: cases that left the study") { database in try database.execute(sql: absences) }
    registerNothingToScore(in: &migrator)
    migrator.registerMigration("15: the two scores of a case") { database in
      try database.execute(
        sql: """
          ALTER TABLE cases ADD COLUMN worst_place_score REAL;
          ALTER TABLE cases ADD COLUMN whole_score REAL;
          ALTER TABLE scans ADD COLUMN whole_score REAL;
          UPDATE cases SET worst_place_score = score;
          """)
      try rewrite(in: database) { try append(", cases.worst_place_score, cases.whole_score", in: database) }
    }
    migrator.registerMigration("16: digests of results") { database in
      // Cases are sealed by name, without a foreign key: a case that is deleted must not take its digest along.
      try database.execute(
        sql: """
          CREATE TABLE seals (
            kind TEXT NOT NULL CHECK (kind IN ('run', 'case')),
            name TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            PRIMARY KEY (kind, name)
          ) WITHOUT ROWID;
          INSERT INTO seals SELECT 'run', id, '' FROM runs WHERE finished_at IS NOT NULL;
          INSERT INTO seals SELECT 'case', name, '' FROM cases;
          """)
    }
    return migrator
  }

  /// Makes the table of runs anew with a new constraint, because SQLite cannot change a constraint of an existing
  /// table. Source: SQLite, "ALTER TABLE", section 7.
  private static func registerRunsThatWereStopped(in migrator: inout DatabaseMigrator) {
    migrator.registerMigration("11: runs that were stopped") { database in
      try database.execute(
        sql: """
          CREATE TABLE new_runs (
            id INTEGER PRIMARY KEY,
            started_at TEXT NOT NULL,
            finished_at TEXT,
            status TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed', 'stopped')),
            tool_version TEXT NOT NULL,
            model_sha256 TEXT NOT NULL,
            configuration TEXT NOT NULL,
            study_path TEXT NOT NULL,
            domain_shift TEXT
          );
          INSERT INTO new_runs (id, started_at, finished_at, status, tool_version, model_sha256, configuration,
              study_path, domain_shift)
            SELECT id, started_at, finished_at, status, tool_version, model_sha256, configuration, study_path,
              domain_shift
            FROM runs;
          DROP TABLE runs;
          ALTER TABLE new_runs RENAME TO runs;
          """)
    }
  }

  /// Cases and scans get the status `empty`, and a case that was not examined has neither verdict nor regions.
  ///
  /// Only constraints and views change, so their text is changed and the rows stay where they are. Source: SQLite,
  /// "ALTER TABLE", section 7, the simpler procedure for changes that do not affect the content on disk.
  private static func registerNothingToScore(in migrator: inout DatabaseMigrator) {
    migrator.registerMigration("14: nothing to score") { database in
      try database.execute(
        sql: """
          ALTER TABLE cases ADD COLUMN empty_scan_count INTEGER NOT NULL DEFAULT 0;
          """)
      try rewrite(in: database) {
        try database.execute(
          sql: """
            UPDATE sqlite_master SET sql = replace(replace(replace(sql,
                'IN (''done'', ''failed'')', 'IN (''done'', ''failed'', ''empty'')'),
                'flagged INTEGER NOT NULL', 'flagged INTEGER'), 'region_count INTEGER NOT NULL', 'region_count INTEGER')
              WHERE type = 'table' AND name IN ('cases', 'scans');
            """)
        try append(", cases.empty_scan_count", in: database)
      }
      try database.execute(sql: "UPDATE cases SET flagged = NULL, region_count = NULL WHERE score IS NULL")
    }
  }

  /// Changes the text of tables and views, while the rows stay where they are.
  private static func rewrite(in database: Database, _ change: () throws -> Void) throws {
    try database.execute(sql: "PRAGMA writable_schema = ON")
    try change()
    let version = try Int.fetchOne(database, sql: "PRAGMA schema_version") ?? 0
    try database.execute(sql: "PRAGMA schema_version = \(version + 1); PRAGMA writable_schema = OFF")
  }

  /// Appends columns of cases to the overviews; to be called within `rewrite`.
  ///
  /// - Parameter columns: the columns, each after a comma.
  private static func append(_ columns: String, in database: Database) throws {
    try database.execute(
      sql: """
        UPDATE sqlite_master SET sql = replace(replace(sql,
            'FROM cases LEFT JOIN reviews', ? || ' FROM cases LEFT JOIN reviews'),
            'FROM regions JOIN scans', ? || ' FROM regions JOIN scans')
          WHERE type = 'view' AND name IN ('case_overview', 'region_overview');
        """, arguments: [columns, columns])
  }

  /// The identity of a report. An empty index gets a random one. An index of an older version of norma gets one
  /// computed from its first run, so that it is the same every time such an index is upgraded in memory for reading.
  private static func identity(in database: Database) throws -> String {
    let first = try Row.fetchOne(
      database,
      sql: "SELECT started_at, study_path, model_sha256, tool_version FROM runs ORDER BY id LIMIT 1")
    guard let first else { return UUID().uuidString.lowercased() }
    let text = first.databaseValues.map { String.fromDatabaseValue($0) ?? "" }.joined(separator: "\n")
    return Digest.of(text).withUnsafeBytes { UUID(uuid: $0.load(as: uuid_t.self)) }.uuidString.lowercased()
  }

  /// Marks the cases that are in the study, and keeps the others out of the lists of findings.
  private static let absences = """
    ALTER TABLE cases ADD COLUMN in_study INTEGER NOT NULL DEFAULT 1 CHECK (in_study IN (0, 1));

    DROP VIEW flagged_cases;
    CREATE VIEW flagged_cases AS
      SELECT id, name, score, p_value, scan_count, region_count, report_path
      FROM cases WHERE flagged = 1 AND in_study = 1 ORDER BY score DESC, name;

    DROP VIEW case_overview;
    CREATE VIEW case_overview AS
      SELECT cases.id, cases.run_id, cases.name, cases.status, cases.score, cases.p_value, cases.flagged,
        cases.scan_count, cases.failed_scan_count, cases.region_count,
        (SELECT max(area_px) FROM scans JOIN regions ON scan_id = scans.id WHERE case_id = cases.id) AS region_area_px,
        (SELECT max(area_mm2) FROM scans JOIN regions ON scan_id = scans.id WHERE case_id = cases.id)
          AS region_area_mm2,
        (SELECT max(peak) FROM scans JOIN regions ON scan_id = scans.id WHERE case_id = cases.id) AS peak,
        cases.domain_shift_p, cases.domain_shift, cases.appearance,
        reviews.case_name IS NOT NULL AS reviewed, reviews.verdict, reviews.note, reviews.reviewed_at,
        reviews.reviewer, reviews.score AS judged_score, reviews.model_sha256 AS judged_model_sha256,
        cases.report_path, cases.model_sha256, cases.scoring, cases.in_study
      FROM cases LEFT JOIN reviews ON reviews.case_name = cases.name;

    DROP VIEW region_overview;
    CREATE VIEW region_overview AS
      SELECT cases.id AS case_id, cases.name AS case_name, scans.id AS scan_id, scans.name AS scan, scans.path,
        scans.page, regions.rank, regions.x, regions.y, regions.width, regions.height, regions.area_px,
        regions.area_mm2, regions.peak, regions.mean, regions.p_value, regions.q_value,
        scans.score AS scan_score, scans.p_value AS scan_p_value, scans.sha256, scans.width AS scan_width,
        scans.height AS scan_height, scans.channels, scans.micrometers_per_pixel, scans.missing_share,
        scans.downsample, scans.heatmap_path,
        cases.run_id, cases.status, cases.score, cases.p_value AS case_p_value, cases.flagged, cases.scan_count,
        cases.failed_scan_count, cases.region_count, cases.region_area_px, cases.region_area_mm2,
        cases.peak AS case_peak, cases.domain_shift_p, cases.domain_shift, cases.appearance, cases.reviewed,
        cases.verdict, cases.note, cases.reviewed_at, cases.reviewer, cases.judged_score,
        cases.judged_model_sha256, cases.report_path, cases.model_sha256, cases.scoring,
        regions.peak_x, regions.peak_y, cases.in_study
      FROM regions JOIN scans ON scans.id = regions.scan_id JOIN case_overview AS cases ON cases.id = scans.case_id;

    DROP VIEW largest_regions;
    CREATE VIEW largest_regions AS
      SELECT cases.id AS case_id, cases.name AS case_name, scans.name AS scan, scans.path, scans.page, regions.rank,
        regions.x, regions.y, regions.width, regions.height, regions.area_px, regions.area_mm2, regions.peak,
        regions.p_value, regions.q_value, regions.peak_x, regions.peak_y
      FROM cases
        JOIN regions ON regions.rowid = (
          SELECT regions.rowid FROM scans JOIN regions ON scan_id = scans.id WHERE case_id = cases.id
          ORDER BY area_mm2 DESC, area_px DESC, peak DESC, scan_id, rank LIMIT 1)
        JOIN scans ON scans.id = regions.scan_id
      WHERE cases.in_study = 1
      ORDER BY regions.area_mm2 DESC, regions.area_px DESC, cases.name;

    DROP VIEW failed_scans;
    CREATE VIEW failed_scans AS
      SELECT scans.case_id, cases.name AS case_name, scans.name AS scan, scans.path, scans.page, scans.error
      FROM scans JOIN cases ON cases.id = scans.case_id
      WHERE scans.status = 'failed' AND cases.in_study = 1 ORDER BY cases.name, scans.id;

    DROP VIEW reviewed_cases;
    CREATE VIEW reviewed_cases AS
      SELECT name, verdict, note, reviewed_at, reviewer, score, judged_score, p_value, flagged,
        judged_model_sha256 IS model_sha256 AS same_model, report_path, in_study
      FROM case_overview WHERE reviewed = 1 ORDER BY score DESC, name;
    """

  /// New columns of the views come last, as in a central index, whose views can only gain columns at the end.
  private static let peaks = """
    ALTER TABLE scans ADD COLUMN downsample_y REAL;
    ALTER TABLE regions ADD COLUMN peak_x INTEGER;
    ALTER TABLE regions ADD COLUMN peak_y INTEGER;

    DROP VIEW region_overview;
    CREATE VIEW region_overview AS
      SELECT cases.id AS case_id, cases.name AS case_name, scans.id AS scan_id, scans.name AS scan, scans.path,
        scans.page, regions.rank, regions.x, regions.y, regions.width, regions.height, regions.area_px,
        regions.area_mm2, regions.peak, regions.mean, regions.p_value, regions.q_value,
        scans.score AS scan_score, scans.p_value AS scan_p_value, scans.sha256, scans.width AS scan_width,
        scans.height AS scan_height, scans.channels, scans.micrometers_per_pixel, scans.missing_share,
        scans.downsample, scans.heatmap_path,
        cases.run_id, cases.status, cases.score, cases.p_value AS case_p_value, cases.flagged, cases.scan_count,
        cases.failed_scan_count, cases.region_count, cases.region_area_px, cases.region_area_mm2,
        cases.peak AS case_peak, cases.domain_shift_p, cases.domain_shift, cases.appearance, cases.reviewed,
        cases.verdict, cases.note, cases.reviewed_at, cases.reviewer, cases.judged_score,
        cases.judged_model_sha256, cases.report_path, cases.model_sha256, cases.scoring,
        regions.peak_x, regions.peak_y
      FROM regions JOIN scans ON scans.id = regions.scan_id JOIN case_overview AS cases ON cases.id = scans.case_id;

    DROP VIEW largest_regions;
    CREATE VIEW largest_regions AS
      SELECT cases.id AS case_id, cases.name AS case_name, scans.name AS scan, scans.path, scans.page, regions.rank,
        regions.x, regions.y, regions.width, regions.height, regions.area_px, regions.area_mm2, regions.peak,
        regions.p_value, regions.q_value, regions.peak_x, regions.peak_y
      FROM cases
        JOIN regions ON regions.rowid = (
          SELECT regions.rowid FROM scans JOIN regions ON scan_id = scans.id WHERE case_id = cases.id
          ORDER BY area_mm2 DESC, area_px DESC, peak DESC, scan_id, rank LIMIT 1)
        JOIN scans ON scans.id = regions.scan_id
      ORDER BY regions.area_mm2 DESC, regions.area_px DESC, cases.name;
    """

  /// Indexes for the columns that `norma cases` sorts by, and the views that it reads. The overviews have no ORDER BY,
  /// so SQLite can merge them into a query and use the indexes of their tables.
  private static let overviews = """
    CREATE INDEX cases_by_p_value ON cases (p_value, name);
    CREATE INDEX cases_by_regions ON cases (region_count DESC, name);
    CREATE INDEX regions_by_peak ON regions (peak DESC);

    CREATE VIEW case_overview AS
      SELECT cases.id, cases.run_id, cases.name, cases.status, cases.score, cases.p_value, cases.flagged,
        cases.scan_count, cases.failed_scan_count, cases.region_count,
        (SELECT max(area_px) FROM scans JOIN regions ON scan_id = scans.id WHERE case_id = cases.id) AS region_area_px,
        (SELECT max(area_mm2) FROM scans JOIN regions ON scan_id = scans.id WHERE case_id = cases.id)
          AS region_area_mm2,
        (SELECT max(peak) FROM scans JOIN regions ON scan_id = scans.id WHERE case_id = cases.id) AS peak,
        cases.domain_shift_p, cases.domain_shift, cases.appearance,
        reviews.case_name IS NOT NULL AS reviewed, reviews.verdict, reviews.note, reviews.reviewed_at,
        reviews.reviewer, reviews.score AS judged_score, reviews.model_sha256 AS judged_model_sha256,
        cases.report_path, cases.model_sha256, cases.scoring
      FROM cases LEFT JOIN reviews ON reviews.case_name = cases.name;

    CREATE VIEW region_overview AS
      SELECT cases.id AS case_id, cases.name AS case_name, scans.id AS scan_id, scans.name AS scan, scans.path,
        scans.page, regions.rank, regions.x, regions.y, regions.width, regions.height, regions.area_px,
        regions.area_mm2, regions.peak, regions.mean, regions.p_value, regions.q_value,
        scans.score AS scan_score, scans.p_value AS scan_p_value, scans.sha256, scans.width AS scan_width,
        scans.height AS scan_height, scans.channels, scans.micrometers_per_pixel, scans.missing_share,
        scans.downsample, scans.heatmap_path,
        cases.run_id, cases.status, cases.score, cases.p_value AS case_p_value, cases.flagged, cases.scan_count,
        cases.failed_scan_count, cases.region_count, cases.region_area_px, cases.region_area_mm2,
        cases.peak AS case_peak, cases.domain_shift_p, cases.domain_shift, cases.appearance, cases.reviewed,
        cases.verdict, cases.note, cases.reviewed_at, cases.reviewer, cases.judged_score,
        cases.judged_model_sha256, cases.report_path, cases.model_sha256, cases.scoring
      FROM regions JOIN scans ON scans.id = regions.scan_id JOIN case_overview AS cases ON cases.id = scans.case_id;

    CREATE VIEW largest_regions AS
      SELECT cases.id AS case_id, cases.name AS case_name, scans.name AS scan, scans.path, scans.page, regions.rank,
        regions.x, regions.y, regions.width, regions.height, regions.area_px, regions.area_mm2, regions.peak,
        regions.p_value, regions.q_value
      FROM cases
        JOIN regions ON regions.rowid = (
          SELECT regions.rowid FROM scans JOIN regions ON scan_id = scans.id WHERE case_id = cases.id
          ORDER BY area_mm2 DESC, area_px DESC, peak DESC, scan_id, rank LIMIT 1)
        JOIN scans ON scans.id = regions.scan_id
      ORDER BY regions.area_mm2 DESC, regions.area_px DESC, cases.name;

    CREATE VIEW failed_scans AS
      SELECT scans.case_id, cases.name AS case_name, scans.name AS scan, scans.path, scans.page, scans.error
      FROM scans JOIN cases ON cases.id = scans.case_id WHERE scans.status = 'failed' ORDER BY cases.name, scans.id;

    CREATE VIEW reviewed_cases AS
      SELECT name, verdict, note, reviewed_at, reviewer, score, judged_score, p_value, flagged,
        judged_model_sha256 IS model_sha256 AS same_model, report_path
      FROM case_overview WHERE reviewed = 1 ORDER BY score DESC, name;
    """
}
