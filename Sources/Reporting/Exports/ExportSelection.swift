import Files

/// The cases of a report to export, ordered by name. Cases that left the study are not among them.
package struct ExportSelection: Sendable {
  let folder: ReportFolder
  let index: CaseIndex
  private let rows: [CaseRow]
  /// Number of the cases.
  package var count: Int { rows.count }
  /// Threshold of each run, by the run's number.
  private let thresholds: [Int64: Double]

  /// - Parameters:
  ///   - report: path of the report folder.
  ///   - names: pattern that the names of the cases must match; `nil` for all cases.
  /// - Throws: `NormaError` if the folder is not a report or no name matches.
  package init(of report: String, flaggedOnly: Bool = false, names: NameGlob? = nil) throws(NormaError) {
    folder = ReportFolder(report)
    index = try CaseIndex(readingFrom: folder.index)
    let all = try index.cases(sort: .name)
    let named = names.map { glob in all.filter { glob.matches($0.name) } } ?? all
    if let names, named.isEmpty {
      throw NormaError(
        subject: report, found: "it has \(Count.of(all.count, "case")) and none with a name like '\(names.pattern)'",
        remedy: "See their names with norma cases")
    }
    rows = named.filter { $0.flagged || !flaggedOnly }
    var thresholds: [Int64: Double] = [:]
    for run in Set(rows.map(\.runID)) { thresholds[run] = try Self.threshold(of: run, in: index) }
    self.thresholds = thresholds
  }

  private static func threshold(of run: Int64, in index: CaseIndex) throws(NormaError) -> Double {
    guard let context = try? index.run(run)?.context else {
      throw NormaError(
        subject: index.path, found: "the configuration of run \(run) is not what norma writes",
        remedy: "Run norma analyze on this folder again")
    }
    return context.threshold
  }

  /// Reads the cases one after another, so that only one is held in memory.
  func forEachCase(
    _ progress: (Int, Int) -> Void = { _, _ in }, _ body: (ExportCase) throws -> Void
  ) throws {
    for (k, row) in rows.enumerated() {
      progress(k, rows.count)
      try body(try index.exportCase(row, threshold: thresholds[row.runID]!))
    }
  }
}
