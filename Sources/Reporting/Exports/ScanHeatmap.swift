import Imaging

/// Why a scan is left out of an export: its heatmap cannot be used. The others go on.
struct HeatmapFault: Error, Sendable, CustomStringConvertible {
  let path: String
  /// What was found and what was expected, without the path.
  let detail: String
  var remedy = "Run norma analyze on this folder again"

  var description: String { "\(path): \(detail). \(remedy)." }
}

/// A scan's heatmap as its file holds it, to be read piece by piece, and where its pixels lie in the scan.
final class ScanHeatmap {
  let path: String
  let width: Int
  let height: Int
  /// Pixels of the scan that one of the heatmap's covers.
  let scale: SIMD2<Double>
  /// Of the heatmap; `nil` where the scan's is unknown.
  let pixelSize: PixelSize?
  private let file: TIFFFile

  /// Larger ones are never held whole.
  static let largestWhole = 1 << 24

  /// - Throws: `HeatmapFault` where the file cannot be read or is of another size than the scan.
  init(of scan: ExportScan, in folder: ReportFolder) throws(HeatmapFault) {
    guard let relative = scan.row.heatmapPath else {
      throw HeatmapFault(path: folder.index, detail: "scan \(scan.row.id) has no heatmap")
    }
    path = folder.file(relative)
    do throws(ImagingError) { file = try TIFFFile(path: path) } catch { throw Self.fault(error) }
    let page = file.pages[0]
    guard page.channels == 1 else {
      throw HeatmapFault(path: path, detail: "its first page is no heatmap: a gray picture of z values was expected")
    }
    (width, height) = (page.width, page.height)
    let x = scan.downsample ?? Double(scan.width) / Double(width)
    guard Self.covers(width, by: x, scan.width) else {
      throw HeatmapFault(
        path: path,
        detail:
          "it is \(width) pixels wide; as many were expected as cover \(scan.width) pixels of the scan, \(x) at a time")
    }
    // The index has the scale along x. Levels are rounded to whole pixels along each axis, so that the other may differ a bit.
    let y = Self.covers(height, by: x, scan.height) ? x : Double(scan.height) / Double(height)
    guard abs(y / x - 1) < 0.25 || min(width, height) < 16 else {
      throw HeatmapFault(
        path: path,
        detail: "it has \(width)x\(height) pixels, which is not the shape of its scan of \(scan.width)x\(scan.height)")
    }
    scale = SIMD2(x, y)
    if let size = scan.row.micrometersPerPixel, size.isFinite, size > 0 {
      pixelSize = PixelSize(x: size * x, y: (scan.row.micrometersPerPixelY ?? size) * y)
    } else {
      pixelSize = nil
    }
  }

  /// Whether so many steps reach the end, and the last one is needed for it.
  private static func covers(_ count: Int, by step: Double, _ length: Int) -> Bool {
    let length = Double(length)
    return Double(count) * step > length - 0.5 && Double(count - 1) * step < length - 0.5
  }

  /// Ranges of rows, from the top, none of which takes much memory.
  func bands() throws(HeatmapFault) -> [Range<Int>] {
    do throws(ImagingError) { return try file.bands(ofPage: 1) } catch { throw Self.fault(error) }
  }

  /// The values of whole rows, `[rows, width]`.
  func rows(_ range: Range<Int>) throws(HeatmapFault) -> [Float] {
    try values(in: PixelRectangle(x: 0, y: range.lowerBound, width: width, height: range.count))
  }

  /// The values of a part, `[height, width]`; only the strips or tiles it touches are read.
  func values(in area: PixelRectangle) throws(HeatmapFault) -> [Float] {
    do throws(ImagingError) {
      return try file.region(page: 1, x: area.x, y: area.y, width: area.width, height: area.height).samples
    } catch { throw Self.fault(error) }
  }

  private static func fault(_ error: ImagingError) -> HeatmapFault {
    HeatmapFault(path: error.path, detail: error.detail)
  }
}
