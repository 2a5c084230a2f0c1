import Files
import Foundation
import Numerics

/// Tests whether a study or a case comes from the population the model was trained on: the same organ, modality,
/// scanner, stain and resolution.
///
/// **Study.** For every feature, a two-sample Kolmogorov-Smirnov test compares the study's cases with those of the
/// training study: with all of them if the feature does not depend on the model, with the held-out ones if it does. The
/// p-values are adjusted over the features (Holm). The study is told apart if a feature's adjusted p-value is at most
/// `level` *and* its distance is at least `leastDistance` even after any shift by the feature's `leastDifference`. The
/// second condition keeps large studies from being told apart by trifles. If cases are drawn independently from one
/// population, a study of that population is told apart with probability at most `level`. Cases of one patient are not
/// independent; a patient should be a case. A study too small for any p-value to reach the level (`fewestTestable`) is
/// told apart if every one of its cases is far out; otherwise nothing can be said of it.
///
/// **Case.** A case's distance is the root mean square, over the features, of its deviations from a median, in robust
/// standard deviations. Both are computed over the training study's cases and the case itself. This treats the case in
/// the same way as the held-out ones. Therefore `p = (1 + #{held-out cases at least as distant}) / (n + 1)` is at most
/// `alpha` with probability at most `alpha` if the case and the held-out cases are exchangeable (full conformal
/// prediction). A case is far out if its distance is more than twice the one that a share `level` of the held-out cases
/// exceeds, or the largest. The factor is needed because a lesion alone may make a case unusual.
///
/// **Held-out case.** A few held-out cases that are far out from the others by the same factor (`odd`) set no limit for
/// new ones. See `Calibration` for what else they do not do.
///
/// Sources: Hodges 1958 (the exact test); Holm 1979; Vovk et al. 2005, "Algorithmic Learning in a Random World",
/// section 2.2 (full conformal); Rabanser et al. 2019, arXiv:1810.11953 (univariate tests with a correction detect
/// shifts).
package struct DomainShift: Sendable {
  package let reference: DomainReference
  private let features: [AppearanceFeature]
  /// Indices of the held-out cases that are far out: all beyond the first gap by a factor of two among the largest
  /// distances, a tenth of them, if they deviate by three robust standard deviations in a feature. A larger part of the
  /// held-out cases is a kind of its own, not odd. Empty where too few cases are held out.
  package let odd: Set<Int>

  /// Rate of false alarms of the study's test.
  package static let level = 0.01
  /// Smallest Kolmogorov-Smirnov distance that counts. Two normal distributions one standard deviation apart have a
  /// distance of 0.38.
  package static let leastDistance = 0.4
  /// Fewest cases to compare with: fewer say too little about how cases differ.
  package static let fewestCases = 10
  private static let leastExcess = 2.0
  /// One in so many held-out cases may be odd.
  private static let mostOdd = 10
  /// Smallest deviation, in robust standard deviations, for which a feature of a far case is named.
  private static let namedDeviation = 3.0

  /// - Returns: `nil` if the reference holds the features of another version of norma.
  package init?(_ reference: DomainReference) {
    guard reference.isCurrent, reference.fits(channels: reference.channels) else { return nil }
    self.reference = reference
    features = AppearanceFeature.all(channels: reference.channels)
    let deviations = Self.deviations(in: reference, of: features, with: nil).heldOut
    let distances = deviations.map(Self.rootMeanSquare)
    let sorted = distances.sorted()
    let upper = max(sorted.count - 1 - max(sorted.count / Self.mostOdd, 1), 0)..<max(sorted.count - 1, 0)
    guard sorted.count >= Self.fewestCases,
      let gap = upper.first(where: { sorted[$0 + 1] > Self.leastExcess * sorted[$0] })
    else {
      odd = []
      return
    }
    odd = Set(
      distances.indices.filter { k in
        distances[k] > sorted[gap] && deviations[k].contains { $0 >= Self.namedDeviation }
      })
  }

  /// A feature in which a study or a case differs from the training study.
  package struct Difference: Sendable, Equatable {
    package var feature: AppearanceFeature
    /// Kolmogorov-Smirnov distance for a study; deviation in robust standard deviations for a case.
    package var distance: Double
    /// Shares of the training study's cases whose value is below and above that of the case, or of the study's middle
    /// case.
    package var shareBelow: Double
    package var shareAbove: Double

    package init(feature: AppearanceFeature, distance: Double, shareBelow: Double, shareAbove: Double) {
      self.feature = feature
      self.distance = distance
      self.shareBelow = shareBelow
      self.shareAbove = shareAbove
    }

    /// Such as `the noise of channel 2 is above that of 97 % of the training cases`.
    package var sentence: String {
      let share = max(shareBelow, shareAbove)
      guard share >= 0.8 else { return "\(feature.name) varies otherwise than among the training cases" }
      let side = shareBelow > shareAbove ? "above" : "below"
      let cases = share == 1 ? "all training cases" : String(format: "%.0f %% of the training cases", share * 100)
      return "\(feature.name) is \(side) that of \(cases)"
    }
  }

  package struct CaseOutcome: Sendable, Equatable {
    package var pValue: Double
    /// The features that make the case far out, the largest deviation first; empty if it is not far out.
    package var differences: [Difference]

    package var isFar: Bool { !differences.isEmpty }

    /// The differences as a clause.
    package var inWords: String { DomainShift.list(differences) }
  }

  package enum StudyOutcome: Sendable, Equatable {
    case alike
    /// The study is told apart by these differences, the largest first.
    case shifted([Difference])
    case notTested(reason: String)
  }

  // MARK: - Case

  /// - Returns: `nil` if too few cases are held out.
  package func outcome(ofCase item: Appearance) -> CaseOutcome? {
    guard reference.heldOut.count >= Self.fewestCases, item.values.count == features.count else { return nil }
    let deviations = Self.deviations(in: reference, of: features, with: item)
    let distances = deviations.heldOut.map(Self.rootMeanSquare)
    let distance = Self.rootMeanSquare(deviations.own.map(\.value))
    let pValue = Calibration.pValue(distance, among: distances.sorted())
    let usual = distances.indices.filter { !odd.contains($0) }.map { distances[$0] }.sorted()
    let allowed = max(Int((Self.level * Double(usual.count + 1)).rounded(.down)) - 1, 0)
    guard distance > Self.leastExcess * usual[usual.count - 1 - allowed] else {
      return CaseOutcome(pValue: pValue, differences: [])
    }
    return CaseOutcome(pValue: pValue, differences: named(deviations.own, of: item, beside: reference))
  }

  /// The features in which a held-out case differs most from the others, the largest deviation first.
  package func differences(ofHeldOut index: Int) -> [Difference] {
    let others = DomainReference(
      channels: reference.channels, training: reference.training,
      heldOut: reference.heldOut.indices.filter { $0 != index }.map { reference.heldOut[$0] })
    let item = reference.heldOut[index]
    return named(Self.deviations(in: others, of: features, with: item).own, of: item, beside: others)
  }

  private func named(
    _ deviations: [(feature: Int, value: Double)], of item: Appearance, beside others: DomainReference
  ) -> [Difference] {
    let ranked = deviations.sorted { $0.value > $1.value }
    return ranked.prefix(max(1, ranked.count { $0.value >= Self.namedDeviation })).map {
      difference($0.feature, middle: item.values[$0.feature]!, distance: $0.value, beside: others)
    }
  }

  /// Deviations from medians over the known cases and `item`, in robust standard deviations: by feature those of `item`,
  /// and those of each held-out case.
  private static func deviations(
    in reference: DomainReference, of features: [AppearanceFeature], with item: Appearance?
  ) -> (own: [(feature: Int, value: Double)], heldOut: [[Double]]) {
    var own: [(feature: Int, value: Double)] = []
    var heldOut = [[Double]](repeating: [], count: reference.heldOut.count)
    for f in features.indices {
      let known = reference.values(of: f)
      guard known.count >= fewestCases else { continue }
      let value = item?.values[f]
      if item != nil, value == nil { continue }
      let (center, spread) = centerAndSpread(
        of: known + [value].compactMap { $0 }, least: features[f].leastDifference)
      if let value { own.append((f, abs(value - center) / spread)) }
      for (k, other) in reference.heldOut.enumerated() {
        if let value = other.values[f] { heldOut[k].append(abs(value - center) / spread) }
      }
    }
    return (own, heldOut)
  }

  private static func rootMeanSquare(_ values: [Double]) -> Double {
    (values.reduce(0) { $0 + $1 * $1 } / Double(max(values.count, 1))).squareRoot()
  }

  /// Median, and the larger of two robust standard deviations, so that features with heavy tails do not dominate the
  /// others.
  private static func centerAndSpread(of values: [Double], least: Double) -> (center: Double, spread: Double) {
    let sorted = values.sorted()
    func quantile(_ share: Double, _ sorted: [Double]) -> Double { Appearance.quantile(share, of: sorted)! }
    let center = quantile(0.5, sorted)
    let deviation = quantile(0.5, sorted.map { abs($0 - center) }.sorted())
    let range = quantile(0.95, sorted) - quantile(0.05, sorted)
    return (center, max(1.4826 * deviation, range / 3.29, least))
  }

  // MARK: - Study

  package func outcome(ofStudy cases: [Appearance]) -> StudyOutcome {
    let cases = cases.filter { $0.values.count == features.count }
    var tested: [(feature: Int, known: [Double], own: [Double])] = []
    for f in features.indices {
      let (known, own) = (reference.values(of: f), cases.compactMap { $0.values[f] })
      if known.count >= Self.fewestCases, !own.isEmpty { tested.append((f, known, own)) }
    }
    let smallest = tested.map { KolmogorovSmirnov.smallestPValue($0.known.count, $0.own.count) }.min()
    guard let smallest, smallest * Double(tested.count) <= Self.level else { return outcomeByCases(cases) }
    let distances = tested.map { KolmogorovSmirnov.distance($0.known, $0.own) }
    let adjusted = MultipleTesting.holm(
      zip(tested, distances).map { KolmogorovSmirnov.pValue(distance: $1, $0.known.count, $0.own.count) })
    var found: [Difference] = []
    for (k, test) in tested.enumerated() where adjusted[k] <= Self.level {
      let notable = KolmogorovSmirnov.distance(
        test.known, test.own, tolerance: features[test.feature].leastDifference)
      guard notable >= Self.leastDistance else { continue }
      let middle = Appearance.quantile(0.5, of: test.own.sorted())!
      found.append(difference(test.feature, middle: middle, distance: distances[k], beside: reference))
    }
    return found.isEmpty ? .alike : .shifted(found.sorted { $0.distance > $1.distance })
  }

  private func outcomeByCases(_ cases: [Appearance]) -> StudyOutcome {
    let outcomes = cases.compactMap(outcome(ofCase:))
    guard !outcomes.isEmpty, outcomes.allSatisfy(\.isFar) else {
      return .notTested(reason: reasonToSayNothing(of: cases.count))
    }
    return .shifted(outcomes.map(\.differences).max { ($0.first?.distance ?? 0) < ($1.first?.distance ?? 0) } ?? [])
  }

  private func reasonToSayNothing(of cases: Int) -> String {
    let known = Count.of(reference.training.count + reference.heldOut.count, "training case")
    let few = Count.of(cases, "case is", "cases are")
    guard let fewestTestable else { return "\(few) too few to compare with \(known)" }
    return "\(few) too few to say anything of the study: beside \(known), tests at level "
      + "\(Int((Self.level * 100).rounded())) % can tell apart only studies of \(Count.of(fewestTestable, "case")) or more"
  }

  /// Fewest cases of a study that the tests can tell apart: with fewer, the adjusted p-value of no feature reaches
  /// `level`, however far the study lies from the training study. The smallest p-value of `m` cases among `n` is
  /// `2 / binomial(n + m, m)`, times the number of features. `nil` if too few training cases are known for any test.
  package var fewestTestable: Int? {
    let known = features.indices.map { reference.values(of: $0).count }.filter { $0 >= Self.fewestCases }
    guard let most = known.max() else { return nil }
    return (1...).first { KolmogorovSmirnov.smallestPValue(most, $0) * Double(known.count) <= Self.level }
  }

  private func difference(
    _ f: Int, middle: Double, distance: Double, beside others: DomainReference
  ) -> Difference {
    let known = others.values(of: f)
    let count = Double(max(known.count, 1))
    return Difference(
      feature: features[f], distance: distance, shareBelow: Double(known.count { $0 < middle }) / count,
      shareAbove: Double(known.count { $0 > middle }) / count)
  }
}

