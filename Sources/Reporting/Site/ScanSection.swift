import Anomaly
import Files
import Foundation

/// The text and pictures of one scan on a case's page.
struct ScanSection: Sendable {
  let anchor: String
  let name: String
  let score: String
  /// How unusual the scan is as a whole; `nil` where the model cannot say.
  let whole: String?
  let verdict: String
  let flagged: Bool
  /// Why the scan was not scored; `nil` if it was.
  let reason: String?
  let width: Int
  let height: Int
  /// Whether the scan is shown enlarged. The browser must then not blur its pixels.
  let isSmall: Bool
  let size: String
  /// Micrometers per pixel along x, for the page's scale bar.
  let micrometers: String?
  /// Link to the picture of the scan as it is in the file, in color; `nil` if there is no such picture.
  let original: String?
  let base: String
  let expected: String
  let heat: String
  let heatmap: String
  let values: String
  /// `nil` if the scan has no tiles.
  let tiles: Tiles?
  let ruler: ScaleBar?
  let panels: [Panel]
  let regions: [Line]
  let regionTitle: String
  let thumbnail: String
  /// The file's text metadata, by tag.
  let metadata: [StudyContext.Fact]

  /// Deep Zoom tiles of a slide and of its heat.
  struct Tiles: Sendable {
    let scan: String
    let heatmap: String
    let presence: String
    /// Size of the largest level, which is the last.
    let columns: Int
    let rows: Int
    let levels: Int
  }

  struct Panel: Sendable {
    let title: String
    let caption: String
    let alt: String
    /// `difference` if the pictures are subtracted; otherwise the pictures are drawn over each other.
    let kind: String
    let pictures: [Layer]
    /// The panel's scale bar. It must not be named `ruler`: for a panel without one, the template would use the scan's.
    let ownRuler: ScaleBar?
  }

  struct Layer: Sendable {
    let picture: String
    /// The CSS classes: the view from `ChannelViews`, and `over` for a picture drawn over others.
    let view: String
  }

  struct Line: Sendable {
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

  /// - Parameters:
  ///   - number: place of the scan in its case, from 1.
  ///   - isHighest: whether no scan of the case has a higher score.
  init(
    _ scan: ScanRow, _ regions: [Region], metadata: [String: String], number: Int, isHighest: Bool, of row: CaseRow,
    context: StudyContext, folder: ReportFolder
  ) {
    let words = Words(row: row, scan: scan, number: number, context: context, folder: folder)
    anchor = "scan-\(number)"
    name = scan.name
    score = scan.score.map { PageText.number($0) } ?? "–"
    whole = scan.wholeScore.map { PageText.number($0) }
    let found = scan.pValue.map {
      VerdictText.verdict(onScan: $0, isHighest: isHighest, regions: regions.count, of: row, context: context)
    }
    flagged = found?.isFlagged ?? false
    verdict = found?.words ?? ""
    reason = scan.status == .done ? nil : scan.error ?? ""
    (width, height) = (scan.width ?? 0, scan.height ?? 0)
    isSmall = max(width, height) <= 256
    size = words.size
    micrometers = scan.micrometersPerPixel.map { String($0) }
    original = words.original
    base = words.link(.scan)
    expected = words.link(.reconstruction)
    heat = words.link(.heatmap)
    heatmap = words.link(to: folder.heatmap(ofScan: scan.name, inCase: row.name))
    values = words.link(to: folder.values(ofScan: scan.name, inCase: row.name))
    tiles = words.tiles
    ruler = words.ruler
    panels = scan.status == .done ? words.panels : []
    self.regions = regions.map(words.line)
    regionTitle =
      regions.isEmpty
      ? "No region above the threshold" : "\(Count.of(regions.count, "region")) above the threshold"
    thumbnail = words.link(.thumbnail)
    self.metadata = metadata.sorted { $0.key < $1.key }.map { .init($0.key, $0.value) }
  }

  /// Makes the text and links of the section.
  private struct Words {
    let row: CaseRow
    let scan: ScanRow
    let number: Int
    let context: StudyContext
    let folder: ReportFolder

