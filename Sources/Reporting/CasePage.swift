import Anomaly
import Foundation

/// The page of a case: verdict, and for every scan its pictures and regions.
///
/// Like the study page it is made from the index alone.
struct CasePage {
  private let content: Content

  private struct Content: Sendable {
    let name: String
    let study: String
    let home: String
    let verdict: String
    let flagged: Bool
    let domainShift: String?
    let facts: [StudyContext.Fact]
    let failures: [Section]
    let strip: [Section]?
    let worst: Section?
    let scans: [Section]
    let bar: ColorBar
    let style: String
    let script: String
  }

  private struct Section: Sendable {
    let anchor: String
    let name: String
    let score: String
    let verdict: String
    let flagged: Bool
    let reason: String?
    let width: Int
    let height: Int
    /// Shown larger than it is: the browser must not blur what the model did not.
    let isSmall: Bool
    let size: String
    /// How many channels are shown apart; the grid puts a channel's reconstruction below it.
    let channels: Int
    let panels: [Panel]
    let overlay: Overlay?
    let regions: [Line]
    let regionTitle: String
    let thumbnail: String
  }

  private struct Panel: Sendable {
    let title: String
    let caption: String
    let picture: String
    let alt: String
    let ruler: ScaleBar?
  }

  private struct Overlay: Sendable {
    let base: String
    let heat: String
    let picture: String
    let heatmap: String
    let alt: String
  }

  private struct Line: Sendable {
    let id: String
    let rank: Int
    let x: Int
    let y: Int
    let width: Int
    let height: Int
    let labelX: Int
    let labelY: Int
    let labelSize: Int
    let position: String
    let area: String
    let peak: String
    let mean: String
    let pValue: String
    let qValue: String
  }

  init(_ record: CaseRecord, context: StudyContext, folder: ReportFolder) {
    let row = record.row
    let sections = record.scans.enumerated().map { number, scan in
      let maker = SectionMaker(row: row, scan: scan.row, number: number + 1, context: context, folder: folder)
      return (scan: scan.row, section: maker.section(scan.regions))
    }
    let scored = sections.filter { $0.scan.score != nil }
    let worst = scored.max { ($0.scan.score ?? 0) < ($1.scan.score ?? 0) }?.section
    content = Content(
      name: row.name, study: context.title, home: Self.link(row, to: ReportFolder.studyPage),
      verdict: PageText.verdict(onCase: row), flagged: row.flagged,
      domainShift: row.domainShift, facts: Self.facts(row),
      failures: sections.map(\.section).filter { $0.reason != nil },
      strip: scored.count > 1 ? scored.map(\.section) : nil, worst: scored.count > 1 ? worst : nil,
      scans: scored.map(\.section), bar: ColorBar(HeatScale(threshold: context.threshold)),
      style: Self.link(row, to: ReportFolder.style), script: Self.link(row, to: ReportFolder.script))
  }

  var data: Data { PageTemplate.case.page(content) }

  private static func link(_ row: CaseRow, to target: String) -> String {
    ReportFolder.link(from: row.reportPath, to: target)
  }

  private static func facts(_ row: CaseRow) -> [StudyContext.Fact] {
    [
      .init("Score", row.score.map { PageText.number($0) } ?? "–"),
      .init("p-value", row.pValue.map(PageText.pValue) ?? "–"),
      .init("Regions", "\(row.regionCount)"),
      .init("Scans", row.failedScanCount == 0 ? "\(row.scanCount)" : "\(row.scanCount), \(row.failedScanCount) failed"),
    ]
  }

  /// Words and addresses of one scan.
  private struct SectionMaker {
    let row: CaseRow
    let scan: ScanRow
    let number: Int
    let context: StudyContext
    let folder: ReportFolder

