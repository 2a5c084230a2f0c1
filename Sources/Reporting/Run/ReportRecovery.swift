import Anomaly
import Files
import Foundation
import Imaging

/// Keeps a report consistent when a run is stopped or killed at any moment and the next run continues.
extension Report {
  /// Must be called before the first file of a case is written.
  ///
  /// Marks a case that was recorded before as unfinished. Otherwise, if the run were killed after it wrote new files
  /// and before it wrote the new row, a later run would mistake the new files for files of the older settings.
  package func beginCase(named name: String) throws(NormaError) {
    try index.markUnfinished(caseNamed: name)
    AtomicFile.removeUnfinished(in: folder.file(folder.folder(ofCase: name)))
  }

  /// Removes the files written for a case that will not be recorded. If an older run recorded the case, its files and
  /// row stay, and the next run computes the case again.
  package func abandonCase(named name: String) {
    let caseFolder = folder.folder(ofCase: name)
    AtomicFile.removeUnfinished(in: folder.file(caseFolder))
    do { guard try index.case(named: name) == nil else { return } } catch { return }
    folder.removeFiles(ofCaseIn: caseFolder)
  }

  /// Closes a run that the user stopped. Finished cases are kept and shown. q-values are left to the run that sees
  /// all scans, because writing them to every page could take longer than the user wants to wait.
  ///
  /// - Parameter reason: a sentence for the study's page.
  package func stopStudy(_ context: StudyContext, because reason: String) throws(NormaError) {
    var context = context
    context.warnings.append(reason)
    guard folder.shard == nil else { return try index.finishRun(run, .stopped, context: context) }
    // `reason` says that the run did not come to its end.
    let standing = try index.standing(as: .done).warnings
    try Self.close(run, .stopped, of: index, context: context, standing: standing, folder: folder)
  }
}

extension CaseIndex {
  /// The value of `scoring` for a case whose files are being rewritten. No real settings text equals it.
  static let unfinished = "unfinished"

  fileprivate func markUnfinished(caseNamed name: String) throws(NormaError) {
    try write { database in
      try database.execute(
        sql: "UPDATE cases SET scoring = ? WHERE name = ? AND scoring <> ?",
        arguments: [Self.unfinished, name, Self.unfinished])
      try Self.reseal(
        cases: Int64.fetchAll(database, sql: "SELECT id FROM cases WHERE name = ?", arguments: [name]), in: database)
    }
  }
}
