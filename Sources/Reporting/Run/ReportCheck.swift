import Anomaly
import Files
import Foundation
import GRDB
import Imaging
import Threads

/// Checks whether a report's files match its index. It changes nothing and takes no lock.
package struct ReportCheck: Sendable {
  package private(set) var cases = 0
  package private(set) var scans = 0
  /// Sentences, one for each file or row that is missing, altered or contradictory.
  package private(set) var faults: [String] = []
  /// Sentences, one for each thing that could not be checked.
  package private(set) var notes: [String] = []

  private let folder: ReportFolder
  /// Differences up to this are those of rounding.
  private static let rounding = 1e-9
  /// Paths within the report that the index accounts for.
  private var known: Set<String> = []
  private var unhashed = 0
  /// Whether the files of a case are not known, since its run's configuration cannot be read.
  private var isUncertain = false

  /// - Parameter progress: called with the number of cases checked so far and the number of all cases.
  /// - Throws: if there is no report or its index cannot be read at all.
  package init(of path: String, progress: (Int, Int) -> Void = { _, _ in }) throws(NormaError) {
    let index = try CaseIndex(readingFrom: ReportFolder(path).index)
    folder = ReportFolder(path, pages: try index.pages())
    let isMerged = (try? index.latestContext())?.mergedShards != nil
    let again = isMerged ? "Run norma merge again." : "Run norma analyze again."
    faults += try index.damage().map {
      "\(folder.index): \($0). Move the index away and run norma \(isMerged ? "merge" : "analyze") again."
    }
    faults += try index.contradictions().map { "\(folder.index): \($0). \(again)" }
    faults += try index.brokenSeals().map {
      "\(folder.index): \($0): its rows are not those that norma recorded. \(again)"
    }
    let (standing, contexts, rows): (ReportStanding, [Int64: StudyContext], [CaseRow])
    do {
      standing = try index.standing()
      contexts = try index.contexts()
      rows = try index.cases(inStudy: nil, sort: .name)
    } catch {
      // The rows cannot be read, and what was found so far may say why.
      faults.append("\(error)")
      return
    }
    // A run that is at work may judge these cases anew.
    let isFault = standing.outdatedClause != nil && !standing.isAtWork
    for (k, warning) in standing.warnings.enumerated() {
      if isFault, k == 0 { faults.append("\(path): \(warning)") } else { notes.append("\(path): \(warning)") }
    }
    let found = ReportLinks(in: folder)
    faults += found.links.map {
      "\(folder.file($0)): it is a link, which leads out of the report. Remove it, or put what it leads to in its place."
    }
    for file in [ReportFolder.studyPage, ReportFolder.style, ReportFolder.script] where !exists(file) {
      faults.append("\(folder.file(file)): the file is missing. Run norma report.")
    }
    for (number, row) in rows.enumerated() {
      try check(row, in: index, context: contexts[row.runID])
      progress(number + 1, rows.count)
    }
    cases = rows.count
    let current = rows.filter(\.isInStudy)
    let unexamined = current.count { $0.status != .done }
    if unexamined > 0 {
      notes.append(
        "\(path): no scan could be scored in \(unexamined) of \(Count.of(current.count, "case")): not examined.")
    }
    if !isUncertain { findUnknownFiles() }
    let unsealed = try index.casesWithoutSeal()
    if unsealed > 0 {
      notes.append(
        "\(path): \(Count.of(unsealed, "case was", "cases were")) recorded by an older norma without a digest; whether "
          + "rows of the index were altered cannot be told.")
    }
    if unhashed > 0 {
      notes.append(
        "\(path): \(Count.of(unhashed, "heatmap was", "heatmaps were")) recorded by an older norma without a digest; "
          + "whether they were altered cannot be told.")
    }
  }

  private func exists(_ relative: String) -> Bool { FileManager.default.fileExists(atPath: folder.file(relative)) }

  private mutating func check(_ row: CaseRow, in index: CaseIndex, context: StudyContext?) throws(NormaError) {
    known.insert(row.reportPath)
    if !exists(row.reportPath) {
      faults.append("\(folder.file(row.reportPath)): the page of the case is missing. Run norma report.")
    }
    if context == nil {
      faults.append(
        "\(folder.index): the configuration of run \(row.runID), which scored case '\(row.name)', is not what norma "
          + "writes. Run norma analyze again.")
    }
    if let context, let p = row.pValue, row.flagged != VerdictRule(rate: context.falsePositiveRate).isHigh(pValue: p) {
      faults.append(
        "\(folder.index): case '\(row.name)' is \(row.flagged ? "" : "not ")flagged, and its p-value of \(p) says "
          + "otherwise at a false-positive rate of \(PageText.percent(context.falsePositiveRate)). Run norma analyze "
          + "again.")
    }
    if let context, !context.calibrationScores.isEmpty, row.score != nil, row.pValue == nil {
      faults.append(
        "\(folder.index): case '\(row.name)' has a score and no p-value, though there are healthy cases to compare it with. "
          + "Run norma analyze again.")
    }
    if let context, context.results.map({ $0.algorithm == Scorer.algorithm }) ?? true,
      !context.calibrationScores.isEmpty, row.domainShift == nil, let score = row.score,
      let p = row.pValue,
      abs(p - Calibration.pValue(score, among: context.calibrationScores.sorted())) > Self.rounding
    {
      faults.append(
        "\(folder.index): case '\(row.name)' has the score \(score) and the p-value \(p), which do not belong together. "
          + "Run norma analyze again.")
    }
    let all = try index.scans(of: row.id)
    scans += all.count
    let done = all.filter { $0.status == .done }
    let digests = Parallel.map(done.count) { [folder] k in
      done[k].heatmapPath.flatMap { Study.digest(ofFile: folder.file($0)) }
    }
    for (scan, digest) in zip(done, digests) {
      checkHeatmap(of: scan, digest: digest)
      checkPictures(of: scan, inCase: row.name, context: context)
    }
  }

  private mutating func checkHeatmap(of scan: ScanRow, digest: String?) {
    guard let relative = scan.heatmapPath else { return }
    known.insert(relative)
    guard let digest else {
      let found = exists(relative) ? "cannot be read" : "is missing"
      faults.append("\(folder.file(relative)): the heatmap \(found). Run norma analyze again.")
      return
    }
    guard let recorded = scan.heatmapSHA256 else {
      unhashed += 1
      return
    }
    if digest != recorded {
      faults.append(
        "\(folder.file(relative)): the heatmap was altered: its SHA-256 is \(digest), \(recorded) was recorded. "
          + "Remove it and run norma analyze again.")
    }
  }

  private mutating func checkPictures(of scan: ScanRow, inCase name: String, context: StudyContext?) {
    known.insert(folder.residual(ofScan: scan.name, inCase: name))
    known.insert(folder.picture(.original, ofScan: scan.name, inCase: name))
    // Older versions of norma gave the pictures other names.
    guard let context, context.pictures == StudyContext.currentPictures else {
      isUncertain = isUncertain || context == nil
      return
    }
    let files = Report.files(
      ofScan: scan.name, channels: scan.channels, inCase: name, folder: folder, context: context)
    known.formUnion(files)
    for file in files where file != scan.heatmapPath && !exists(file) {
      faults.append("\(folder.file(file)): the file is missing, its scan's page shows it. Run norma analyze again.")
    }
    let tiles = Report.tileFiles(ofScan: scan.name, inCase: name, folder: folder)
    known.formUnion(tiles)
    guard tiles.contains(where: exists) else { return }
    for file in tiles where !exists(file) {
      faults.append("\(folder.file(file)): the tiles are missing. Remove the heatmap and run norma analyze again.")
    }
  }

  /// Reports files left by a killed run or by a scan that is no longer in the study. Files that norma did not write are
  /// ignored.
  private mutating func findUnknownFiles() {
    let cases = folder.file("cases")
    let files: [FolderWalk.File]
    do { files = try FolderWalk(of: cases, takingHidden: true).files } catch {
      faults.append("\(error)")
      return
    }
    var told: Set<String> = []
    for file in files {
      // A tile folder is named once, instead of its thousands of tiles.
      let parts = FilePath.parts(of: file.path)
      let whole = parts.firstIndex { ReportFolder.isTileFolder($0) || AtomicFile.isUnfinished($0) } ?? parts.count - 1
      let name = parts[whole]
      let relative = "cases/" + parts[...whole].joined(separator: "/")
      guard !known.contains(relative),
        ReportFolder.isScanFile(name) || AtomicFile.isUnfinished(name)
          || name == FilePath.name(of: ReportFolder.studyPage), told.insert(relative).inserted
      else { continue }
      faults.append("\(folder.file(relative)): the index does not know this file. Remove it.")
    }
  }
}