    var size: String {
      let pixels = "\(scan.width ?? 0) × \(scan.height ?? 0) px"
      guard let x = scan.micrometersPerPixel else { return "\(pixels), pixel size unknown" }
      let y = scan.micrometersPerPixelY ?? x
      let edge = x == y ? PageText.length(x) : "\(PageText.length(x)) × \(PageText.length(y))"
      return "\(pixels), \(edge) µm per pixel"
    }

    var original: String? {
      let path = folder.picture(.original, ofScan: scan.name, inCase: row.name)
      return FileManager.default.fileExists(atPath: folder.file(path)) ? link(to: path) : nil
    }

    /// The scan's tiles if they are on the disk: users may delete them to free space.
    var tiles: Tiles? {
      let descriptions = TileLayer.allCases.map { folder.tiles($0, ofScan: scan.name, inCase: row.name) }
      guard scan.status == .done, let size = SlideTiles.size(inDescription: folder.file(descriptions[0])),
        FileManager.default.fileExists(atPath: folder.file(SlideTiles.folder(of: descriptions[1])))
      else { return nil }
      return Tiles(
        scan: link(to: SlideTiles.folder(of: descriptions[0])),
        heatmap: link(to: SlideTiles.folder(of: descriptions[1])),
        presence: link(to: folder.tilePresence(ofScan: scan.name, inCase: row.name)),
        columns: size.width, rows: size.height, levels: TileTree.levels(width: size.width, height: size.height))
    }

    var ruler: ScaleBar? {
      ScaleBar(width: scan.width ?? 0, height: scan.height ?? 0, micrometersPerPixel: scan.micrometersPerPixel)
    }

    var panels: [Panel] {
      let channels = scan.channels ?? 1
      let count = ScanPictures.channelPanels(channels, context.display)
      guard count > 0 else {
        let view = channels == 3 ? ChannelViews.color : ChannelViews.light
        let panels = [
          shown("Scan", .scan, view), expected("Expected if healthy", .reconstruction, view), difference, residual,
        ]
        guard let original else { return panels }
        return [panel("Original", "As in the file.", "", [Layer(picture: original, view: "as-it-is")], ruler: ruler)]
          + panels
      }
      let isSeparate = ScanPictures.separateChannels(channels, context.display) > 0
      let panels = (1...count).map { channel in
        let view = isSeparate ? ChannelViews.light : ChannelViews.channel(channel)
        return (
          shown("Scan, channel \(channel)", isSeparate ? .channel(channel) : .scan, view),
          expected(
            "Expected if healthy, channel \(channel)", isSeparate ? .reconstructedChannel(channel) : .reconstruction,
            view)
        )
      }
      return panels.map(\.0) + [difference] + panels.map(\.1) + [residual]
    }

    private func shown(_ title: String, _ picture: PictureName, _ view: String) -> Panel {
      panel(title, "As scored, after normalization.", "", [Layer(picture: link(picture), view: view)], ruler: ruler)
    }

    private func expected(_ title: String, _ picture: PictureName, _ view: String) -> Panel {
      panel(
        title, "What the model makes of it. Look for what is missing here.", "",
        [Layer(picture: link(picture), view: view)])
    }

    private var difference: Panel {
      panel(
        "Difference",
        "Scan minus expectation. Lighter: brighter than expected; darker: darker than expected. Black: not scored.",
        "difference",
        [
          Layer(picture: link(.scan), view: ChannelViews.plain),
          Layer(picture: link(.reconstruction), view: ChannelViews.plain + " over"),
        ])
    }

    private var residual: Panel {
      panel(
        "Reconstruction error",
        "The difference alone in calibrated z: what the model could not reconstruct, before anything is learned from it.",
        "",
        [
          Layer(picture: link(.scan), view: ChannelViews.light), Layer(picture: link(.residual), view: "over"),
        ])
    }

    private func panel(
      _ title: String, _ caption: String, _ kind: String, _ pictures: [Layer], ruler: ScaleBar? = nil
    ) -> Panel {
      Panel(
        title: title, caption: caption, alt: "\(title): \(scan.name)", kind: kind, pictures: pictures, ownRuler: ruler)
    }

    func line(_ region: Region) -> Line {
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

    func link(_ picture: PictureName) -> String {
      link(to: folder.picture(picture, ofScan: scan.name, inCase: row.name))
    }

    func link(to target: String) -> String { ReportFolder.link(from: row.reportPath, to: target) }
  }
}