extension DomainShift {
  /// The warning for a study that is told apart; `nil` for other studies.
  package static func warning(_ outcome: StudyOutcome) -> String? {
    guard case .shifted(let differences) = outcome else { return nil }
    return "This study does not look like the one the model was trained on: scores, p-values and heatmaps may mean "
      + "nothing. In its middle case \(list(differences)). Analyze it with a model trained on healthy scans of its own "
      + "kind."
  }

  /// The warning for a case that is far out; `nil` for other cases.
  package static func warning(_ outcome: CaseOutcome) -> String? {
    guard outcome.isFar else { return nil }
    return "This case does not look like those the model was trained on: its score and heatmaps may mean nothing, "
      + "and the false-positive rate does not hold for it. Here \(outcome.inWords)."
  }

  /// The warning for an odd held-out case.
  package func warning(ofHeldOut index: Int, named name: String) -> String {
    "The held-out case \(name) does not look like the other healthy cases: in it "
      + "\(Self.list(differences(ofHeldOut: index))). It sets no threshold for cases that look as most do. Look at it. If "
      + "it is not healthy, or was made in another way than the others, train again with --exclude '\(name)'."
  }

  fileprivate static func list(_ differences: [Difference]) -> String {
    let shown = differences.prefix(3).map(\.sentence)
    let rest = differences.count - shown.count
    let more = rest == 0 ? [] : [Count.of(rest, "further feature differs", "further features differ")]
    let parts = shown + more
    return parts.count < 2 ? parts.joined() : parts.dropLast().joined(separator: ", ") + " and " + parts.last!
  }
}
