/// Detection metrics from scores and truth, as scikit-learn defines them.
package enum Metrics {
  /// Scores in descending order and their truth; equal scores count as one threshold.
  package struct Ranking: Sendable {
    /// Cumulative true and false positives after each distinct score, from the highest down.
    package private(set) var truePositives: [Int] = []
    package private(set) var falsePositives: [Int] = []

    /// - Parameters:
    ///   - scores: finite numbers; higher is more abnormal.
    ///   - truth: whether each scored item is abnormal; as many values as scores.
    package init(scores: [Float], truth: [Bool]) {
      precondition(scores.count == truth.count, "\(scores.count) scores, \(truth.count) truths")
      // One integer per pixel sorts several times faster than pairs. It holds the score's order-preserving bits, then
      // the truth.
      var keys = [UInt64](repeating: 0, count: scores.count)
      for i in scores.indices {
        let bits = (scores[i] + 0).bitPattern  // + 0 turns -0 into 0
        let ordered = bits & 0x8000_0000 != 0 ? ~bits : bits | 0x8000_0000
        keys[i] = UInt64(~ordered) << 1 | (truth[i] ? 1 : 0)
      }
      keys.sort()
      var hits = 0
      for (i, key) in keys.enumerated() {
        hits += Int(key & 1)
        if i + 1 == keys.count || keys[i + 1] >> 1 != key >> 1 {
          truePositives.append(hits)
          falsePositives.append(i + 1 - hits)
        }
      }
    }

    package var positives: Int { truePositives.last ?? 0 }
    package var negatives: Int { falsePositives.last ?? 0 }

    /// Mean precision over recall, `sum((recall[i] - recall[i - 1]) * precision[i])`; `nil` without positives.
    package var averagePrecision: Double? {
      guard positives > 0 else { return nil }
      var sum = 0.0
      var before = 0
      for (tp, fp) in zip(truePositives, falsePositives) {
        sum += Double(tp - before) * Double(tp) / Double(tp + fp)
        before = tp
      }
      return sum / Double(positives)
    }

    /// Area under the receiver operating characteristic by the trapezoidal rule; `nil` unless there are both positives
    /// and negatives.
    package var auroc: Double? {
      guard positives > 0, negatives > 0 else { return nil }
      var area = 0.0
      var before = (tp: 0, fp: 0)
      for (tp, fp) in zip(truePositives, falsePositives) {
        area += Double(fp - before.fp) * Double(tp + before.tp) / 2
        before = (tp, fp)
      }
      return area / (Double(positives) * Double(negatives))
    }

    /// Largest Dice coefficient over all thresholds; `nil` without positives.
    package var bestDice: Double? {
      guard positives > 0 else { return nil }
      return zip(truePositives, falsePositives).reduce(0) { best, point in
        max(best, 2 * Double(point.0) / Double(point.0 + point.1 + positives))
      }
    }
  }
}
