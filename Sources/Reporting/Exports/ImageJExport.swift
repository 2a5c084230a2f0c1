import Anomaly
import Files
import Foundation
import Imaging

/// Writes heatmaps in a format that ImageJ reads without plugins: uncompressed, with all pages of a stack in one file.
struct ImageJExport {
  let folder: ExportFolder

  /// Scans that are written to one file.
  struct Stack {
    /// Name of the file, without its ending.
    var name: String
    var scans: [ExportScan]
    var width: Int
    var height: Int
  }

  /// The stacks of a case. A stack holds the scans of one file whose heatmaps have the same size and pixel size.
  ///
  /// - Parameter fault: called for every scan whose heatmap cannot be read.
  static func stacks(of item: ExportCase, from report: ReportFolder, fault: (ScanFault) -> Void) -> [Stack] {
    var stacks: [Stack] = []
    for scan in item.scans {
      let heatmap: ScanHeatmap
      do throws(ScanFault) { heatmap = try ScanHeatmap(of: scan, in: report) } catch {
        fault(error)
        continue
      }
      let isPage = scan.row.page != nil
      let known = stacks.firstIndex { stack in
        let other = stack.scans[0].row
        return isPage && other.page != nil && other.path == scan.row.path && stack.width == heatmap.width
          && stack.height == heatmap.height && other.micrometersPerPixel == scan.row.micrometersPerPixel
          && other.micrometersPerPixelY == scan.row.micrometersPerPixelY
      }
      if let known {
        stacks[known].scans.append(scan)
      } else {
        stacks.append(
          Stack(name: fileName(of: scan.row), scans: [scan], width: heatmap.width, height: heatmap.height))
      }
    }
    for k in stacks.indices {
      stacks[k].scans.sort { ($0.row.page ?? 0) < ($1.row.page ?? 0) }
      // If a file has several stacks, because its pages differ in size, each stack's name gets its first page number.
      if stacks.indices.contains(where: { $0 != k && stacks[$0].scans[0].row.path == stacks[k].scans[0].row.path }) {
        stacks[k].name += "-p" + (stacks[k].scans[0].row.page.map { "\($0)" } ?? "")
      }
    }
    return stacks
  }

  /// The scan's name without the page number that `Study` appends.
  private static func fileName(of scan: ScanRow) -> String {
    guard let page = scan.page, let mark = scan.name.range(of: "-p0*\(page)$", options: .regularExpression) else {
      return scan.name
    }
    return String(scan.name[..<mark.lowerBound])
  }

  func write(_ stack: Stack, ofCase caseName: String, from report: ReportFolder) throws -> ExportTally {
    try folder.write(named: stack.name, ending: ".heatmap.tif", ofCase: caseName) { path in
      let heatmaps = try stack.scans.map { scan throws(ScanFault) in try ScanHeatmap(of: scan, in: report) }
      guard ImageJStackWriter.canHold(width: stack.width, height: stack.height, images: heatmaps.count) else {
        throw ScanFault.heatmap(
          heatmaps[0].path,
          "\(stack.width)x\(stack.height) pixels on \(Count.of(heatmaps.count, "page")) were "
            + "found; up to \(ImageJStackWriter.mostPixels) pixels fit a file that ImageJ reads",
          remedy: "Analyze the scan at a smaller level, or open its heatmap with Bio-Formats")
      }
      let pages = stack.scans.compactMap(\.row.page)
      let isGapless = pages == Array(1..<pages.count + 1)
      let writer = try ImageJStackWriter(
        path: path, width: stack.width, height: stack.height, images: heatmaps.count, pixelSize: heatmaps[0].pixelSize,
        remark: isGapless ? nil : (key: "pages", value: pages.map { "\($0)" }.joined(separator: ",")))
      for heatmap in heatmaps {
        for band in try heatmap.bands() { try writer.append(try heatmap.rows(band).values) }
      }
      try writer.finish(isSynced: false)
    }
    return ExportTally(files: 1)
  }
}
