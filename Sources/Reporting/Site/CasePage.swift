import Anomaly
import Files
import Foundation

/// The page of a case: its verdict, and the pictures and regions of every scan.
///
/// Like the study page, it is made from the index alone. With JavaScript it shows one scan at a time, and the reader
/// can zoom and move from scan to scan. Without JavaScript it shows all scans below each other.
struct CasePage {
  private let content: Content

  private struct Content: Sendable {
    let name: String
    let study: String
    let home: String
    let model: String
    let score: String
    let verdict: String
    let flagged: Bool
    /// Why the regions and the verdict differ.
    let difference: String?
    let ignorance: Ignorance?
    let domainShift: String?
    let isAbsent: Bool
    let facts: [StudyContext.Fact]
    let review: ReviewWords?
    let failures: [ScanSection]
    /// Scans in which there is nothing to score.
    let blanks: [ScanSection]
    let blankTitle: String
    let stack: Stack?
    let hasScans: Bool
    let scans: [ScanSection]
    let views: [ChannelViews.View]
    /// Whether the large picture can be shown in color.
    let isColored: Bool
    let bar: ColorBar
    let palette: String
    /// The heat level at the threshold.
    let firstLevel = HeatLevels.atThreshold
    let style: String
    let script: String
  }

  /// The text of the review in the index.
  private struct ReviewWords: Sendable {
    let verdict: String
    let note: String
    /// Reviewer, if known, date and, if it is not that of the case, the score that was judged: `by Ada, 2026-11-25`.
    let origin: String

    /// - Parameter score: the score that the case has now.
    init(_ review: Review, score: Double?) {
      verdict = review.verdict.rawValue
      note = review.note
      let judged = review.score.flatMap { $0 == score ? nil : "; it judged a score of \(PageText.number($0))" } ?? ""
      origin = (review.reviewer.map { "by \($0), " } ?? "") + review.reviewedAt.prefix(10) + judged
    }
  }

  /// An overview of the scans of a case.
  private struct Stack: Sendable {
    let worst: ScanSection
    let bars: [StackPlot.Bar]
    let scans: [ScanSection]
  }

  init(_ record: CaseRecord, context: StudyContext, folder: ReportFolder) {
    let row = record.row
    let scans = record.scans.sorted { Self.isBefore($0.row.name, $1.row.name) }
    let highest = scans.compactMap(\.row.score).max()
    let sections = scans.enumerated().map { number, scan in
      (
        scan: scan.row,
        section: ScanSection(
          scan.row, scan.regions, metadata: record.metadata[scan.row.id] ?? [:], number: number + 1,
          isHighest: scan.row.score == highest, of: row, context: context, folder: folder)
      )
    }
    let scored = sections.filter { $0.scan.score != nil }
    let worst = scored.max { ($0.scan.score ?? 0) < ($1.scan.score ?? 0) }?.section
    let scale = HeatScale(threshold: context.threshold, reach: context.heatReach)
    content = Content(
      name: row.name, study: context.title, home: Self.link(row, to: ReportFolder.studyPage),
      model: context.modelSHA256 ?? "", score: row.score.map { "\($0)" } ?? "",
      verdict: VerdictText.verdict(onCase: row, healthy: context.calibrationScores), flagged: row.flagged,
      difference: VerdictText.difference(onCase: row, context: context), ignorance: Ignorance(context.ignorance),
      domainShift: row.domainShift, isAbsent: !row.isInStudy,
      facts: Self.facts(row, highest: scored.compactMap(\.scan.score).max()),
      review: record.review.map { ReviewWords($0, score: record.row.score) },
      failures: sections.filter { $0.scan.status == .failed }.map(\.section),
      blanks: sections.filter { $0.scan.status == .empty }.map(\.section),
      blankTitle: Count.of(row.emptyScanCount, "scan"),
      stack: scored.count < 2
        ? nil
        : worst.map {
          Stack(
            worst: $0,
            bars: StackPlot.bars(
              scored.map { (score: $0.scan.score ?? 0, name: $0.section.name, isFlagged: $0.section.flagged) },
              anchors: scored.map(\.section.anchor)), scans: scored.map(\.section))
        },
      hasScans: !scored.isEmpty, scans: scored.map(\.section),
      views: ChannelViews(
        channels: scored.first?.scan.channels ?? 1, context.display, emphasis: context.emphasis
      ).views, isColored: context.display == .color && scored.first?.scan.channels == 3, bar: ColorBar(scale),
      palette: HeatLevels.colors(scale),
      style: Self.link(row, to: ReportFolder.style), script: Self.link(row, to: ReportFolder.script))
  }

  var data: Data { PageTemplate.case.page(content) }

  /// Orders scans by the numbers in their names, as the scanner does: slice 9 comes before slice 10.
  private static func isBefore(_ a: String, _ b: String) -> Bool {
    switch a.compare(b, options: [.numeric, .caseInsensitive]) {
    case .orderedAscending: true
    case .orderedDescending: false
    case .orderedSame: a < b
    }
  }

  private static func link(_ row: CaseRow, to target: String) -> String {
    ReportFolder.link(from: row.reportPath, to: target)
  }

  /// - Parameter highest: the highest score of the case's scans.
  private static func facts(_ row: CaseRow, highest: Double?) -> [StudyContext.Fact] {
    let scored = row.scanCount - row.failedScanCount - row.emptyScanCount
    var reason = ""
    if let score = row.worstPlaceScore, let highest, score < highest - 0.005 {
      reason = " (\(PageText.number(highest)) less what the highest of \(Count.of(scored, "scan")) has by chance)"
    }
    let score = row.score.map { PageText.number($0) }
    let scores: [StudyContext.Fact] =
      row.wholeScore.map { whole in
        [
          .init("Score", score ?? "–"),
          .init("Worst place", row.worstPlaceScore.map { PageText.number($0) + reason } ?? "–"),
          .init("Scans as a whole", PageText.number(whole)),
        ]
      } ?? [.init("Score", score.map { $0 + reason } ?? "–")]
    return scores + [
      .init("p-value", row.pValue.map(PageText.pValue) ?? "–"),
      .init("Regions", row.status == .done ? "\(row.regionCount)" : "–"), .init("Scans", VerdictText.scans(of: row)),
    ]
  }
}
