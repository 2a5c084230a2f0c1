import Files
import Foundation

/// The distribution of one of a model's scores over held-out healthy scans and cases, which gives a score its meaning.
///
/// Where cases are judged by their worst place alone, few held-out cases that look unlike all others, by `DomainShift`,
/// are kept apart. A new case that looks as most do is compared with the held-out cases that do, one that is far out
/// with all of them. So one case of another scanner does not set the threshold for all. Among cases that look as most
/// do, the rate holds nearly: new cases and held-out ones are not told apart by exactly the same rule, and what the
/// model cannot reconstruct is a part of the look. All healthy cases together are flagged at most about twice as often:
/// those that are far out as often as their scores are the highest of all. Scores of scans and levels of regions are
/// those of cases that look as most do. Source of comparing within kinds: Vovk et al. 2003, "Mondrian confidence
/// machine".
package struct Calibration: Codable, Sendable, Equatable {
  /// Scores of the scans of each held-out healthy case, ascending within the case.
  package let scanScores: [[Double]]
  /// Highest scan scores of the held-out healthy cases: how abnormal the worst place of each is.
  package let cases: CaseMaxima
  /// How unusual the texture of cases is as a whole; `nil` for models without `TextureReference`.
  package let texture: TextureScore?
  /// Scores of healthy cases, ascending. Where cases are also judged as a whole, these are the scores of both kinds
  /// together, of the held-out cases and of those that were trained on.
  package let caseScores: [Double]
  /// For each held-out healthy scan the highest level at which it still shows a region, ascending.
  package let regionLevels: [Double]
  /// Logarithms of 1 + the mass of the most massive group of each held-out healthy case.
  package let masses: CaseMaxima
  /// The tail of `masses`.
  package let massTail: HealthyTail
  /// Groups with fewer pixels of the model's grid do not count as regions.
  package let minimumRegionArea: Int
  /// Held-out cases that look unlike all others; they count in no other part. Empty where `texture` is measured: how
  /// unusual a case looks is then a part of its score.
  package let odd: [OddCase]
  /// Number of held-out scans that were slides; `nil` in models of an older norma, which had none.
  package let slides: Int?

  /// A held-out case that looks unlike all others.
  package struct OddCase: Codable, Sendable, Equatable {
    let score: Double
    /// Logarithm of 1 + the mass of its most massive group.
    let mass: Double
  }

  /// - Parameters:
  ///   - cases: values of the scans of the held-out healthy cases, case by case.
  ///   - scores: scores of the same scans by what other cases show; `nil` takes those of `cases`.
  ///   - textures: texture distances of the same scans; `nil` where the model measures none.
  ///   - others: texture distances of the scans of further healthy cases. The network was trained on them, so that its
  ///     scores of them say nothing. Each of these cases is given the worst place of the held-out case that is most like
  ///     it as a whole, so that the two kinds of scores depend on each other as they do in the held-out cases.
  ///   - detection: AUROC of the scores for held-out patches with planted lesions beside the same without.
  ///   - slides: number of these scans that are slides.
  ///   - odd: indices of the held-out cases that look unlike all others, not all of them; none where there are textures.
  package init(
    extremes cases: [[ScanExtremes]], scores: [[Double]]? = nil, textures: [[Double]]? = nil,
    otherTextures others: [[Double]] = [], detection: Double = 1, slides: Int = 0, odd: Set<Int> = []
  ) {
    self.slides = slides
    minimumRegionArea = ScanExtremes.smallestRegion
    precondition(odd.isEmpty || textures == nil, "cases that are judged as a whole are all compared with each other")
    let usual = cases.indices.filter { !odd.contains($0) }
    let values = scores ?? cases.map { $0.map(\.score) }
    scanScores = usual.map { values[$0].sorted() }
    let worst = CaseMaxima.fitted(to: usual.map { cases[$0].map(\.score) }, valued: usual.map { values[$0] })
    // A case without scans has no score of either kind.
    let heldOut = textures.map { textures in usual.filter { !cases[$0].isEmpty }.map { textures[$0] } } ?? []
    let texture =
      heldOut.contains { !$0.isEmpty }
      ? TextureScore(of: heldOut + others, others: worst.values, detection: detection) : nil
    self.cases = worst.maxima
    self.texture = texture
    caseScores =
      texture.map { texture in
        Self.caseScores(
          of: heldOut + others.filter { !$0.isEmpty }, places: worst.values, by: texture, detection: detection)
      } ?? worst.maxima.values
    let masses = CaseMaxima(of: usual.map { cases[$0].map { log1p($0.regionMass) } })
    self.masses = masses
    massTail = HealthyTail(of: masses.values)
    regionLevels = usual.flatMap { cases[$0].map(\.regionLevel) }.sorted()
    self.odd = odd.sorted().filter { !cases[$0].isEmpty }.map { k in
      let count = cases[k].count
      return OddCase(
        score: worst.maxima.comparable(values[k].max()!, ofScans: count),
        mass: masses.comparable(log1p(cases[k].map(\.regionMass).max()!), ofScans: count))
    }
  }

  /// p-value of a case, see `pValue(_:among:)`.
  ///
  /// - Parameter looksOdd: whether `DomainShift` finds the case far out; then it is compared with odd cases too.
  package func pValue(ofCase score: Double, looksOdd: Bool) -> Double {
    Self.pValue(score, among: looksOdd ? (caseScores + odd.map(\.score)).sorted() : caseScores)
  }

  /// The scores of healthy cases, each judged by what the others show, as a new case is; ascending.
  ///
  /// - Parameters:
  ///   - distances: texture distances of the scans of each case; those of the held-out cases come first.
  ///   - places: how abnormal the worst place of each held-out case is.
  ///   - texture: fitted to all of them.
  private static func caseScores(
    of distances: [[Double]], places: [Double], by texture: TextureScore, detection: Double
  ) -> [Double] {
    let wholes = distances.map(texture.score)
    return distances.indices.map { k in
      let like =
        places.indices.contains(k)
        ? k : places.indices.min { abs(wholes[$0] - wholes[k]) < abs(wholes[$1] - wholes[k]) } ?? 0
      var (others, otherPlaces) = (distances, places)
      others.remove(at: k)
      otherPlaces.remove(at: like)
      let judge =
        others.contains { !$0.isEmpty } && !otherPlaces.isEmpty
        ? TextureScore(of: others, others: otherPlaces, detection: detection) : texture
      return judge.combined(judge.score(of: distances[k]), with: places[like])
    }.sorted()
  }

  /// Split-conformal p-value `(1 + #{healthy >= score}) / (n + 1)`: if healthy scores are exchangeable with this one,
  /// it is at most `alpha` with probability at most `alpha`.
  /// Source: Vovk et al. 2005, "Algorithmic Learning in a Random World"; Bates et al. 2023, arXiv:2104.08279.
  package static func pValue(_ score: Double, among healthy: [Double]) -> Double {
    var low = 0
    var high = healthy.count
    while low < high {
      let middle = (low + high) / 2
      if healthy[middle] < score { low = middle + 1 } else { high = middle }
    }
    return Double(1 + healthy.count - low) / Double(healthy.count + 1)
  }

  /// Hierarchical conformal p-value of one scan: the mean share of healthy scans of a case that score as high, with
  /// this scan counted as a case of its own.
  ///
  /// Scans of one case are alike, so they do not count as that many. If the scan's case is exchangeable with the
  /// held-out cases, and the scan with the others of its case, the p-value is at most `alpha` with probability at most
  /// `alpha`. Source: Lee, Barber & Willett 2023, arXiv:2306.06342.
  package func scanPValue(_ score: Double) -> Double {
    let known = scanScores.filter { !$0.isEmpty }
    let shares = known.map { scores in Double(scores.count { $0 >= score }) / Double(scores.count) }
    return (1 + shares.reduce(0, +)) / Double(known.count + 1)
  }

  /// The rate at which healthy cases are flagged: `rate`, or the smallest rate that the number of healthy cases allows.
  package func attainableRate(_ rate: Double) -> Double {
    FalsePositiveRate(asked: rate, cases: caseScores.count).reached
  }

  /// A sentence that says why scans of a study cannot be compared with the held-out ones; `nil` if they can.
  ///
  /// - Parameters:
  ///   - slides: number of slides in the study.
  ///   - others: number of scans in the study that were held whole.
  package func mismatch(slides: Int, others: Int) -> String? {
    let known = self.slides ?? 0
    func warning(_ scored: String, _ other: String) -> String {
      "\(scored) scored by a model that was calibrated on \(other): "
        + "p-values and flags say little. Train on scans of one size."
    }
    if slides > 0, known < scanScores.joined().count {
      return warning(Count.of(slides, "slide was", "slides were"), "scans that are held whole")
    }
    if others > 0, known > 0 {
      return warning(
        Count.of(others, "scan that is held whole was", "scans that are held whole were"), "slides")
    }
    return nil
  }

  /// A case that looks as most do is flagged if its score is above this.
  package func caseThreshold(rate: Double) -> Double {
    Self.threshold(rate: attainableRate(rate), among: caseScores)
  }

  /// Pixels at or above this `z` form regions: a healthy scan shows any region with probability at most `rate`.
  package func regionThreshold(rate: Double) -> Double {
    let rate = max(rate, 1 / Double(regionLevels.count + 1))
    return max(Self.threshold(rate: rate, among: regionLevels) + 0.01, 0.5)
  }

  package func isFlagged(pValue: Double, rate: Double) -> Bool {
    VerdictRule(rate: attainableRate(rate)).isHigh(pValue: pValue)
  }

  /// The smallest healthy score for which all higher scores have a p-value of at most `rate`.
  private static func threshold(rate: Double, among healthy: [Double]) -> Double {
    // Number of healthy scores that may lie above the threshold.
    let allowed = Int((rate * Double(healthy.count + 1) + 1e-9).rounded(.down)) - 1
    let index = healthy.count - 1 - max(0, allowed)
    return healthy.indices.contains(index) ? healthy[index] : 0
  }
}

