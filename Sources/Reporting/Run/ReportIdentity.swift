import Anomaly
import Files
import Foundation
import GRDB

/// What a report is made of: one study, scored by one model in one way. Scores of two models, or of two studies, are
/// never compared under one threshold.
extension ReportFolder {
  /// Refuses a run that does not belong into this report: one on another study, by another model, or with another
  /// score or resolution.
  ///
  /// - Parameter startsAnew: whether to empty such a report instead. A copy of its index is kept. Its reviews are kept
  ///   in the report too, unless they are of another study's cases.
  /// - Returns: a sentence that says what was dropped and where it is kept; `nil` if nothing was.
  package func admit(
    _ context: StudyContext, of study: Study, startsAnew: Bool, sharing: CaseIndex.Sharing
  ) throws(NormaError) -> String? {
    try checkNeighbours(of: study, startsAnew: startsAnew)
    guard let old = try CaseIndex(ifAnyAt: index, sharing: sharing) else { return nil }
    let isOther = try !old.isReport(of: study)
    let differences = try old.differences(from: context, study: isOther ? study : nil)
    guard !differences.isEmpty else { return nil }
    guard startsAnew else {
      throw NormaError(
        subject: indexFolder, found: "this report was made in another way: \(differences.joined(separator: "; "))",
        remedy: "Choose another folder with --output, or give --anew to drop its results and start it anew")
    }
    let dropped = try drop(keepingReviews: !isOther, sharing: sharing)
    return "\(indexFolder): started anew, since \(differences.joined(separator: "; ")). What it held, "
      + "\(Count.of(dropped.cases, "case")) and \(Count.of(dropped.reviews, "review")), is kept in "
      + "\(dropped.copy)\(dropped.reviews > 0 && !isOther ? "; the reviews are in the report too" : "")."
  }

  /// Refuses another study than that of the other indexes in the folder: cases of the same name share their files.
  private func checkNeighbours(of study: Study, startsAnew: Bool) throws(NormaError) {
    // A shard that is started anew replaces its own cases; the merge tells whether the whole fits.
    if shard != nil, startsAnew { return }
    let neighbours = shard == nil ? shardsFound.map { ReportFolder(path, shard: $0) } : [ReportFolder(path)]
    for neighbour in neighbours {
      guard let index = try CaseIndex(ifAnyAt: neighbour.index, sharing: .network), try !index.isReport(of: study)
      else {
        continue
      }
      throw NormaError(
        subject: neighbour.index, found: "the folder holds results of another study than \(study.path)",
        remedy: "Choose another folder with --output, or move this report away")
    }
  }

  /// Whether a run on this study may go on with what lies in this folder: there is no report, or it is of this study.
  package func isFree(forStudyAt path: String) throws(NormaError) -> Bool {
    let indexes = ([nil] + shardsFound).map { ReportFolder(self.path, shard: $0).index }
    guard let index = indexes.first(where: { FileState.isRegular($0) }) else { return true }
    guard let old = try CaseIndex(ifAnyAt: index, sharing: .host), try !old.isReport(ofFolder: path) else {
      return true
    }
    return try old.isReport(of: try Study(path: path))
  }

  private func drop(
    keepingReviews: Bool, sharing: CaseIndex.Sharing
  ) throws(NormaError) -> (copy: String, cases: Int, reviews: Int) {
    let index = try CaseIndex(writingTo: self.index, sharing: sharing)
    let pages = try index.pages()
    let reviews = try index.reviews().count
    let copy: String
    do { copy = try IndexUpgrade.copy(index.queue, to: "\(self.index).before-anew") } catch {
      throw .index(self.index, error)
    }
    try index.write { database in
      try database.execute(sql: "DELETE FROM cases")
      try CaseIndex.forgetRemovedCases(in: database)
      if !keepingReviews { try database.execute(sql: "DELETE FROM reviews") }
    }
    for (_, page) in pages { removeFiles(ofCaseIn: FilePath.folder(of: page)) }
    return (copy, pages.count, reviews)
  }

  /// Removes what norma wrote for a case, and the case's folder if nothing else lies in it.
  func removeFiles(ofCaseIn relative: String) {
    let folder = file(relative)
    AtomicFile.removeUnfinished(in: folder)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let written = names.filter { Self.isScanFile($0) || $0 == Self.studyPage }
    for name in written { try? FileManager.default.removeItem(atPath: "\(folder)/\(name)") }
    if written.count == names.count { try? FileManager.default.removeItem(atPath: folder) }
  }
}

