import Anomaly
import Files
import Foundation
import Reporting

/// Adds the statements on a study that need all its cases: its comparison with the training study, and notes for
/// readers.
struct StudyClosing {
  /// The model; `nil` where it cannot be read any more.
  let model: Model?
  let score: Score
  /// Number of scans scored piece by piece (`slides`) and whole (`others`).
  let slides: Int
  let others: Int
  let minimumRegionArea: RegionArea?
  let resolutionNote: String?
  let observe: WorkflowObserver

  /// Adds warnings and facts to the context, and reports them to the user.
  ///
  /// - Parameters:
  ///   - index: holds every case, whichever run analyzed it.
  ///   - cases: names of the cases that the study holds now.
  /// - Returns: one line on the comparison with the training study.
  func add(to context: inout StudyContext, from index: CaseIndex, cases: Set<String>) throws -> String {
    let domain = try model.map { try DomainComparison(model: $0).compare(cases, in: index) }
    let summary = domain?.summary ?? "not tested: the model file is not there any more"
    context.domainShift = domain?.warning
    let mismatch = model.flatMap { $0.calibrations[score]?.mismatch(slides: slides, others: others) }
    let notes =
      [
        domain?.strangeCases, try noteOnPixelSize(index), resolutionNote, mismatch,
      ].compactMap { $0 } + (try OwnCases(in: index)).notes(of: model?.record)
      + [try noteOnDarkScans(index), try noteOnReviews(index)].compactMap { $0 }
      + (try index.incompleteScans()).map { SourceScan.incompleteness($0.path, share: $0.share) }
    context.warnings += notes
    for text in [domain?.warning].compactMap({ $0 }) + notes { observe(.warning(text)) }
    context.record?.domain = summary
    return summary
  }

  /// A note on cases whose scans may be on different scales: one far brighter than the others hides their tissue.
  private func noteOnDarkScans(_ index: CaseIndex) throws -> String? {
    let names = try index.casesMostlyWithoutTissue()
    guard !names.isEmpty else { return nil }
    return
      "In \(Count.of(names.count, "case")) most scans show no tissue at the brightness of the others: "
      + "\(NameList.text(names)). All scans of a case are taken to be on one scale; where one is not, make it a case of its "
      + "own."
  }

  /// A note on reviews of what a case showed before.
  private func noteOnReviews(_ index: CaseIndex) throws -> String? {
    let names = try index.casesWithOutdatedReview()
    guard !names.isEmpty else { return nil }
    return
      "The \(names.count == 1 ? "review" : "reviews") of \(Count.of(names.count, "case")) judged another score than "
      + "\(names.count == 1 ? "it has" : "they have") now, since files or settings have changed: \(NameList.text(names))."
  }

  /// A note on scans without a pixel size: a least area in square millimeters has no effect on them.
  private func noteOnPixelSize(_ index: CaseIndex) throws -> String? {
    guard let area = minimumRegionArea, area.unit == .squareMillimeters else { return nil }
    let count = try index.scansWithoutPixelSize()
    guard count > 0 else { return nil }
    return
      "\(Count.of(count, "scan does", "scans do")) not say how large a pixel is; regions smaller than \(area) were "
      + "not left out there."
  }
}
