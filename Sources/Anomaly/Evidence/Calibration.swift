import Foundation

/// The distribution of one of a model's scores over held-out healthy scans and cases, which gives a score its meaning.
package struct Calibration: Codable, Sendable, Equatable {
  /// Scores of the held-out healthy scans and cases, ascending.
  package let scanScores: [Double]
  package let caseScores: [Double]
  /// For each held-out healthy scan the highest level at which it still shows a region, ascending.
  package let regionLevels: [Double]
  /// For each held-out healthy scan the mass of its most massive group, ascending; `nil` in models of an older norma.
  package let regionMasses: [Double]?
  /// Groups with fewer pixels of the model's grid do not count as regions.
  package let minimumRegionArea: Int
  /// Number of held-out scans that were slides; `nil` in models of an older norma, which had none.
  package let slides: Int?

  /// - Parameters:
  ///   - cases: values of the scans of the held-out healthy cases, case by case.
  ///   - slides: number of these scans that are slides.
  init(extremes cases: [[ScanExtremes]], slides: Int = 0) {
    self.slides = slides
    minimumRegionArea = ScanExtremes.smallestRegion
    scanScores = cases.joined().map(\.score).sorted()
    caseScores = cases.compactMap { $0.map(\.score).max() }.sorted()
    regionMasses = cases.joined().map(\.regionMass).sorted()
    regionLevels = cases.joined().map(\.regionLevel).sorted()
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

  /// The rate at which healthy cases are flagged: `rate`, or the smallest rate that the number of healthy cases allows.
  package func attainableRate(_ rate: Double) -> Double { max(rate, 1 / Double(caseScores.count + 1)) }

  /// A sentence that says why scans of a study cannot be compared with the held-out ones; `nil` if they can.
  ///
  /// - Parameters:
  ///   - slides: number of slides in the study.
  ///   - others: number of scans in the study that were held whole.
  package func mismatch(slides: Int, others: Int) -> String? {
    let known = self.slides ?? 0
    func warning(_ count: Int, _ kind: String, _ other: String) -> String {
      "\(count) \(kind) \(count == 1 ? "was" : "were") scored by a model that was calibrated on \(other): "
        + "p-values and flags say little. Train on scans of one size."
    }
    if slides > 0, known < scanScores.count {
      return warning(slides, slides == 1 ? "slide" : "slides", "scans that are held whole")
    }
    if others > 0, known > 0 {
      return warning(others, others == 1 ? "scan that is held whole" : "scans that are held whole", "slides")
    }
    return nil
  }

  /// A case is flagged if its score is above this.
  package func caseThreshold(rate: Double) -> Double {
    Self.threshold(rate: attainableRate(rate), among: caseScores)
  }

  /// Pixels at or above this `z` form regions: a healthy scan shows any region with probability at most `rate`.
  package func regionThreshold(rate: Double) -> Double {
    let rate = max(rate, 1 / Double(regionLevels.count + 1))
    return max(Self.threshold(rate: rate, among: regionLevels) + 0.01, 0.5)
  }

  package func isFlagged(pValue: Double, rate: Double) -> Bool { pValue <= attainableRate(rate) + 1e-12 }

  /// The smallest healthy score for which all higher scores have a p-value of at most `rate`.
  private static func threshold(rate: Double, among healthy: [Double]) -> Double {
    // Number of healthy scores that may lie above the threshold.
    let allowed = Int((rate * Double(healthy.count + 1) + 1e-9).rounded(.down)) - 1
    let index = healthy.count - 1 - max(0, allowed)
    return healthy.indices.contains(index) ? healthy[index] : 0
  }
}

extension Calibration {
  /// Gives every region of a scan its p-value: the share of healthy scans that anywhere show a group of at least its
  /// mass.
  ///
  /// Each healthy scan counts only with its most massive group. The p-value is therefore adjusted for all places of a
  /// scan: a healthy scan shows any region with a p-value of `alpha` or less with probability at most `alpha`, if it is
  /// exchangeable with the held-out scans. Scans of one case resemble each other; if the held-out cases are few and
  /// have many scans, the rate can exceed `alpha` by up to one case's share. Source: Nichols & Hayasaka 2003,
  /// doi:10.1191/0962280203sm341ra (maximum statistic); Vovk et al. 2005 (conformal p-value).
  ///
  /// - Parameters:
  ///   - regions: regions found on `heat` enlarged by `factor`.
  ///   - heat: heatmap on the model's grid.
  /// - Returns: the regions with their p-values; the regions unchanged if the model holds no masses.
  package func withPValues(_ regions: [Region], of heat: Heatmap, factor: Int) -> [Region] {
    guard let healthy = regionMasses, !regions.isEmpty else { return regions }
    let masses = RegionMasses(of: heat)
    return regions.map { region in
      var region = region
      region.pValue = Self.pValue(masses.mass(of: region, factor: factor), among: healthy)
      return region
    }
  }
}
