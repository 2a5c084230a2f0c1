import Anomaly
import Files
import Foundation
import GRDB
import Imaging

/// Merges the indexes of a study's shards into the index of the whole study.
///
/// The new index is built under a temporary name and replaces the old index when it is complete. A second merge gives
/// the same result, and a merge that is stopped leaves the old index. Rows get the same numbers as in one run over the
/// whole study.
package struct ShardMerge {
  package let folder: ReportFolder
  /// Shards with an index, by number.
  package let parts: [ShardPart]
  private let sharing: CaseIndex.Sharing

  /// Reads and checks all shards of a report and changes nothing.
  ///
  /// - Throws: `NormaError` if there are no shards, or if some do not belong together; the error names them.
  package init(of folder: ReportFolder, sharing: CaseIndex.Sharing) throws(NormaError) {
    self.folder = folder
    self.sharing = sharing
    let shards = folder.shardsFound
    guard !shards.isEmpty else {
      throw NormaError(
        subject: folder.path, found: "it holds no shards", remedy: "Run norma analyze with --shard K/N first")
    }
    try Self.checkDivision(shards, in: folder)
    var parts: [ShardPart] = []
    for shard in shards {
      let path = ReportFolder(folder.path, shard: shard).index
      let index = try CaseIndex(readingFrom: path, sharing: sharing)
      guard let run = try index.latestRun() else {
        throw NormaError(subject: path, found: "the index records no run", remedy: "Run its norma analyze again")
      }
      if let broken = try index.brokenSeals().first {
        throw NormaError(
          subject: path, found: "\(broken): its rows are not those that norma recorded",
          remedy: "Run its norma analyze again")
      }
      if let clause = try index.standing().outdatedClause {
        throw NormaError(subject: path, found: clause, remedy: "Run its norma analyze again")
      }
      parts.append(ShardPart(shard: shard, run: run, context: try index.latestContext(), index: path))
    }
    self.parts = parts
    try checkSettings()
    try checkOldIndex()
  }

  /// Numbers of shards that no run has begun.
  package var absent: [Int] {
    let found = Set(parts.map(\.shard.number))
    return (1...parts[0].shard.count).filter { !found.contains($0) }
  }

  /// Shards whose last run did not finish.
  package var unfinished: [ShardPart] { parts.filter { $0.run.status != .done } }

  // MARK: - Checks

  /// Throws if a report holds shards of several divisions, of which only one can be meant.
  static func checkDivision(_ shards: [Shard], in folder: ReportFolder) throws(NormaError) {
    let divisions = Dictionary(grouping: shards, by: \.count).sorted { $0.key < $1.key }
    guard divisions.count > 1 else { return }
    let found = divisions.map { count, shards in
      "\(shards.count) of a division into \(count) (\(Self.names(shards)))"
    }
    throw NormaError(
      subject: folder.file(ReportFolder.shards),
      found: "it holds \(found.joined(separator: " and ")); one was expected",
      remedy: "Remove the folders of the shards that are not wanted")
  }

  /// Throws if the shards' settings differ. The most frequent settings are taken as the intended ones.
  private func checkSettings() throws(NormaError) {
    func check(_ what: String, _ value: (ShardPart) -> String) throws(NormaError) {
      let groups = Dictionary(grouping: parts, by: value).sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
      guard groups.count > 1 else { return }
      let others = groups.dropFirst().map { "\(Self.names($0.value.map(\.shard))) with '\($0.key)'" }
      throw NormaError(
        subject: folder.file(ReportFolder.shards),
        found: "its shards were analyzed with different \(what): \(others.joined(separator: ", ")); "
          + "'\(groups[0].key)' was expected, as \(Self.names(groups[0].value.map(\.shard)))",
        remedy: "Run norma analyze on these shards again with --anew and what was expected")
    }
    try check("models") { $0.run.modelSHA256 }
    try check("settings") { $0.context.settingsInWords }
    try check("false-positive rates") { "\($0.context.falsePositiveRate)" }
    try check("studies") { $0.context.title }
    try check("choices of cases") { "\($0.context.record?.selection ?? StudySelection())" }
    try checkStudy()
  }

  /// Throws if a shard is of another study with the same name. Shards that know the study by another path, on another
  /// host perhaps, are held against its files, where these can be read from here.
  private func checkStudy() throws(NormaError) {
    func folder(_ part: ShardPart) -> String { part.context.record?.studyFolder ?? part.run.studyPath }
    let groups = Dictionary(grouping: parts, by: folder).sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
    guard groups.count > 1, let study = try? Study(path: groups[0].key) else { return }
    for (other, parts) in groups.dropFirst() {
      for part in parts {
        let index = try CaseIndex(readingFrom: part.index, sharing: sharing)
        let files = try index.recordedFiles(atMost: CaseIndex.filesCompared)
        guard !files.isEmpty, !study.holdsMost(of: files) else { continue }
        throw NormaError(
          subject: part.index, found: "this shard is of the study \(other), the others are of \(study.path)",
          remedy: "Run norma analyze on this shard again with --anew and the others' study")
      }
    }
  }

  private func checkOldIndex() throws(NormaError) {
    guard FileManager.default.fileExists(atPath: folder.index) else { return }
    let old = try CaseIndex(readingFrom: folder.index, sharing: sharing)
    guard try old.latestRun() != nil else { return }
    guard try old.latestContext().mergedShards != nil else {
      throw NormaError(
        subject: folder.index,
        found: "it was written by norma analyze without --shard, and a merge would drop its cases",
        remedy: "Move it away, or analyze the shards into another folder")
    }
    let folders = Set(parts.compactMap(\.context.record?.studyFolder))
    if let known = try old.latestContext().record?.studyFolder, folders.contains(known) { return }
    let files = try old.recordedFiles(atMost: CaseIndex.filesCompared)
    var found = 0
    for part in parts { found += try CaseIndex(readingFrom: part.index, sharing: sharing).matches(of: files) }
    guard files.isEmpty || 2 * found > files.count else {
      throw NormaError(
        subject: folder.index,
        found:
          "it is of another study than the shards (\(try old.latestRun()?.studyPath ?? "unknown")), whose reviews do "
          + "not belong to their cases",
        remedy: "Move it away, or analyze the shards into another folder")
    }
  }

  /// The names of shards in a sentence, at most five: `1/42, 2/42, 3/42, 4/42, 5/42 and 37 others`.
  package static func names(_ shards: [Shard]) -> String {
    let shown = shards.prefix(5).map { "\($0)" }
    return shown.joined(separator: ", ")
      + (shards.count > shown.count ? " and \(shards.count - shown.count) others" : "")
  }

  // MARK: - Merging

  /// Makes the index of the whole study and its pages.
  ///
  /// - Parameters:
  ///   - progress: called before each shard with the number of shards that are done.
  ///   - complete: given the index with all cases, adds facts about the whole study to the run's context; returns
  ///     whether the study is complete.
  package func write(
    toolVersion: String, progress: (Int) throws -> Void,
    complete: (CaseIndex, inout StudyContext) throws -> Bool
  ) throws {
    let unfinished = AtomicFile.unfinishedPath(for: folder.index)
    defer {
      for ending in ["", "-journal", "-wal", "-shm"] {
        try? FileManager.default.removeItem(atPath: unfinished + ending)
      }
    }
    let index = try CaseIndex(mergingTo: unfinished)
    var context = parts[0].context
    context.shard = nil
    context.mergedShards = parts[0].shard.count
    context.mergedRuns = Dictionary(uniqueKeysWithValues: parts.map { ($0.shard.number, $0.run.id) })
    context.record?.command = nil
    context.record?.seconds = nil
    context.record?.study = parts[0].run.studyPath
    context.record?.shards = .init(found: parts.count, count: parts[0].shard.count)
    context.record?.startedAt = parts.map(\.run.startedAt).min() ?? ""
    let run = try index.beginRun(
      context, toolVersion: toolVersion, modelSHA256: parts[0].run.modelSHA256, studyPath: parts[0].run.studyPath)
    try index.take(parts, run: run, sharing: sharing, progress: progress)
    if FileManager.default.fileExists(atPath: folder.index) {
      try index.takeIdentityAndReviews(from: folder.index, sharing: sharing)
    }
    let folder = ReportFolder(folder.path, pages: try index.pages())
    let isComplete = try complete(index, &context)
    try folder.makeFolder("assets")
    try Report.writeAssets(in: folder)
    try index.adjustRegions { [context] record in
      // A page that was deleted with its pictures is not made again.
      guard FileManager.default.fileExists(atPath: folder.file(record.row.reportPath)) else { return }
      let page = CasePage(record, context: context, folder: folder)
      try folder.write(page.data, to: record.row.reportPath)
    }
    let standing = try index.standing(as: .done).warnings
    try Report.close(
      run, isComplete ? .done : .failed, of: index, context: context, standing: standing, folder: folder)
    try index.becomeIndex(of: folder, sharing: sharing)
  }
}
