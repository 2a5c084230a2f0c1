import Anomaly
import Compute
import Foundation
import Numerics
import Testing

extension Calibration {
  /// A calibration on as many cases of one scan as the longest list has values; shorter lists go on with their last.
  static func sample(
    caseScores: [Double], regionLevels: [Double] = [1], regionMasses: [Double] = [0]
  ) -> Calibration {
    let count = max(caseScores.count, regionLevels.count, regionMasses.count)
    func value(_ values: [Double], _ k: Int) -> Double { values[min(k, values.count - 1)] }
    return Calibration(
      extremes: (0..<count).map {
        [
          ScanExtremes(
            score: value(caseScores, $0), regionLevel: value(regionLevels, $0), regionMass: value(regionMasses, $0))
        ]
      })
  }
}

struct CalibrationTests {
  @Test func `a held-out case that hides all others is named, with what to do`() throws {
    func warning(_ scores: [Double], textures: [[Double]]? = nil) -> String? {
      Calibration(
        extremes: scores.map { [ScanExtremes(score: $0, regionLevel: 1, regionMass: 1)] }, textures: textures
      ).outlier(among: scores.indices.map { "case \($0)" })
    }
    let usual = (0..<20).map { 1.5 + 0.02 * Double($0 * 7 % 20) }
    let sentence = try #require(warning(usual + [4.05]))
    #expect(
      sentence.hasPrefix(
        "The held-out case case 20 has a score of 4.05 at its worst place, the next 1.88: at 5 %, no case below it"),
      "\(sentence)")
    #expect(sentence.hasSuffix("train again with --exclude 'case 20'."), "\(sentence)")
    #expect(warning(usual) == nil && warning(usual + [2]) == nil && warning([1, 9]) == nil)
    #expect(warning(usual + usual + [4.05]) == nil)
    let withWholes = try #require(warning(usual + [4.05], textures: (usual + [0]).map { [$0 + 1] }))
    #expect(withWholes.contains("at 5 %, hardly any case is flagged for its worst place alone."), "\(withWholes)")
  }

  @Test(arguments: [(0.5, 1.0), (1, 1), (1.5, 0.75), (2, 0.75), (2.5, 0.25), (3, 0.25)])
  func `a p-value counts the healthy scores that are at least as high, and one more`(score: Double, expected: Double) {
    #expect(Calibration.pValue(score, among: [1, 2, 2]) == expected)
  }

  @Test func `a score above all healthy ones has the smallest p-value there is`() {
    #expect(Calibration.pValue(99, among: (0..<19).map(Double.init)) == 0.05)
    #expect(Calibration.pValue(99, among: []) == 1)
  }

  /// Over many splits of exchangeable scores, ties among them, the share of p-values at or below the stated rate is a
  /// binomial share of at most that rate; where the rate is a multiple of 1 / (n + 1) and there are no ties, of exactly
  /// that rate. Each split is drawn anew, so the trials are independent.
  ///
  /// Tolerance: 4.5 standard deviations of the binomial distribution, exceeded by chance once in 150 000 seeds.
  @Test(arguments: [(19, 0.05), (19, 0.2), (39, 0.05), (39, 0.1), (9, 0.3)], [false, true])
  func `the realized false-positive rate is the stated one`(split: (healthy: Int, rate: Double), hasTies: Bool) {
    var random = RandomGenerator(seed: 2024)
    let trials = 20_000
    var flagged = 0
    for _ in 0..<trials {
      // Skewed, so that nothing rests on a normal distribution.
      var scores = (0...split.healthy).map { _ in Double(exp(random.normal())) }
      if hasTies { scores = scores.map { ($0 * 2).rounded() } }
      let tested = scores.removeLast()
      if Calibration.pValue(tested, among: scores.sorted()) <= split.rate + 1e-12 { flagged += 1 }
    }
    let share = Double(flagged) / Double(trials)
    let margin = 4.5 * (split.rate * (1 - split.rate) / Double(trials)).squareRoot()
    #expect(share <= split.rate + margin)
    if !hasTies { #expect(share >= split.rate - margin) }
  }

  @Test(arguments: [(1, 0.05, 0.5), (3, 0.05, 0.25), (18, 0.05, 1.0 / 19), (19, 0.05, 0.05), (200, 0.05, 0.05)])
  func `the rate that can be had is limited by the number of healthy cases`(
    cases: Int, rate: Double, expected: Double
  ) {
    let calibration = Calibration.sample(caseScores: (0..<cases).map(Double.init))
    #expect(calibration.attainableRate(rate) == expected)
    // Such a rate is attained: a score above all others is flagged.
    #expect(calibration.isFlagged(pValue: Calibration.pValue(1e9, among: calibration.caseScores), rate: rate))
  }

  @Test(arguments: [1, 2, 9, 19, 20, 39, 100], [0.001, 0.01, 0.05, 0.1, 0.3, 0.5, 0.9])
  func `a case is flagged just above the threshold and not at it`(cases: Int, rate: Double) throws {
    var random = RandomGenerator(seed: UInt64(cases))
    let scores = (0..<cases).map { _ in 5 + Double(random.normal()) }.sorted()
    let calibration = Calibration.sample(caseScores: scores)
    let threshold = calibration.caseThreshold(rate: rate)
    func isFlagged(_ score: Double) -> Bool {
      calibration.isFlagged(pValue: Calibration.pValue(score, among: scores), rate: rate)
    }
    #expect(scores.contains(threshold))
    #expect(isFlagged(threshold.nextUp))
    #expect(!isFlagged(threshold))
  }

  @Test func `the threshold holds with ties`() throws {
    let scores: [Double] = [1, 2, 2, 2, 2, 3, 3, 3, 4]
    let calibration = Calibration.sample(caseScores: scores)
    for rate in [0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.8] {
      let threshold = calibration.caseThreshold(rate: rate)
      let above = Calibration.pValue(threshold.nextUp, among: scores)
      #expect(calibration.isFlagged(pValue: above, rate: rate), "\(rate)")
      #expect(!calibration.isFlagged(pValue: Calibration.pValue(threshold, among: scores), rate: rate), "\(rate)")
    }
  }

  @Test(arguments: [0.05, 0.1, 0.25])
  func `no more healthy scans than the rate allows show a region`(rate: Double) throws {
    var random = RandomGenerator(seed: 4)
    let levels = (0..<39).map { _ in 3 + Double(random.uniform()) }.sorted()
    let threshold = Calibration.sample(caseScores: [1], regionLevels: levels).regionThreshold(rate: rate)
    let showing = levels.count { $0 >= threshold }
    #expect(Double(1 + showing) / 40 <= rate + 1e-12)
    // One healthy scan more would be too many, unless it lies within the hundredth that levels are known to.
    #expect(Double(2 + levels.count { $0 >= threshold - 0.011 }) / 40 > rate)
  }

  @Test func `regions are never sought below half a deviation`() throws {
    #expect(Calibration.sample(caseScores: [1], regionLevels: [0, 0, 0]).regionThreshold(rate: 0.05) == 0.5)
  }
}

/// From Peers/metrics.py: `scipy.stats.norm.ppf(p)` of scipy 1.17.1. Relative tolerance: a few roundings; near 0.5 the
/// quantile is the difference of close numbers, so 1e-15 absolutely.
@Test(
  arguments: [
    (1e-300, -37.0470962993612), (1e-16, -8.222082216130435), (1e-09, -5.9978070150076865),
    (1e-05, -4.264890793922825), (0.001, -3.090232306167813), (0.02425, -1.972961051311885),
    (0.1, -1.2815515655446004), (0.5, 0), (0.6, 0.2533471031357997), (0.9, 1.2815515655446004),
    (0.975, 1.959963984540054), (0.99, 2.3263478740408408), (0.99999, 4.264890793923841),
    (1 - 0x1p-30, 6.009353565530744), (1 - 0x1p-53, 8.209536151601387),
  ] as [(Double, Double)])
func `quantiles of the normal distribution are scipy's`(p: Double, expected: Double) {
  #expect(abs(NormalDistribution.quantile(p) - expected) <= 1e-12 * abs(expected) + 1e-15)
}