extension Calibration {
  /// p-value of a region: the share of healthy cases that show a group of at least its mass in any scan.
  ///
  /// Each healthy case counts only with its most massive group. The p-value is therefore adjusted for all places of all
  /// scans of a case: a healthy case shows any region with a p-value of `alpha` or less with probability at most
  /// `alpha`, if it is exchangeable with the held-out cases. Below `1 / (n + 1)` this rests on `massTail`. Source:
  /// Nichols & Hayasaka 2003, doi:10.1191/0962280203sm341ra (maximum statistic); Vovk et al. 2005 (conformal p-value).
  ///
  /// - Parameters:
  ///   - mass: mass of the region's group, see `RegionMasses`.
  ///   - count: number of scored scans in the region's case.
  ///   - looksOdd: whether `DomainShift` finds the case far out; then it is compared with odd cases too, without the tail.
  package func pValue(ofRegionWithMass mass: Double, caseOf count: Int, looksOdd: Bool) -> Double {
    let value = masses.comparable(log1p(mass), ofScans: count)
    guard !looksOdd else { return Self.pValue(value, among: (masses.values + odd.map(\.mass)).sorted()) }
    return Self.pValue(value, among: masses.values) * massTail.share(above: value)
  }

  /// The smallest p-value that a region can have.
  package var smallestRegionPValue: Double { massTail.smallestShare / Double(masses.values.count + 1) }

