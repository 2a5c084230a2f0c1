import Anomaly
import Files
import Foundation
import Imaging

/// What keeps a report sound when a run is stopped or killed at any moment, and the next one goes on.
extension Report {
  /// Has to come before the first file of a case is written.
  ///
  /// A case that was recorded before counts as unfinished from here on: a run that is killed between its new files and its
  /// new row would else leave files of these settings that a later run takes for those of the older ones.
  package func beginCase(named name: String) throws(NormaError) {
    try index.markUnfinished(caseNamed: name)
    AtomicFile.removeUnfinished(in: folder.file(folder.folder(ofCase: name)))
  }

  /// Removes what was written of a case that will not be recorded. What an older run recorded of it stays, and is computed
  /// again by the next.
  package func abandonCase(named name: String) {
    let caseFolder = folder.file(folder.folder(ofCase: name))
    AtomicFile.removeUnfinished(in: caseFolder)
    do { guard try index.case(named: name) == nil else { return } } catch { return }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: caseFolder)) ?? []
    let written = names.filter { ReportFolder.isScanFile($0) || $0 == FilePath.name(of: folder.page(ofCase: name)) }
    for name in written { try? FileManager.default.removeItem(atPath: "\(caseFolder)/\(name)") }
    if written.count == names.count { try? FileManager.default.removeItem(atPath: caseFolder) }
  }

  /// Closes a run that the user ended: finished cases are kept and shown. q-values are left for the run that sees all
  /// scans, since bringing them onto every page could take longer than a user wants to wait.
  ///
  /// - Parameter reason: a sentence for the study's page.
  package func stopStudy(_ context: StudyContext, because reason: String) throws(NormaError) {
    var context = context
    context.warnings.append(reason)
    if folder.shard == nil { try Self.writeStudyPage(index, context: context, folder: folder) }
    try index.finishRun(run, .stopped, context: context)
  }
}

extension CaseIndex {
  /// What `scoring` says of a case whose files are being written anew; no settings read like it.
  static let unfinished = "unfinished"

  fileprivate func markUnfinished(caseNamed name: String) throws(NormaError) {
    try write { database in
      try database.execute(
        sql: "UPDATE cases SET scoring = ? WHERE name = ? AND scoring <> ?",
        arguments: [Self.unfinished, name, Self.unfinished])
    }
  }
}
