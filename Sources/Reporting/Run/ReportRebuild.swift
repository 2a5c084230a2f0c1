import Anomaly
import Files
import Foundation
import Imaging

extension Report {
  /// Counts of the pages and pictures that a rebuild made again.
  package struct Rebuilt: Sendable, Equatable {
    package var pages = 0
    /// Scans whose heat picture was drawn again from their heatmap files.
    package var drawn = 0
    /// Sentences that name the pictures that cannot be drawn without the scans.
    package var missing: [String] = []

    package init(pages: Int = 0, drawn: Int = 0, missing: [String] = []) {
      self.pages = pages
      self.drawn = drawn
      self.missing = missing
    }
  }

  /// Makes every page of a finished report again, from only its index and its heatmaps.
  ///
  /// Existing pictures are kept. Missing heat pictures are drawn from the heatmap files. Missing pictures of the scans
  /// cannot be drawn; `Rebuilt.missing` names them.
  package static func rebuild(in path: String) throws(NormaError) -> Rebuilt {
    let index = try CaseIndex(readingFrom: ReportFolder(path).index)
    let folder = ReportFolder(path, pages: try index.pages())
    let context = try index.latestContext()
    guard context.pictures == StudyContext.currentPictures else {
      throw NormaError(
        subject: path, found: "its pictures are those of an older norma, which these pages could not show",
        remedy: "Run norma analyze on this folder again")
    }
    var result = Rebuilt()
    try folder.makeFolder("assets")
    try writeAssets(in: folder)
    let contexts = try index.contexts()
    for row in try index.cases(inStudy: nil) {
      // A case that left the study was last scored by an older run.
      let context = row.isInStudy ? context : contexts[row.runID] ?? context
      guard context.pictures == StudyContext.currentPictures else { continue }
      let record = try index.record(of: row.id)
      try folder.makeFolder(folder.folder(ofCase: row.name))
      for scan in record.scans where scan.row.status == .done {
        try redraw(scan.row, inCase: row.name, folder: folder, context: context, into: &result)
      }
      try folder.write(CasePage(record, context: context, folder: folder).data, to: row.reportPath)
      result.pages += 1
    }
    try writeStudyPage(index, context: context, standing: index.standing().warnings, folder: folder)
    result.pages += 1
    try ReportCrate(of: index, context: context).write(to: folder)
    return result
  }

  /// Makes the study page and the pages of some cases again after the cases were reviewed. Missing pages are not made,
  /// and a report whose pictures come from an older version of norma is not changed.
  package static func showReviews(ofCases names: [String], in path: String) throws(NormaError) {
    let index = try CaseIndex(readingFrom: ReportFolder(path).index)
    let folder = ReportFolder(path, pages: try index.pages())
    let context = try index.latestContext()
    guard context.pictures == StudyContext.currentPictures else { return }
    func exists(_ page: String) -> Bool { FileManager.default.fileExists(atPath: folder.file(page)) }
    let contexts = try index.contexts()
    for name in names {
      guard let row = try index.case(named: name), exists(row.reportPath) else { continue }
      let context = row.isInStudy ? context : contexts[row.runID] ?? context
      guard context.pictures == StudyContext.currentPictures else { continue }
      let page = CasePage(try index.record(of: row.id), context: context, folder: folder)
      try folder.write(page.data, to: row.reportPath)
    }
    if exists(ReportFolder.studyPage) {
      try writeStudyPage(index, context: context, standing: index.standing().warnings, folder: folder)
    }
  }

  private static func redraw(
    _ scan: ScanRow, inCase name: String, folder: ReportFolder, context: StudyContext, into result: inout Rebuilt
  ) throws(NormaError) {
    func exists(_ relative: String) -> Bool { FileManager.default.fileExists(atPath: folder.file(relative)) }
    let needed = ScanPictures.names(channels: scan.channels ?? 1, context.display).filter { $0 != .heatmap }
    let gone = needed.map { folder.picture($0, ofScan: scan.name, inCase: name) }.filter { !exists($0) }
    if !gone.isEmpty {
      let files = gone.map { FilePath.name(of: $0) }.joined(separator: ", ")
      result.missing.append(
        "\(folder.file(folder.folder(ofCase: name))): \(files) \(gone.count == 1 ? "is" : "are") not there, and cannot be "
          + "drawn without the scan. Run norma analyze again.")
    }
    let heat = folder.picture(.heatmap, ofScan: scan.name, inCase: name)
    let values = folder.values(ofScan: scan.name, inCase: name)
    guard !exists(heat) || !exists(values) else { return }
    let path = folder.file(folder.heatmap(ofScan: scan.name, inCase: name))
    do {
      let levels = HeatLevels(
        of: try smallHeatmap(path), scale: HeatScale(threshold: context.threshold, reach: context.heatReach))
      try levels.picture.write(to: folder.file(heat))
      try AtomicFile.write(levels.values, to: folder.file(values))
      result.drawn += 1
    } catch let error {
      result.missing.append("\(error)")
    }
  }

  /// Reads a heatmap file, some rows at a time, and reduces it to the size that the pages show.
  private static func smallHeatmap(_ path: String) throws(NormaError) -> Heatmap {
    let file = try TIFFFile(path: path)
    let (width, height) = (file.pages[0].width, file.pages[0].height)
    let factor = (max(width, height) + ScanPictures.longestSide - 1) / ScanPictures.longestSide
    var values: [Float] = []
    // Each part holds whole blocks of `factor` rows, so the blocks' maxima do not depend on where the rows are cut.
    let rows = max(1, 256 / factor) * factor
    for y in stride(from: 0, to: height, by: rows) {
      let part = try file.region(page: 1, x: 0, y: y, width: width, height: min(rows, height - y))
      values += Heatmap(part).reducedToLargest(by: factor).values
    }
    return Heatmap(width: (width + factor - 1) / factor, height: (height + factor - 1) / factor, values: values)
  }
}
