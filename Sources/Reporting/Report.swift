import Anomaly
import Foundation
import Imaging

/// A report being written: files scan by scan, a page and an index transaction case by case, the study page last.
///
/// Every file is written aside and renamed, and the index row of a case comes after its files: a crash at any moment
/// leaves no case recorded whose files are missing.
package struct Report: Sendable {
  package let folder: ReportFolder
  package let index: CaseIndex
  package let run: Int64
  package let modelSHA256: String
  package private(set) var context: StudyContext

  /// Opens the report in a folder, which is made where there is none, and starts a run.
  package init(
    writingTo path: String, context: StudyContext, toolVersion: String, modelSHA256: String, studyPath: String
  ) throws(ReportingError) {
    folder = ReportFolder(path)
    self.context = context
    self.modelSHA256 = modelSHA256
    try Self.makeFolder(folder.file("cases"))
    try Self.makeFolder(folder.file("assets"))
    index = try CaseIndex(writingTo: folder.index)
    run = try index.beginRun(context, toolVersion: toolVersion, modelSHA256: modelSHA256, studyPath: studyPath)
    try Self.write(PageTemplate.style, to: folder.file(ReportFolder.style))
    try Self.write(PageTemplate.script, to: folder.file(ReportFolder.script))
  }

  /// Scans of a case that an earlier run finished with the same model and settings and whose files are still there.
  ///
  /// A scan may be taken over where its `path` and `sha256` are those of the file in the study.
  package func finishedScans(ofCase name: String) throws(ReportingError) -> [ScanResult] {
    try index.finishedScans(ofCase: name, modelSHA256: modelSHA256, scoring: context.scoring).filter { scan in
      let files = [folder.heatmap(ofScan: scan.name, inCase: name)]
        + [.scan, .reconstruction, .difference, .heatmap, .overlay, .thumbnail].map {
          folder.picture($0, ofScan: scan.name, inCase: name)
        }
      return files.allSatisfy { FileManager.default.fileExists(atPath: folder.file($0)) }
    }
  }

  /// Writes the heatmap and the pictures of one scan.
  package func writeScan(_ layers: ScanLayers, name: String, inCase caseName: String) throws {
    try Self.makeFolder(folder.file(folder.folder(ofCase: caseName)))
    let heatmap = folder.file(folder.heatmap(ofScan: name, inCase: caseName))
    _ = heatmap
    let pictures = ScanPictures(layers, scale: HeatScale(threshold: context.threshold), display: context.display)
    pictures.draw { _, _ in }
  }

  /// Records a case whose scans are written, and writes its page.
  package func finishCase(_ result: CaseResult) throws(ReportingError) {
    try Self.makeFolder(folder.file(folder.folder(ofCase: result.name)))
    try index.record(
      result, run: run, scoring: context.scoring, reportPath: folder.page(ofCase: result.name)
    ) { folder.heatmap(ofScan: $0.name, inCase: result.name) }
  }

  private static func makeFolder(_ path: String) throws(ReportingError) {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch { throw .writing(path, error) }
  }

  private static func write(_ data: Data, to path: String) throws(ReportingError) {
    do { try data.write(to: URL(filePath: path), options: .atomic) } catch { throw .writing(path, error) }
  }
}