extension CaseIndex {
  /// Opens an index for queries; `nil` if there is none, or one without tables that a kill left.
  init?(ifAnyAt path: String, sharing: Sharing) throws(NormaError) {
    guard FileState.isRegular(path) else { return nil }
    do throws(NormaError) { try self.init(readingFrom: path, sharing: sharing) } catch {
      guard error == .emptyIndex(path) else { throw error }
      return nil
    }
  }

  /// Whether the recorded cases are those of this study: it lies where it was analyzed, or it has the files that were.
  func isReport(of study: Study) throws(NormaError) -> Bool {
    if try isReport(ofFolder: study.path) { return true }
    let files = try recordedFiles(atMost: Self.filesCompared)
    return files.isEmpty || study.holdsMost(of: files)
  }

  /// Whether the last run, or one whose cases are recorded, was on the study in this folder.
  func isReport(ofFolder path: String) throws(NormaError) -> Bool {
    let folder = FilePath.resolved(path)
    let runs = try runsOfCases() + [latestRun()].compactMap { $0 }
    return runs.contains { run in
      if let known = (try? run.context)?.record?.studyFolder { return known == folder }
      // An older norma kept the path as it was given, of which only an absolute one says where the study lay.
      return run.studyPath.utf8.first == UInt8(ascii: "/") && FilePath.resolved(run.studyPath) == folder
    }
  }

  /// How many of the files the index records with the same contents.
  func matches(of files: [RecordedFile]) throws(NormaError) -> Int {
    try read { database in
      try files.count { file in
        try Bool.fetchOne(
          database, sql: "SELECT EXISTS (SELECT * FROM scans WHERE path = ? AND sha256 = ?)",
          arguments: [file.path, file.sha256]) ?? false
      }
    }
  }

  /// To read that many files tells two studies apart, and costs little where scans are large.
  static let filesCompared = 16

  /// Files of the recorded cases of the study, evenly spread over the index.
  func recordedFiles(atMost count: Int) throws(NormaError) -> [RecordedFile] {
    try read { database in
      let sql = """
        FROM (SELECT path, max(sha256) AS sha256 FROM scans JOIN cases ON cases.id = case_id
          WHERE sha256 IS NOT NULL AND in_study = 1 GROUP BY path)
        """
      let all = try Int.fetchOne(database, sql: "SELECT count(*) " + sql) ?? 0
      let step = max(1, (all + count - 1) / max(count, 1))
      return try Row.fetchAll(
        database,
        sql: """
          SELECT path, sha256 FROM (SELECT path, sha256, row_number() OVER (ORDER BY path) - 1 AS place \(sql))
          WHERE place % ? = 0 ORDER BY place
          """, arguments: [step]
      ).map { RecordedFile(path: try $0.decode(atIndex: 0), sha256: try $0.decode(atIndex: 1)) }
    }
  }

  /// Clauses that say in what the recorded cases differ from a run so that their scores cannot be compared.
  ///
  /// - Parameter study: the study of the run if the report is of another one, else `nil`.
  fileprivate func differences(from context: StudyContext, study: Study?) throws(NormaError) -> [String] {
    let runs = try runsOfCases()
    guard let last = runs.last else { return [] }
    var clauses: [String] = []
    if let study { clauses.append("it is of the study \(last.studyPath), not of \(study.path)") }
    if let other = runs.last(where: { $0.modelSHA256 != context.modelSHA256 }) {
      let (old, new) = ((try? other.context)?.record?.model, context.record?.model)
      func name(_ path: String?, _ digest: String?) -> String {
        [path, "SHA-256 \((digest ?? "").prefix(12))..."].compactMap { $0 }.joined(separator: ", ")
      }
      clauses.append(
        "its model is another one (\(name(old, other.modelSHA256))) than this (\(name(new, context.modelSHA256)))")
    }
    for run in runs.reversed() {
      guard let new = context.results, let old = (try? run.context)?.results else { continue }
      let changes = new.changes(since: old, onlyScores: true)
      if !changes.isEmpty { return clauses + changes }
    }
    return clauses
  }

  /// Runs of which cases are recorded, in their order.
  func runsOfCases() throws(NormaError) -> [RunRow] {
    try read { try RunRow.fetchAll($0, sql: "SELECT * FROM runs WHERE id IN (SELECT run_id FROM cases) ORDER BY id") }
  }
}
