/// The tables of a central index, in the schema `norma` of a PostgreSQL database. They are the tables of `cases.sqlite`
/// with an additional column for the report of each row.
///
/// A released version is never edited. Changes are added as a new version after it.
package enum CentralSchema {
  /// The version that this norma makes.
  static var version: Int { upgrades.count + 1 }

  /// The changes after version 1, in their order: the first makes version 2.
  package static let upgrades = [stoppedRuns, peaks, absences, nothingToScore, twoScores]

  struct Table {
    let name: String
    /// Columns of the primary key, besides the report.
    let key: [String]
    /// Columns that must be equal in an old and a new row for both to be the same row. An old row without such a new
    /// row is deleted and not updated, even if a new row has its key.
    let identity: [String]
  }

  /// All tables. A table comes after the tables that its rows refer to.
  static let tables = [
    Table(name: "runs", key: ["id"], identity: ["id"]),
    // Ids are assigned anew when shards are merged, so a case is identified by its name too.
    Table(name: "cases", key: ["id"], identity: ["id", "name"]),
    Table(name: "scans", key: ["id"], identity: ["id", "case_id", "name"]),
    Table(name: "regions", key: ["scan_id", "rank"], identity: ["scan_id", "rank"]),
    Table(name: "scan_metadata", key: ["scan_id", "name"], identity: ["scan_id", "name"]),
    Table(name: "reviews", key: ["case_name"], identity: ["case_name"]),
  ]

  /// Version 2: runs that were stopped.
  private static let stoppedRuns = """
    ALTER TABLE runs DROP CONSTRAINT runs_status_check,
      ADD CONSTRAINT runs_status_check CHECK (status IN ('running', 'done', 'failed', 'stopped'));
    UPDATE schema_version SET version = 2;
    """

  /// Version 3: pixels of peaks. Views are replaced and not dropped, so that rights to the views and objects that
  /// others built on them stay. A replaced view can gain columns only at its end.
  private static let peaks = """
    ALTER TABLE scans ADD COLUMN IF NOT EXISTS downsample_y double precision;
    ALTER TABLE regions ADD COLUMN IF NOT EXISTS peak_x integer, ADD COLUMN IF NOT EXISTS peak_y integer;

    \(regionOverview())

    \(largestRegions())

    UPDATE schema_version SET version = 3;
    """

  /// Version 4: cases that left the study.
  private static let absences = """
    ALTER TABLE cases ADD COLUMN IF NOT EXISTS in_study boolean NOT NULL DEFAULT true;

    CREATE OR REPLACE VIEW flagged_cases AS
      SELECT report, id, name, score, p_value, scan_count, region_count, report_path
      FROM cases WHERE flagged AND in_study ORDER BY score DESC NULLS LAST, name COLLATE "C";

    \(caseOverview(appending: ", cases.in_study"))

    \(regionOverview(appending: ", cases.in_study"))

    \(largestRegions(where: "\n  WHERE cases.in_study"))

    CREATE OR REPLACE VIEW failed_scans AS
      SELECT scans.report, scans.case_id, cases.name AS case_name, scans.name AS scan, scans.path, scans.page,
        scans.error
      FROM scans JOIN cases ON cases.report = scans.report AND cases.id = scans.case_id
      WHERE scans.status = 'failed' AND cases.in_study ORDER BY cases.name COLLATE "C", scans.id;

    CREATE OR REPLACE VIEW reviewed_cases AS
      SELECT report, name, verdict, note, reviewed_at, reviewer, score, judged_score, p_value, flagged,
        judged_model_sha256 IS NOT DISTINCT FROM model_sha256 AS same_model, report_path, in_study
      FROM case_overview WHERE reviewed ORDER BY score DESC NULLS LAST, name COLLATE "C";

    UPDATE schema_version SET version = 4;
    """

  /// Version 5: scans and cases in which there is nothing to score; cases that were not examined have no verdict.
  private static let nothingToScore = """
    ALTER TABLE cases DROP CONSTRAINT cases_status_check,
      ADD CONSTRAINT cases_status_check CHECK (status IN ('done', 'failed', 'empty')),
      ALTER flagged DROP NOT NULL, ALTER region_count DROP NOT NULL,
      ADD COLUMN IF NOT EXISTS empty_scan_count integer NOT NULL DEFAULT 0;
    ALTER TABLE scans DROP CONSTRAINT scans_status_check,
      ADD CONSTRAINT scans_status_check CHECK (status IN ('done', 'failed', 'empty'));

    \(caseOverview(appending: ", cases.in_study, cases.empty_scan_count"))

    \(regionOverview(appending: ", cases.in_study, cases.empty_scan_count"))

    UPDATE schema_version SET version = 5;
    """

  /// Version 6: the two scores of a case.
  private static let twoScores = """
    ALTER TABLE cases ADD COLUMN IF NOT EXISTS worst_place_score double precision,
      ADD COLUMN IF NOT EXISTS whole_score double precision;
    ALTER TABLE scans ADD COLUMN IF NOT EXISTS whole_score double precision;

    \(caseOverview(appending: ", cases.in_study, cases.empty_scan_count, cases.worst_place_score, cases.whole_score"))

    \(regionOverview(appending: ", cases.in_study, cases.empty_scan_count, cases.worst_place_score, cases.whole_score"))

    UPDATE schema_version SET version = 6;
    """

  // MARK: - Views that versions extend

  /// - Parameter appended: further columns, each after a comma.
  private static func caseOverview(appending appended: String) -> String {
    """
    CREATE OR REPLACE VIEW case_overview AS
      SELECT cases.report, cases.id, cases.run_id, cases.name, cases.status, cases.score, cases.p_value, cases.flagged,
        cases.scan_count, cases.failed_scan_count, cases.region_count,
        (SELECT max(area_px) FROM scans JOIN regions ON regions.report = scans.report AND scan_id = scans.id
          WHERE scans.report = cases.report AND case_id = cases.id) AS region_area_px,
        (SELECT max(area_mm2) FROM scans JOIN regions ON regions.report = scans.report AND scan_id = scans.id
          WHERE scans.report = cases.report AND case_id = cases.id) AS region_area_mm2,
        (SELECT max(peak) FROM scans JOIN regions ON regions.report = scans.report AND scan_id = scans.id
          WHERE scans.report = cases.report AND case_id = cases.id) AS peak,
        cases.domain_shift_p, cases.domain_shift, cases.appearance,
        reviews.case_name IS NOT NULL AS reviewed, reviews.verdict, reviews.note, reviews.reviewed_at,
        reviews.reviewer, reviews.score AS judged_score, reviews.model_sha256 AS judged_model_sha256,
        cases.report_path, cases.model_sha256, cases.scoring\(appended)
      FROM cases LEFT JOIN reviews ON reviews.report = cases.report AND reviews.case_name = cases.name;
    """
  }

  /// - Parameter appended: further columns, each after a comma.
  private static func regionOverview(appending appended: String = "") -> String {
    """
    CREATE OR REPLACE VIEW region_overview AS
      SELECT cases.report, cases.id AS case_id, cases.name AS case_name, scans.id AS scan_id, scans.name AS scan,
        scans.path, scans.page, regions.rank, regions.x, regions.y, regions.width, regions.height, regions.area_px,
        regions.area_mm2, regions.peak, regions.mean, regions.p_value, regions.q_value,
        scans.score AS scan_score, scans.p_value AS scan_p_value, scans.sha256, scans.width AS scan_width,
        scans.height AS scan_height, scans.channels, scans.micrometers_per_pixel, scans.missing_share,
        scans.downsample, scans.heatmap_path,
        cases.run_id, cases.status, cases.score, cases.p_value AS case_p_value, cases.flagged, cases.scan_count,
        cases.failed_scan_count, cases.region_count, cases.region_area_px, cases.region_area_mm2,
        cases.peak AS case_peak, cases.domain_shift_p, cases.domain_shift, cases.appearance, cases.reviewed,
        cases.verdict, cases.note, cases.reviewed_at, cases.reviewer, cases.judged_score,
        cases.judged_model_sha256, cases.report_path, cases.model_sha256, cases.scoring,
        regions.peak_x, regions.peak_y\(appended)
      FROM regions
        JOIN scans ON scans.report = regions.report AND scans.id = regions.scan_id
        JOIN case_overview AS cases ON cases.report = scans.report AND cases.id = scans.case_id;
    """
  }

  /// - Parameter condition: a line that chooses cases; empty for all.
  private static func largestRegions(where condition: String = "") -> String {
    """
    CREATE OR REPLACE VIEW largest_regions AS
      SELECT cases.report, cases.id AS case_id, cases.name AS case_name, largest.scan, largest.path, largest.page,
        largest.rank, largest.x, largest.y, largest.width, largest.height, largest.area_px, largest.area_mm2,
        largest.peak, largest.p_value, largest.q_value, largest.peak_x, largest.peak_y
      FROM cases
        CROSS JOIN LATERAL (
          SELECT scans.name AS scan, scans.path, scans.page, regions.*
          FROM scans JOIN regions ON regions.report = scans.report AND regions.scan_id = scans.id
          WHERE scans.report = cases.report AND scans.case_id = cases.id
          ORDER BY area_mm2 DESC NULLS LAST, area_px DESC, peak DESC, scan_id, rank LIMIT 1) AS largest\(condition)
      ORDER BY largest.area_mm2 DESC NULLS LAST, largest.area_px DESC, cases.name COLLATE "C";
    """
  }

  /// Version 1: the tables and views.
  package static let tablesAndViews = """
    CREATE TABLE schema_version (version integer NOT NULL);
    INSERT INTO schema_version VALUES (1);

    CREATE TABLE reports (
      id uuid PRIMARY KEY,
      title text NOT NULL,
      study_path text NOT NULL,
      path text NOT NULL,
      loaded_at timestamptz NOT NULL
    );

    CREATE TABLE runs (
      report uuid NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
      id bigint NOT NULL,
      started_at timestamptz NOT NULL,
      finished_at timestamptz,
      status text NOT NULL CHECK (status IN ('running', 'done', 'failed')),
      tool_version text NOT NULL,
      model_sha256 text NOT NULL,
      configuration jsonb NOT NULL,
      study_path text NOT NULL,
      domain_shift text,
      PRIMARY KEY (report, id)
    );

    CREATE TABLE cases (
      report uuid NOT NULL,
      id bigint NOT NULL,
      run_id bigint NOT NULL,
      name text NOT NULL,
      status text NOT NULL CHECK (status IN ('done', 'failed')),
      score double precision,
      p_value double precision,
      flagged boolean NOT NULL,
      scan_count integer NOT NULL,
      failed_scan_count integer NOT NULL,
      region_count integer NOT NULL,
      report_path text NOT NULL,
      model_sha256 text NOT NULL,
      scoring text NOT NULL,
      domain_shift_p double precision,
      domain_shift text,
      appearance jsonb,
      PRIMARY KEY (report, id),
      UNIQUE (report, name),
      FOREIGN KEY (report, run_id) REFERENCES runs (report, id) ON DELETE CASCADE
    );
    CREATE INDEX cases_by_score ON cases (score DESC NULLS LAST);
    CREATE INDEX cases_by_p_value ON cases (p_value);

    CREATE TABLE scans (
      report uuid NOT NULL,
      id bigint NOT NULL,
      case_id bigint NOT NULL,
      name text NOT NULL,
      path text NOT NULL,
      page integer,
      sha256 text,
      width integer,
      height integer,
      channels integer,
      micrometers_per_pixel double precision,
      micrometers_per_pixel_y double precision,
      status text NOT NULL CHECK (status IN ('done', 'failed')),
      error text,
      score double precision,
      p_value double precision,
      heatmap_path text,
      missing_share double precision,
      downsample double precision,
      heatmap_sha256 text,
      PRIMARY KEY (report, id),
      UNIQUE (report, case_id, name),
      FOREIGN KEY (report, case_id) REFERENCES cases (report, id) ON DELETE CASCADE
    );
    CREATE INDEX scans_that_failed ON scans (report, case_id) WHERE status = 'failed';

    CREATE TABLE regions (
      report uuid NOT NULL,
      scan_id bigint NOT NULL,
      rank integer NOT NULL,
      x integer NOT NULL,
      y integer NOT NULL,
      width integer NOT NULL,
      height integer NOT NULL,
      area_px bigint NOT NULL,
      area_mm2 double precision,
      peak double precision NOT NULL,
      mean double precision NOT NULL,
      p_value double precision,
      q_value double precision,
      PRIMARY KEY (report, scan_id, rank),
      FOREIGN KEY (report, scan_id) REFERENCES scans (report, id) ON DELETE CASCADE
    );
    CREATE INDEX regions_by_peak ON regions (peak DESC);

    CREATE TABLE scan_metadata (
      report uuid NOT NULL,
      scan_id bigint NOT NULL,
      name text NOT NULL,
      value text NOT NULL,
      PRIMARY KEY (report, scan_id, name),
      FOREIGN KEY (report, scan_id) REFERENCES scans (report, id) ON DELETE CASCADE
    );

    CREATE TABLE reviews (
      report uuid NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
      case_name text NOT NULL,
      verdict text NOT NULL CHECK (verdict IN ('agree', 'disagree', 'unsure')),
      note text NOT NULL,
      reviewed_at timestamptz NOT NULL,
      reviewer text,
      model_sha256 text,
      score double precision,
      PRIMARY KEY (report, case_name)
    );

    CREATE VIEW flagged_cases AS
      SELECT report, id, name, score, p_value, scan_count, region_count, report_path
      FROM cases WHERE flagged ORDER BY score DESC NULLS LAST, name COLLATE "C";

    CREATE VIEW case_overview AS
      SELECT cases.report, cases.id, cases.run_id, cases.name, cases.status, cases.score, cases.p_value, cases.flagged,
        cases.scan_count, cases.failed_scan_count, cases.region_count,
        (SELECT max(area_px) FROM scans JOIN regions ON regions.report = scans.report AND scan_id = scans.id
          WHERE scans.report = cases.report AND case_id = cases.id) AS region_area_px,
        (SELECT max(area_mm2) FROM scans JOIN regions ON regions.report = scans.report AND scan_id = scans.id
          WHERE scans.report = cases.report AND case_id = cases.id) AS region_area_mm2,
        (SELECT max(peak) FROM scans JOIN regions ON regions.report = scans.report AND scan_id = scans.id
          WHERE scans.report = cases.report AND case_id = cases.id) AS peak,
        cases.domain_shift_p, cases.domain_shift, cases.appearance,
        reviews.case_name IS NOT NULL AS reviewed, reviews.verdict, reviews.note, reviews.reviewed_at,
        reviews.reviewer, reviews.score AS judged_score, reviews.model_sha256 AS judged_model_sha256,
        cases.report_path, cases.model_sha256, cases.scoring
      FROM cases LEFT JOIN reviews ON reviews.report = cases.report AND reviews.case_name = cases.name;

    CREATE VIEW region_overview AS
      SELECT cases.report, cases.id AS case_id, cases.name AS case_name, scans.id AS scan_id, scans.name AS scan,
        scans.path, scans.page, regions.rank, regions.x, regions.y, regions.width, regions.height, regions.area_px,
        regions.area_mm2, regions.peak, regions.mean, regions.p_value, regions.q_value,
        scans.score AS scan_score, scans.p_value AS scan_p_value, scans.sha256, scans.width AS scan_width,
        scans.height AS scan_height, scans.channels, scans.micrometers_per_pixel, scans.missing_share,
        scans.downsample, scans.heatmap_path,
        cases.run_id, cases.status, cases.score, cases.p_value AS case_p_value, cases.flagged, cases.scan_count,
        cases.failed_scan_count, cases.region_count, cases.region_area_px, cases.region_area_mm2,
        cases.peak AS case_peak, cases.domain_shift_p, cases.domain_shift, cases.appearance, cases.reviewed,
        cases.verdict, cases.note, cases.reviewed_at, cases.reviewer, cases.judged_score,
        cases.judged_model_sha256, cases.report_path, cases.model_sha256, cases.scoring
      FROM regions
        JOIN scans ON scans.report = regions.report AND scans.id = regions.scan_id
        JOIN case_overview AS cases ON cases.report = scans.report AND cases.id = scans.case_id;

    CREATE VIEW largest_regions AS
      SELECT cases.report, cases.id AS case_id, cases.name AS case_name, largest.scan, largest.path, largest.page,
        largest.rank, largest.x, largest.y, largest.width, largest.height, largest.area_px, largest.area_mm2,
        largest.peak, largest.p_value, largest.q_value
      FROM cases
        CROSS JOIN LATERAL (
          SELECT scans.name AS scan, scans.path, scans.page, regions.*
          FROM scans JOIN regions ON regions.report = scans.report AND regions.scan_id = scans.id
          WHERE scans.report = cases.report AND scans.case_id = cases.id
          ORDER BY area_mm2 DESC NULLS LAST, area_px DESC, peak DESC, scan_id, rank LIMIT 1) AS largest
      ORDER BY largest.area_mm2 DESC NULLS LAST, largest.area_px DESC, cases.name COLLATE "C";

    CREATE VIEW failed_scans AS
      SELECT scans.report, scans.case_id, cases.name AS case_name, scans.name AS scan, scans.path, scans.page,
        scans.error
      FROM scans JOIN cases ON cases.report = scans.report AND cases.id = scans.case_id
      WHERE scans.status = 'failed' ORDER BY cases.name COLLATE "C", scans.id;

    CREATE VIEW reviewed_cases AS
      SELECT report, name, verdict, note, reviewed_at, reviewer, score, judged_score, p_value, flagged,
        judged_model_sha256 IS NOT DISTINCT FROM model_sha256 AS same_model, report_path
      FROM case_overview WHERE reviewed ORDER BY score DESC NULLS LAST, name COLLATE "C";
    """
}
