import Anomaly
import Files
import Reporting

/// Compares an analyzed study with the one its model was trained on.
struct DomainComparison {
  struct Result {
    /// One line for the terminal and the provenance.
    var summary: String
    /// Warning at the top of the study's page; `nil` where the study looks like the training study.
    var warning: String?
    /// Which cases look unusual in a study that as a whole does not, or of which nothing can be said; `nil` where there
    /// are none.
    var strangeCases: String?
  }

  private let shift: DomainShift?
  private let hasReference: Bool
  private let hasLearned: Bool

  init(model: Model) {
    hasReference = model.domain != nil
    hasLearned = model.record.knowledge.warnings.isEmpty
    shift = model.domain.flatMap { DomainShift($0) }
  }

  /// - Parameters:
  ///   - names: names of the study's cases.
  ///   - index: holds the appearance of every case of the study, whichever run analyzed it.
  func compare(_ names: Set<String>, in index: CaseIndex) throws -> Result {
    guard let shift else {
      let reason =
        hasReference ? "it was trained by another norma" : "it does not know what its training study looked like"
      return Result(summary: "not tested: the model cannot tell, since \(reason); train anew for the test")
    }
    let appearances = try index.appearances().filter { names.contains($0.key) }
    let strange = try index.strangeCases().filter(names.contains)
    switch shift.outcome(ofStudy: appearances.sorted { $0.key < $1.key }.map(\.value)) {
    case .notTested(let reason):
      return Result(summary: "not tested: \(reason)", strangeCases: Self.sentence(strange, of: appearances.count))
    case .shifted(let differences):
      let outcome = DomainShift.StudyOutcome.shifted(differences)
      let count = differences.count
      return Result(
        summary: "unlike the training study in \(Count.of(count, "feature")); see the warning",
        warning: DomainShift.warning(outcome))
    case .alike:
      return Result(
        summary: "like the training study (two-sample tests of \(Count.of(appearances.count, "case")), level 1 %)"
          + (hasLearned ? "" : ", of which the model has not learned enough")
          + (strange.isEmpty ? "" : "; \(Count.of(strange.count, "case is", "cases are")) not, see the warning"),
        strangeCases: Self.sentence(strange, of: appearances.count))
    }
  }

  private static func sentence(_ names: [String], of count: Int) -> String? {
    guard !names.isEmpty else { return nil }
    let shown = names.prefix(5).joined(separator: ", ") + (names.count > 5 ? " and others" : "")
    let some = "\(names.count) of \(Count.of(count, "case"))"
    return
      "\(some) \(names.count == 1 ? "does" : "do") not look like the cases the model was trained on; scores and heatmaps there may mean nothing: \(shown)."
  }
}
