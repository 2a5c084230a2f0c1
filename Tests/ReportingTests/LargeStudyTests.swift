import Foundation
import GRDB
import Reporting
import Testing

@Test func `a page of more cases than a browser takes shows the worst and says what it leaves out`() throws {
  let folder = try TemporaryFolder()
  var report = try SampleStudy.report(in: folder)
  try DatabaseQueue(path: report.folder.index).write { database in
    try database.execute(
      sql: """
        WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 20010)
        INSERT INTO cases (run_id, name, status, score, flagged, scan_count, failed_scan_count, region_count,
          report_path, model_sha256, scoring)
        SELECT 1, 'case' || n, 'done', n, 0, 1, 0, 0, 'cases/case' || n || '/index.html', '', '' FROM numbers
        """)
  }
  try report.finish(report.context)
  let page = try SampleStudy.text(report, "index.html")
  #expect(page.contains("This page shows the 20000 of 20010 cases with the highest scores; norma cases lists all."))
  #expect(page.contains("cases/case20010/index.html") && page.contains("cases/case11/index.html"))
  #expect(!page.contains("cases/case10/index.html"))
}