    func section(_ regions: [Region]) -> Section {
      let flagged = (scan.pValue ?? 1) <= context.falsePositiveRate
      let (width, height) = (scan.width ?? 0, scan.height ?? 0)
      return Section(
        anchor: "scan-\(number)", name: scan.name, score: scan.score.map { PageText.number($0) } ?? "–",
        verdict: scan.pValue.map { PageText.verdict(flagged: flagged, pValue: $0, among: "scans") } ?? "",
        flagged: flagged, reason: scan.status == .failed ? scan.error ?? "" : nil, width: width, height: height,
        isSmall: max(width, height) <= 256, size: size, channels: channels,
        panels: scan.status == .done ? panels : [], overlay: scan.status == .done ? overlay : nil,
        regions: regions.map(line),
        regionTitle: regions.isEmpty
          ? "No region above the threshold" : "\(PageText.count(regions.count, "region")) above the threshold",
        thumbnail: link(.thumbnail))
    }

    private var size: String {
      let pixels = "\(scan.width ?? 0) × \(scan.height ?? 0) px"
      guard let x = scan.micrometersPerPixel else { return "\(pixels), pixel size unknown" }
      let y = scan.micrometersPerPixelY ?? x
      let edge = x == y ? PageText.length(x) : "\(PageText.length(x)) × \(PageText.length(y))"
      return "\(pixels), \(edge) µm per pixel"
    }

    private var channels: Int { ScanPictures.channelPanels(scan.channels ?? 1, context.display) }

    private var panels: [Panel] {
      let ruler = ScaleBar(
        width: scan.width ?? 0, height: scan.height ?? 0, micrometersPerPixel: scan.micrometersPerPixel)
      func shown(_ picture: PictureName, _ title: String) -> Panel {
        panel(picture, title, "As scored, after normalization.", ruler: ruler)
      }
      func expected(_ picture: PictureName, _ title: String) -> Panel {
        panel(picture, title, "What the model makes of it. Look for what is missing here.", ruler: nil)
      }
      let difference = panel(
        .difference, "Difference",
        "Scan less expectation. Lighter: brighter than expected; darker: darker than expected. Black: no tissue, not scored.",
        ruler: nil)
      let residual = panel(
        .residual, "Reconstruction error",
        "The difference alone in calibrated z: what the model could not reconstruct, before anything is learned from it.",
        ruler: nil)
      if channels == 0 {
        return [shown(.scan, "Scan"), expected(.reconstruction, "Expected if healthy"), difference, residual]
      }
      // Heatmap and channels fill a row; the difference and the expected channels lie below them.
      return (1...channels).map { shown(.channel($0), "Scan, channel \($0)") } + [difference, residual]
        + (1...channels).map { expected(.reconstructedChannel($0), "Expected if healthy, channel \($0)") }
    }

    private func panel(_ picture: PictureName, _ title: String, _ caption: String, ruler: ScaleBar?) -> Panel {
      Panel(title: title, caption: caption, picture: link(picture), alt: "\(title): \(scan.name)", ruler: ruler)
    }

    private var overlay: Overlay {
      Overlay(
        base: link(.scan), heat: link(.heatmap), picture: link(.overlay),
        heatmap: ReportFolder.link(from: row.reportPath, to: folder.heatmap(ofScan: scan.name, inCase: row.name)),
        alt: "Anomaly heatmap over \(scan.name)")
    }

    private func line(_ region: Region) -> Line {
      let side = max(scan.width ?? 0, scan.height ?? 0)
      let text = max(4, side / 22)
      return Line(
        id: "scan-\(number)-region-\(region.rank)", rank: region.rank, x: region.x, y: region.y,
        width: region.width, height: region.height, labelX: region.x + region.width + text / 4,
        labelY: max(region.y + text / 2, text), labelSize: text,
        position: "x \(region.x)–\(region.x + region.width - 1), y \(region.y)–\(region.y + region.height - 1)",
        area: PageText.area(pixels: region.areaPixels, squareMillimeters: region.areaSquareMillimeters),
        peak: PageText.number(region.peak, digits: 1), mean: PageText.number(region.mean, digits: 1),
        pValue: region.pValue.map(PageText.pValue) ?? "–", qValue: region.qValue.map(PageText.pValue) ?? "–")
    }

    private func link(_ picture: PictureName) -> String {
      ReportFolder.link(
        from: row.reportPath, to: folder.picture(picture, ofScan: scan.name, inCase: row.name))
    }
  }
}
