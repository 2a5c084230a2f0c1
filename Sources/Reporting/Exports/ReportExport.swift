import Anomaly
import Files
import Foundation
import Imaging

/// Exports a report's findings in formats of other programs.
package struct ReportExport {
  package enum Format: String, Sendable, CaseIterable {
    case geojson, csv, coco, mask, imagej
  }

  package let selection: ExportSelection
  /// Called with one sentence for every scan that is left out because its heatmap cannot be used.
  package var complain: (String) -> Void = { _ in }
  /// Called before each case with the number of cases that are done and the number of all cases.
  package var progress: (_ done: Int, _ count: Int) -> Void = { _, _ in }

  package init(_ selection: ExportSelection) { self.selection = selection }

  /// Writes the export into a folder. Makes the folder if it does not exist.
  ///
  /// - Throws: `NormaError` if the index cannot be read or the folder cannot be written.
  package func write(as format: Format, to output: String) throws(NormaError) -> ExportTally {
    let folder = try ExportFolder(output, of: selection.folder)
    var tally = ExportTally()
    do {
      switch format {
      case .geojson: try write(with: GeoJSONExport(folder: folder), &tally)
      case .csv: try write(with: CSVExport(in: folder), &tally)
      case .coco:
        let run = try selection.index.latestRun()
        try write(with: COCOExport(in: folder, title: run?.context.title ?? "", run: run), &tally)
      case .mask: try write(with: MaskExport(folder: folder), &tally)
      case .imagej: try writeStacks(to: folder, &tally)
      }
      try AtomicFile.syncAll(in: output)
      if let note = try folder.leftovers() { complain(note) }
    } catch { throw .index(selection.index.path, error) }
    return tally
  }

  private func write(with export: some ScanExport, _ tally: inout ExportTally) throws {
    var export = export
    try selection.forEachCase(progress) { item in
      tally.failedInAnalysis += item.row.failedScanCount
      tally.empty += item.row.emptyScanCount
      for scan in item.scans {
        do { tally.add(try export.write(scan, from: selection.folder)) } catch let fault as ScanFault {
          tally.leftOut += 1
          complain("left out: \(fault)")
        }
      }
    }
    tally.add(try export.finish(selection))
  }

  private func writeStacks(to folder: ExportFolder, _ tally: inout ExportTally) throws {
    let export = ImageJExport(folder: folder)
    try selection.forEachCase(progress) { item in
      tally.failedInAnalysis += item.row.failedScanCount
      tally.empty += item.row.emptyScanCount
      let stacks = ImageJExport.stacks(of: item, from: selection.folder) { fault in
        tally.leftOut += 1
        complain("left out: \(fault)")
      }
      for stack in stacks {
        do {
          tally.add(try export.write(stack, ofCase: item.row.name, from: selection.folder))
        } catch let fault as ScanFault {
          tally.leftOut += stack.scans.count
          complain("left out: \(fault)")
        }
      }
    }
  }
}
