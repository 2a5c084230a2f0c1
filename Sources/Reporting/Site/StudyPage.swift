import Files
import Foundation

/// The page of the whole study: verdict, failures, warnings, the ranked cases and provenance.
///
/// The whole page comes from the index and the run's context, so it can be made again without the scans.
struct StudyPage {
  private let content: Content

  private struct Content: Sendable {
    let title: String
    let model: String
    let verdict: String
    let chance: String
    let calibration: String
    let ignorance: Ignorance?
    let domainShift: String?
    let warnings: [String]
    let failures: [Failure]
    let failureTitle: String
    /// Scans in which there is nothing to score.
    let blanks: [Failure]
    let blankTitle: String
    let rows: [Line]
    /// Cases that left the study.
    let absent: [Line]
    let absentTitle: String
    let plot: ScorePlot?
    /// Says how many cases have no mark in the plot.
    let unmarked: String?
    let bar: ColorBar
    /// Whether scores of cases also count how unusual their scans are as a whole.
    let isWhole: Bool
    let provenance: [StudyContext.Fact]
    let style = ReportFolder.style
    let script = ReportFolder.script
  }

  private struct Failure: Sendable {
    let name: String
    let link: String
    /// Path of the scan; `nil` if the reason names it already.
    let path: String?
    let reason: String
  }

  /// A row of the table. The page's script sorts by the raw numbers.
  private struct Line: Sendable {
    let name: String
    let link: String
    let thumbnail: String?
    let verdict: String
    /// Why the regions and the verdict differ.
    let difference: String?
    let flagged: Bool
    let failed: Bool
    let score: String
    let rawScore: String
    let pValue: String
    let rawP: String
    let regions: String
    let rawRegions: String
    let scans: String
    let region: String?
    let rawRegion: String
    let status: String
    /// The reviewer's verdict in the index.
    let review: String?
  }

  /// The largest number of cases, and of scans that could not be scored, on the page. Browsers cannot handle more.
  private static let mostRows = 20_000

  /// - Parameter standing: sentences on whether the results are those of one complete run, see `ReportStanding`.
  init(
    _ index: CaseIndex, context: StudyContext, standing: [String], folder: ReportFolder
  ) throws(NormaError) {
    let cases = try index.cases(limit: Self.mostRows)
    let counts = try index.counts(falsePositiveRate: context.falsePositiveRate)
    let worst = try index.worstFindings(ofWorst: Self.mostRows)
    let failures = try index.scans(.failed, limit: Self.mostRows)
    let empty = try index.scans(.empty, limit: Self.mostRows)
    let reviews = try index.reviews()
    let absent = try index.cases(inStudy: false, sort: .name, limit: Self.mostRows)
    content = Content(
      title: context.title, model: context.modelSHA256 ?? "",
      verdict: VerdictText.headline(counts, rate: context.falsePositiveRate),
      chance: Self.chance(context.falsePositiveRate),
      calibration: [Self.calibration(context.calibrationScores.count), context.rateNote].joined(separator: " "),
      ignorance: Ignorance(context.ignorance), domainShift: context.domainShift,
      warnings: standing.filter { !context.warnings.contains($0) } + context.warnings + Self.omissions(counts),
      failures: failures.map { Self.failure($0.scan, ofCase: $0.caseName, folder: folder) },
      failureTitle: "\(Count.of(counts.failedScans, "scan")) could not be scored",
      blanks: empty.map { Self.failure($0.scan, ofCase: $0.caseName, folder: folder) },
      blankTitle: "Nothing to score in \(Count.of(counts.emptyScans, "scan"))",
      rows: cases.map {
        Self.line($0, worst: worst[$0.id], review: reviews[$0.name], context: context, folder: folder)
      },
      absent: absent.map { Self.line($0, worst: nil, review: reviews[$0.name], context: context, folder: folder) },
      absentTitle: "\(Count.of(absent.count, "case")) no longer in the study",
      plot: ScorePlot(cases, context: context),
      unmarked: counts.unexaminedCases == 0
        ? nil : "Cases that were not examined have no mark: \(counts.unexaminedCases).",
      bar: ColorBar(HeatScale(threshold: context.threshold, reach: context.heatReach)),
      isWhole: cases.contains { $0.wholeScore != nil },
      provenance: context.facts)
  }

  var data: Data { PageTemplate.study.page(content) }

  /// Sentences that say what the page leaves out.
  private static func omissions(_ counts: StudyCounts) -> [String] {
    var sentences: [String] = []
    if counts.cases > mostRows {
      sentences.append(
        "This page shows the \(mostRows) of \(Count.of(counts.cases, "case")) with the highest scores; norma cases lists "
          + "all.")
    }
    if counts.emptyScans > mostRows {
      sentences.append(
        "This page names \(mostRows) of \(Count.of(counts.emptyScans, "scan")) with nothing to score; the table scans of "
          + "cases.sqlite has all.")
    }
    if counts.failedScans > mostRows {
      sentences.append(
        "This page names \(mostRows) of \(Count.of(counts.failedScans, "scan")) that could not be scored; the view "
          + "failed_scans of cases.sqlite has all.")
    }
    return sentences
  }

  private static func failure(_ scan: ScanRow, ofCase name: String, folder: ReportFolder) -> Failure {
    let reason = scan.error ?? ""
    return Failure(
      name: name, link: link(folder.page(ofCase: name)), path: reason.contains(scan.path) ? nil : scan.path,
      reason: reason)
  }

  private static func line(
    _ row: CaseRow, worst: WorstFinding?, review: Review?, context: StudyContext, folder: ReportFolder
  ) -> Line {
    let thumbnail = worst.map { folder.picture(.thumbnail, ofScan: $0.scan, inCase: row.name) }
    var region: String?
    if let found = worst?.region {
      let area = PageText.area(pixels: found.areaPixels, squareMillimeters: found.areaSquareMillimeters)
      region = "\(area), peak z \(PageText.number(found.peak, digits: 1))"
    }
    return Line(
      name: row.name, link: link(row.reportPath), thumbnail: thumbnail.map(link),
      verdict: VerdictText.verdict(onCase: row, healthy: context.calibrationScores),
      difference: VerdictText.difference(onCase: row, context: context), flagged: row.flagged,
      failed: row.failedScanCount > 0 || row.status != .done,
      score: row.score.map { PageText.number($0) } ?? "–", rawScore: row.score.map { "\($0)" } ?? "",
      pValue: row.pValue.map(PageText.pValue) ?? "–", rawP: row.pValue.map { "\($0)" } ?? "",
      regions: row.status == .done ? "\(row.regionCount)" : "–",
      rawRegions: row.status == .done ? "\(row.regionCount)" : "",
      scans: Count.of(row.scanCount, "scan"), region: region,
      rawRegion: worst?.region.map { "\($0.peak)" } ?? "", status: status(row), review: review?.verdict.rawValue)
  }

  private static func status(_ row: CaseRow) -> String {
    if row.failedScanCount == 0 || row.status != .done { return row.status.rawValue }
    return "\(row.status.rawValue), \(row.failedScanCount) of \(row.scanCount) failed"
  }

  private static func link(_ target: String) -> String {
    ReportFolder.link(from: ReportFolder.studyPage, to: target)
  }

  private static func chance(_ rate: Double) -> String {
    guard rate > 0 else { return "" }
    let cases = (1 / rate).rounded()
    return "At this rate about one healthy case in \(Int(min(cases, 1e9))) is flagged by chance."
  }

  private static func calibration(_ count: Int) -> String {
    count == 0 ? "" : "p-values of cases come from \(Count.of(count, "healthy case"))."
  }
}
