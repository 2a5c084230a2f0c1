import Anomaly
import Files
import Imaging

extension ScanFault {
  /// The fault of a scan whose heatmap cannot be used. The scan is left out of the export, and the others continue.
  static func heatmap(
    _ path: String, _ found: String, remedy: String = "Run norma analyze on this folder again"
  ) -> ScanFault {
    ScanFault(NormaError(subject: path, found: found, remedy: remedy))
  }
}

/// A scan's heatmap file, which is read piece by piece, and the places of its pixels in the scan.
final class ScanHeatmap {
  let path: String
  let width: Int
  let height: Int
  /// Width and height of a heatmap pixel, in pixels of the scan.
  let scale: SIMD2<Double>
  /// Size of the heatmap's pixels; `nil` if the scan's pixel size is unknown.
  let pixelSize: PixelSize?
  private let file: TIFFFile

  /// The most pixels of a heatmap that is held whole in memory.
  static let largestWhole = 1 << 24

  /// - Throws: `ScanFault` if the file cannot be read, is not the one that was recorded, or does not fit the scan.
  init(of scan: ExportScan, in folder: ReportFolder) throws(ScanFault) {
    guard let relative = scan.row.heatmapPath else {
      throw .heatmap(folder.index, "scan \(scan.row.id) has no heatmap")
    }
    path = folder.file(relative)
    if let recorded = scan.row.heatmapSHA256, let found = Study.digest(ofFile: path), found != recorded {
      throw .heatmap(path, "the heatmap is not the one that was recorded: its digest differs")
    }
    do throws(NormaError) { file = try TIFFFile(path: path) } catch { throw .heatmap(path, error.found) }
    let page = file.pages[0]
    guard page.channels == 1 else {
      throw .heatmap(path, "its first page is no heatmap: a gray picture of z values was expected")
    }
    (width, height) = (page.width, page.height)
    let x = scan.row.downsample ?? Double(scan.width) / Double(width)
    guard Self.covers(width, by: x, scan.width) else {
      throw .heatmap(
        path,
        "it is \(width) pixels wide; as many were expected as cover \(scan.width) pixels of the scan, \(x) at a time")
    }
    // Older versions of norma recorded only the scale along x. The scale along y may differ a little, because levels
    // are rounded to whole pixels along each axis.
    let y =
      scan.row.downsampleY ?? (Self.covers(height, by: x, scan.height) ? x : Double(scan.height) / Double(height))
    guard Self.covers(height, by: y, scan.height), abs(y / x - 1) < 0.25 || min(width, height) < 16 else {
      throw .heatmap(
        path, "it has \(width)x\(height) pixels, which is not the shape of its scan of \(scan.width)x\(scan.height)")
    }
    scale = SIMD2(x, y)
    if let size = scan.row.micrometersPerPixel, size.isFinite, size > 0 {
      pixelSize = PixelSize(x: size * x, y: (scan.row.micrometersPerPixelY ?? size) * y)
    } else {
      pixelSize = nil
    }
  }

  /// The heatmap pixel that contains a pixel of the scan; `nil` if there is none.
  func pixel(atX x: Int, y: Int) -> (x: Int, y: Int)? {
    guard Double(x) / scale.x < Double(width), Double(y) / scale.y < Double(height) else { return nil }
    return (Region.heatmapPixel(of: x, downsample: scale.x), Region.heatmapPixel(of: y, downsample: scale.y))
  }

  /// Whether `count` steps reach the end of `length`, and one step fewer would not.
  private static func covers(_ count: Int, by step: Double, _ length: Int) -> Bool {
    let length = Double(length)
    return Double(count) * step > length - 0.5 && Double(count - 1) * step < length - 0.5
  }

  /// Ranges of rows, from top to bottom, each small enough to take little memory.
  func bands() throws(ScanFault) -> [Range<Int>] {
    do throws(NormaError) { return try file.bands(ofPage: 1) } catch { throw fault(error) }
  }

  /// The values of whole rows.
  func rows(_ range: Range<Int>) throws(ScanFault) -> Heatmap {
    try values(in: PixelRectangle(x: 0, y: range.lowerBound, width: width, height: range.count))
  }

  /// The values of an area. Only the strips or tiles that overlap the area are read.
  func values(in area: PixelRectangle) throws(ScanFault) -> Heatmap {
    do throws(NormaError) {
      return Heatmap(try file.region(page: 1, x: area.x, y: area.y, width: area.width, height: area.height))
    } catch { throw fault(error) }
  }

  private func fault(_ error: NormaError) -> ScanFault {
    .heatmap(error.subject ?? path, error.found)
  }
}
