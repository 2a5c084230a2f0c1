import Files
import Reporting

/// Imports reviews that a report's pages saved into the report's index.
package struct ImportReviews {
  private let report: String
  private let reviewer: String?
  private let observe: WorkflowObserver

  /// - Parameters:
  ///   - report: folder of the report.
  ///   - reviewer: name of the reviewer, recorded with the verdicts.
  package init(report: String, reviewer: String?, observe: @escaping WorkflowObserver = { _ in }) {
    self.report = report
    self.reviewer = reviewer
    self.observe = observe
  }

  /// - Parameters:
  ///   - files: files that the pages saved.
  ///   - done: called with each file and the result of its import.
  /// - Returns: whether all reviews of all files are now in the index.
  package func run(_ files: [String], done: (String, ReviewImport) -> Void) throws -> Bool {
    let lock = try WritingRight.take(report: report, observe: observe)
    defer { lock.release() }
    let index = try CaseIndex(updating: ReportFolder(report).index)
    var isComplete = true
    var names: Set<String> = []
    // A bad file is reported, and the others are still imported.
    for path in files {
      do {
        let file = try ReviewFile(path: path, reviewer: reviewer)
        let title = try index.latestContext().title
        let result = try index.record(file.reviews)
        done(path, result)
        warn(of: result, path: path)
        if let study = file.study, study != title {
          observe(
            .warning(
              "\(path): it was saved from a report titled '\(PrintableText.escaped(study))', and this one is titled "
                + "'\(PrintableText.escaped(title))'. Its reviews count for the cases of the same names; look at these again "
                + "where the studies are not the same."))
        }
        names.formUnion(file.reviews.map(\.caseName))
        isComplete = isComplete && result.unknownCases.isEmpty
      } catch {
        observe(.failed(error))
        isComplete = false
      }
    }
    try Report.showReviews(ofCases: names.sorted(), in: report)
    return isComplete
  }

  private func warn(of result: ReviewImport, path: String) {
    let unknown = result.unknownCases
    if !unknown.isEmpty {
      let reason = "not imported, since this report has no case of the name: \(NameList.text(unknown))"
      observe(.warning("\(path): \(reason). Import the file into the report that it was saved from."))
    }
    if result.ofOtherModels > 0 {
      let reviews = Count.of(result.ofOtherModels, "review judges", "reviews judge")
      let reason = "\(reviews) the report of another model, with other scores and regions"
      observe(.warning("\(path): \(reason). Look at these cases again."))
    }
    if result.ofOtherScores > 0 {
      let reviews = Count.of(result.ofOtherScores, "review judges", "reviews judge")
      let reason = "\(reviews) another score than the case has here: of another study, or by another --score"
      observe(.warning("\(path): \(reason). Look at these cases again."))
    }
  }
}
