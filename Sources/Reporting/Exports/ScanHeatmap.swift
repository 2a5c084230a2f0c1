import Anomaly
import Files
import Imaging

extension ScanFault {
  /// A scan is left out of an export, since its heatmap cannot be used; the others go on.
  static func heatmap(
    _ path: String, _ found: String, remedy: String = "Run norma analyze on this folder again"
  ) -> ScanFault {
    ScanFault(NormaError(subject: path, found: found, remedy: remedy))
  }
}

/// A scan's heatmap as its file holds it, to be read piece by piece, and where its pixels lie in the scan.
final class ScanHeatmap {
  let path: String
  let width: Int
  let height: Int
  /// Pixels of the scan that one of the heatmap's covers.
  let scale: SIMD2<Double>
  /// Size of the heatmap's pixels; `nil` where the scan's is unknown.
  let pixelSize: PixelSize?
  private let file: TIFFFile

  /// Larger ones are never held whole.
  static let largestWhole = 1 << 24

  /// - Throws: `ScanFault` where the file cannot be read or is of another size than the scan.
  init(of scan: ExportScan, in folder: ReportFolder) throws(ScanFault) {
    guard let relative = scan.row.heatmapPath else {
      throw .heatmap(folder.index, "scan \(scan.row.id) has no heatmap")
    }
    path = folder.file(relative)
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
    // An older norma recorded the scale along x alone. Levels are rounded to whole pixels along each axis, so that the
    // other may differ a bit.
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

  /// The pixel that a pixel of the scan belongs to; `nil` where there is none.
  func pixel(atX x: Int, y: Int) -> (x: Int, y: Int)? {
    guard Double(x) / scale.x < Double(width), Double(y) / scale.y < Double(height) else { return nil }
    return (Region.heatmapPixel(of: x, downsample: scale.x), Region.heatmapPixel(of: y, downsample: scale.y))
  }

  /// Whether so many steps reach the end, and the last one is needed for it.
  private static func covers(_ count: Int, by step: Double, _ length: Int) -> Bool {
    let length = Double(length)
    return Double(count) * step > length - 0.5 && Double(count - 1) * step < length - 0.5
  }

  /// Ranges of rows, from the top, none of which takes much memory.
  func bands() throws(ScanFault) -> [Range<Int>] {
    do throws(NormaError) { return try file.bands(ofPage: 1) } catch { throw fault(error) }
  }

  /// The values of whole rows, `[rows, width]`.
  func rows(_ range: Range<Int>) throws(ScanFault) -> [Float] {
    try values(in: PixelRectangle(x: 0, y: range.lowerBound, width: width, height: range.count))
  }

  /// The values of a part, `[height, width]`; only the strips or tiles it touches are read.
  func values(in area: PixelRectangle) throws(ScanFault) -> [Float] {
    do throws(NormaError) {
      return try file.region(page: 1, x: area.x, y: area.y, width: area.width, height: area.height).samples
    } catch { throw fault(error) }
  }

  private func fault(_ error: NormaError) -> ScanFault {
    .heatmap(error.subject ?? path, error.found)
  }
}
