import Anomaly
import Imaging

/// Writes heatmaps as masks: 255 for pixels that reach the threshold of regions, 0 for all others.
///
/// The mask includes pixels of groups that are too small to be recorded as regions.
struct MaskExport: ScanExport {
  let folder: ExportFolder

  func write(_ scan: ExportScan, from report: ReportFolder) throws -> ExportTally {
    try folder.write(named: scan.row.name, ending: ".mask.tif", ofCase: scan.caseName) { path in
      let heatmap = try ScanHeatmap(of: scan, in: report)
      func marks(_ rows: Range<Int>) throws -> Plane<Float> {
        try heatmap.rows(rows).isInRegion(threshold: scan.threshold).map { $0 ? 255 : 0 }
      }
      let bands = try heatmap.bands()
      if bands.count == 1 {
        // A mask that fits into memory is written in strips, because more programs read strips than tiles.
        try TIFFWriter.write(
          Image(try marks(bands[0]), pixelSize: heatmap.pixelSize), as: .uint8, to: path, isSynced: false)
        return
      }
      let writer = try TIFFTileWriter(
        path: path, width: heatmap.width, height: heatmap.height, pixelSize: heatmap.pixelSize, as: .uint8)
      for band in bands { try writer.append(try marks(band)) }
      try writer.finish(isSynced: false)
    }
    return ExportTally(files: 1)
  }
}
