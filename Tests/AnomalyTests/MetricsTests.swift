import Anomaly
import Foundation
import Numerics
import Testing

// The reference numbers come from Peers/metrics.py, made with scikit-learn 1.9.1:
//
//   average_precision_score(truth, scores), roc_auc_score(truth, scores),
//   max over precision_recall_curve(truth, scores) of 2 * precision * recall / (precision + recall)
//
// Both sides count in integers and divide in Double, so they differ by a few roundings.
private let roundings = 1e-12

private func close(_ value: Double?, _ expected: Double, within tolerance: Double = roundings) -> Bool {
  value.map { abs($0 - expected) <= tolerance } ?? false
}

struct MetricsTests {
  private static let scores: [Float] = [0.9, 0.8, 0.8, 0.7, 0.7, 0.7, 0.5, 0.5, 0.2, 0.2, -0.1, -0.1]
  private static let truth = [1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0].map { $0 == 1 }

  @Test func `ties count as one threshold, as in scikit-learn`() {
    let ranking = Metrics.Ranking(scores: Self.scores, truth: Self.truth)
    #expect(ranking.truePositives == [1, 2, 3, 4, 4, 5])
    #expect(ranking.falsePositives == [0, 1, 3, 4, 6, 7])
    #expect(close(ranking.averagePrecision, 0.6166666666666667))
    #expect(close(ranking.auroc, 0.6428571428571428))
    #expect(close(ranking.bestDice, 0.6153846153846154))
  }

  @Test func `the order in which ties are given does not matter`() {
    let turned = Metrics.Ranking(scores: Self.scores.reversed(), truth: Self.truth.reversed())
    let ranking = Metrics.Ranking(scores: Self.scores, truth: Self.truth)
    #expect(turned.truePositives == ranking.truePositives)
    #expect(turned.falsePositives == ranking.falsePositives)
  }

  /// `levels` makes ties; the formula is that of `pseudo_random` in the script.
  ///
  /// Tolerance: the sines of two C libraries may differ in their last bit, which the factor raises to 1e-11; of 5000
  /// numbers one in ten million would change sides.
  @Test(
    arguments: [
      (1 << 24, 0.7580524682434785, 0.9018358246869044, 0.6963534361851332),
      (64, 0.7479389318173671, 0.901838914726832, 0.694019471488178),
    ])
  func `five thousand scores give scikit-learn's figures`(
    levels: Int, averagePrecision: Double, auroc: Double, bestDice: Double
  ) {
    func fraction(_ x: Double) -> Double { x - x.rounded(.down) }
    let u = (1...5000).map { fraction(sin(Double($0) * 12.9898) * 43758.5453) }
    let v = (1...5000).map { fraction(sin(Double($0) * 78.233) * 43758.5453) }
    let scores = u.map { Float(($0 * Double(levels)).rounded(.down) / Double(levels)) }
    let ranking = Metrics.Ranking(scores: scores, truth: zip(u, v).map { $1 < $0 * $0 * $0 })
    #expect(ranking.positives == 1252)
    #expect(ranking.negatives == 3748)
    #expect(close(ranking.averagePrecision, averagePrecision, within: 1e-9))
    #expect(close(ranking.auroc, auroc, within: 1e-9))
    #expect(close(ranking.bestDice, bestDice, within: 1e-9))
  }

  @Test func `a perfect ranking has figures of 1, a reversed one an area of 0`() {
    let perfect = Metrics.Ranking(scores: [3, 2, -1, -2], truth: [true, true, false, false])
    #expect(perfect.averagePrecision == 1)
    #expect(perfect.auroc == 1)
    #expect(perfect.bestDice == 1)
    let reversed = Metrics.Ranking(scores: [3, 2, -1, -2], truth: [false, false, true, true])
    #expect(reversed.auroc == 0)
    // By hand: precision 1/3 at recall 1/2, 2/4 at recall 1; Dice of everything marked is 2 * 2 / (4 + 2).
    #expect(close(reversed.averagePrecision, 0.5 / 3 + 0.5 / 2))
    #expect(close(reversed.bestDice, 2.0 / 3))
  }

  @Test func `zero and minus zero are one score, infinities the outermost`() {
    let zeros = Metrics.Ranking(scores: [0, -0.0], truth: [true, false])
    #expect(zeros.truePositives == [1])
    #expect(zeros.falsePositives == [1])
    let infinities = Metrics.Ranking(
      scores: [-.infinity, 1e38, .infinity, -1e38], truth: [false, true, true, false])
    #expect(infinities.truePositives == [1, 2, 2, 2])
  }

  @Test func `without positives no figure is defined, without negatives no area is`() {
    let healthy = Metrics.Ranking(scores: [1, 2], truth: [false, false])
    #expect(healthy.averagePrecision == nil)
    #expect(healthy.auroc == nil)
    #expect(healthy.bestDice == nil)
    let ill = Metrics.Ranking(scores: [1, 2], truth: [true, true])
    #expect(ill.averagePrecision == 1)
    #expect(ill.auroc == nil)
    #expect(ill.bestDice == 1)
    let empty = Metrics.Ranking(scores: [], truth: [])
    #expect(empty.positives == 0 && empty.negatives == 0)
    #expect(empty.averagePrecision == nil && empty.auroc == nil && empty.bestDice == nil)
  }
}
