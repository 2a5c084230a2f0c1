import Anomaly
import Files
import Foundation
import Imaging
import Threads

/// Writes a report: the files of each scan, then the page and the index transaction of each case, and the study page
/// last.
///
/// Every file is written under a temporary name and renamed. All files of a case are synced to the disk before its row
/// is added to the index. So a crash at any moment leaves no recorded case whose files are missing or cut short.
package struct Report: Sendable {
  package let folder: ReportFolder
  package let index: CaseIndex
  package let run: Int64
  package let modelSHA256: String
  package private(set) var context: StudyContext

  /// Opens the report in a folder and starts a run. Makes the folder if it does not exist.
  ///
  /// - Parameter cases: the names of all cases that the report will hold, including the cases of other shards.
  package init(
    writingTo path: String, shard: Shard? = nil, sharing: CaseIndex.Sharing = .host, context: StudyContext,
    toolVersion: String, modelSHA256: String, studyPath: String, cases: [String]
  ) throws(NormaError) {
    var folder = ReportFolder(path, shard: shard)
    self.context = context
    self.modelSHA256 = modelSHA256
    try folder.makeIndexFolder()
    try folder.makeFolder("cases")
    try folder.makeFolder("assets")
    AtomicFile.removeUnfinished(in: folder.indexFolder)
    // Other shards may be writing to this folder now.
    if shard == nil { AtomicFile.removeUnfinished(in: folder.file("assets")) }
    index = try CaseIndex(writingTo: folder.index, sharing: sharing)
    folder = ReportFolder(path, shard: shard, pages: try index.pages(), cases: cases)
    self.folder = folder
    run = try index.beginRun(context, toolVersion: toolVersion, modelSHA256: modelSHA256, studyPath: studyPath)
    try Self.writeAssets(in: folder)
  }

  /// Scans of a case that an earlier run finished with the same model and settings, and whose files still exist.
  ///
  /// The caller may reuse a scan if its `path` and `sha256` match the file in the study.
  package func finishedScans(ofCase name: String) throws(NormaError) -> [ScanRow] {
    try index.finishedScans(ofCase: name, modelSHA256: modelSHA256, scoring: context.key).filter { scan in
      files(ofScan: scan.name, channels: scan.channels, inCase: name)
        .allSatisfy { FileManager.default.fileExists(atPath: folder.file($0)) }
    }
  }

  /// Whether a case is up to date: every scan is finished, and its scans are exactly these files.
  ///
  /// - Parameter digests: the SHA-256 of every file of the case, by the file's path relative to the study.
  package func isCurrent(caseNamed name: String, digests: [String: String]) throws(NormaError) -> Bool {
    guard let row = try index.case(named: name), row.failedScanCount == 0,
      FileManager.default.fileExists(atPath: folder.file(row.reportPath))
    else { return false }
    let finished = try finishedScans(ofCase: name)
    return finished.count == row.scanCount && Set(finished.map(\.path)) == Set(digests.keys)
      && finished.allSatisfy { $0.sha256 == digests[$0.path] }
  }

  /// Writes the heatmap and the pictures of one scan.
  package func writeScan(_ layers: ScanLayers, name: String, inCase caseName: String) throws(NormaError) {
    try folder.makeFolder(folder.folder(ofCase: caseName))
    let path = folder.file(folder.heatmap(ofScan: name, inCase: caseName))
    func write(_ map: Heatmap, to path: String) throws {
      try TIFFWriter.write(Image(map, pixelSize: layers.scan.pixelSize), as: .float32, to: path, isSynced: false)
    }
    do {
      try write(layers.heatmap, to: path)
      if context.keepsResidual {
        try write(layers.residual, to: folder.file(folder.residual(ofScan: name, inCase: caseName)))
      }
    } catch { throw .writing(path, error) }
    try writePictures(of: layers, name: name, inCase: caseName)
  }

  private func writePictures(of layers: ScanLayers, name: String, inCase caseName: String) throws(NormaError) {
    let pictures = ScanPictures(
      layers, scale: HeatScale(threshold: context.threshold, reach: context.heatReach), display: context.display)
    do {
      try pictures.draw { picture, pixels in
        try pixels.write(to: folder.file(folder.picture(picture, ofScan: name, inCase: caseName)))
      }
      try AtomicFile.write(
        pictures.heat.values, to: folder.file(folder.values(ofScan: name, inCase: caseName)), isSynced: false)
    } catch { throw .writing(folder.file(folder.folder(ofCase: caseName)), error) }
  }

  /// Writers for a slide's heatmap, its residual if the report keeps residuals, and its zoomable tiles. Bands are
  /// appended from top to bottom.
  package struct SlideMaps {
    fileprivate let heatmap: TIFFTileWriter
    fileprivate let residual: TIFFTileWriter?
    fileprivate let tiles: SlideTiles
    /// The heatmap's file, for messages.
    fileprivate let path: String

    package func append(_ band: SlideBand) throws(NormaError) {
      do {
        try heatmap.append(band.heat)
        try residual?.append(band.residual)
        try tiles.append(band)
      } catch { throw .writing(path, error) }
    }
  }

  /// Opens the files of a slide's maps.
  package func beginSlide(
    _ slide: PreparedSlide, named name: String, inCase caseName: String
  ) throws(NormaError) -> SlideMaps {
    let caseFolder = folder.folder(ofCase: caseName)
    try folder.makeFolder(caseFolder)
    // A run that was stopped while it wrote a slide leaves gigabytes of hidden files.
    AtomicFile.removeUnfinished(in: folder.file(caseFolder))
    func open(_ relative: String) throws(NormaError) -> TIFFTileWriter {
      do {
        return try TIFFTileWriter(
          path: folder.file(relative), width: slide.width, height: slide.height, pixelSize: slide.pixelSize)
      } catch { throw .writing(folder.file(relative), error) }
    }
    return SlideMaps(
      heatmap: try open(folder.heatmap(ofScan: name, inCase: caseName)),
      residual: context.keepsResidual ? try open(folder.residual(ofScan: name, inCase: caseName)) : nil,
      tiles: SlideTiles(
        of: slide, to: { folder.file(folder.tiles($0, ofScan: name, inCase: caseName)) },
        presence: folder.file(folder.tilePresence(ofScan: name, inCase: caseName)), context: context),
      path: folder.file(folder.heatmap(ofScan: name, inCase: caseName)))
  }

  /// Completes a slide's maps and writes its pictures.
  package func finishSlide(
    _ maps: SlideMaps, _ layers: ScanLayers, named name: String, inCase caseName: String
  ) throws(NormaError) {
    do {
      try maps.heatmap.finish(isSynced: false)
      try maps.residual?.finish(isSynced: false)
      try maps.tiles.finish()
    } catch { throw .writing(folder.file(folder.heatmap(ofScan: name, inCase: caseName)), error) }
    try writePictures(of: layers, name: name, inCase: caseName)
  }

  /// Writes the page of a case and records the case. Its scans must already be written.
  package func finishCase(_ result: CaseResult) throws(NormaError) {
    let caseFolder = folder.folder(ofCase: result.name)
    try folder.makeFolder(caseFolder)
    do { try AtomicFile.syncAll(in: folder.file(caseFolder)) } catch { throw .writing(folder.file(caseFolder), error) }
    let heatmaps = result.scans.map { folder.heatmap(ofScan: $0.name, inCase: result.name) }
    let digests = Parallel.map(heatmaps.count) { k in
      result.scans[k].findings == nil ? nil : Study.digest(ofFile: folder.file(heatmaps[k]))
    }
    let digestOf = Dictionary(zip(heatmaps, digests), uniquingKeysWith: { first, _ in first })
    try index.record(
      result, run: run, scoring: context.key, reportPath: folder.page(ofCase: result.name),
      heatmapPath: { folder.heatmap(ofScan: $0.name, inCase: result.name) },
      heatmapSHA256: { digestOf[folder.heatmap(ofScan: $0.name, inCase: result.name)] ?? nil },
      beforeCommit: { record in
        let page = CasePage(record, context: context, folder: folder)
        try folder.write(page.data, to: record.row.reportPath)
      })
    removeFiles(notOf: result, in: caseFolder)
  }

  /// Closes the run and writes the study page. A shard writes no study page: only the merge knows the whole study.
  ///
  /// - Parameter context: the run's context, with the warnings and facts that are known only at its end.
  package mutating func finish(_ context: StudyContext, _ status: Status = .done) throws(NormaError) {
    self.context = context
    guard folder.shard == nil else { return try index.finishRun(run, status, context: context) }
    // Pages are written before the numbers they show: after a crash between the two, the next run adjusts both again.
    try index.adjustRegions { [folder] record in
      AtomicFile.removeUnfinished(in: folder.file(folder.folder(ofCase: record.row.name)))
      let page = CasePage(record, context: context, folder: folder)
      try folder.write(page.data, to: record.row.reportPath)
    }
    let standing = try index.standing(as: status).warnings
    try Self.close(run, status, of: index, context: context, standing: standing, folder: folder)
  }

  /// Writes what shows the whole study, and closes a run of it.
  ///
  /// - Parameter standing: see `ReportStanding.warnings`.
  static func close(
    _ run: Int64, _ status: Status, of index: CaseIndex, context: StudyContext, standing: [String],
    folder: ReportFolder
  ) throws(NormaError) {
    try writeStudyPage(index, context: context, standing: standing, folder: folder)
    try index.finishRun(run, status, context: context)
    try ReportCrate(of: index, context: context).write(to: folder)
  }

  // MARK: - Files

  static func writeAssets(in folder: ReportFolder) throws(NormaError) {
    try folder.write(PageTemplate.style, to: ReportFolder.style)
    try folder.write(PageTemplate.script, to: ReportFolder.script)
  }

  static func writeStudyPage(
    _ index: CaseIndex, context: StudyContext, standing: [String], folder: ReportFolder
  ) throws(NormaError) {
    let page = try StudyPage(index, context: context, standing: standing, folder: folder)
    try folder.write(page.data, to: ReportFolder.studyPage)
  }

  private func files(ofScan scan: String, channels: Int?, inCase name: String) -> [String] {
    Self.files(ofScan: scan, channels: channels, inCase: name, folder: folder, context: context)
  }

  /// The files that a scan's page needs, except tiles.
  ///
  /// - Parameter channels: the scan's number of channels; `nil` if it was not scored, and then it needs no files.
  static func files(
    ofScan scan: String, channels: Int?, inCase name: String, folder: ReportFolder, context: StudyContext
  ) -> [String] {
    guard let channels else { return [] }
    let pictures = ScanPictures.names(channels: channels, context.display)
    let residual = context.keepsResidual ? [folder.residual(ofScan: scan, inCase: name)] : []
    return [folder.heatmap(ofScan: scan, inCase: name), folder.values(ofScan: scan, inCase: name)] + residual
      + pictures.map { folder.picture($0, ofScan: scan, inCase: name) }
  }

  /// The files that a slide has in addition to `files`.
  static func tileFiles(ofScan scan: String, inCase name: String, folder: ReportFolder) -> [String] {
    let tiles = TileLayer.allCases.map { folder.tiles($0, ofScan: scan, inCase: name) }
    return tiles.flatMap { [$0, SlideTiles.folder(of: $0)] } + [folder.tilePresence(ofScan: scan, inCase: name)]
  }

  /// Removes files of scans that left the study or failed in this run, so that no old heatmap looks current.
  private func removeFiles(notOf result: CaseResult, in caseFolder: String) {
    let kept = Set(
      result.scans.flatMap { scan -> [String] in
        guard let findings = scan.findings else { return [] }
        return files(ofScan: scan.name, channels: findings.channels, inCase: result.name)
          + Self.tileFiles(ofScan: scan.name, inCase: result.name, folder: folder)
          + [folder.picture(.original, ofScan: scan.name, inCase: result.name)]
      })
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.file(caseFolder))) ?? []
    for name in names where ReportFolder.isScanFile(name) && !kept.contains("\(caseFolder)/\(name)") {
      // A file that cannot be removed does no harm: the index does not refer to it.
      try? FileManager.default.removeItem(atPath: folder.file("\(caseFolder)/\(name)"))
    }
  }
}
