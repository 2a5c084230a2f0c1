import GRDB

/// The tables of `cases.sqlite`, as an append-only list of migrations.
///
/// A released migration is never edited: an index written by an older norma would miss the change.
enum IndexSchema {
  static var migrator: DatabaseMigrator {
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
    return migrator
  }
}