  /// Whether all parts, read from a file, are in their ranges.
  var isSound: Bool {
    cases.isSound && texture?.isSound ?? true && caseScores.count >= cases.values.count
      && caseScores.allSatisfy(\.isFinite) && masses.isSound && massTail.isSound
      && odd.allSatisfy { $0.score.isFinite && $0.mass.isFinite }
      && (0...1 << 30).contains(minimumRegionArea)
  }
}

extension Calibration {
  /// With so many held-out cases, more than one of them may lie above the threshold of 5 %.
  private static let fewestForTwo = 39

  /// The warning about a held-out case whose worst place sets the threshold, as a sentence; `nil` where there is none.
  ///
  /// The highest of few cases is the threshold. It hides everything less abnormal where it stands out by more than three
  /// times what lies between the next case and the median. Where cases are also judged as a whole, its place counts for
  /// the cases like it too, so that it hides places as far as they are trusted, and no whole.
  ///
  /// - Parameter names: names of the held-out cases, in the order of `scanScores`.
  package func outlier(among names: [String]) -> String? {
    let found = zip(names, scanScores).compactMap { name, scores in scores.last.map { (name: name, score: $0) } }
      .sorted { $0.score > $1.score }
    guard (3..<Self.fewestForTwo).contains(found.count) else { return nil }
    let (highest, next, median) = (found[0], found[1].score, found[found.count / 2].score)
    guard highest.score - next > 3 * (next - median) else { return nil }
    let effect = texture == nil ? "no case below it can be" : "hardly any case is"
    return String(
      format: "The held-out case %@ has a score of %.2f at its worst place, the next %.2f: at 5 %%, %@ flagged%@. Look "
        + "at it. If it is not healthy, or was made in another way than the others, train again with --exclude '%@'.",
      highest.name, highest.score, next, effect, texture == nil ? "" : " for its worst place alone", highest.name)
  }
}
