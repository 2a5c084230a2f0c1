import Compute
import Foundation
import Numerics

/// Detection figures of heatmaps against ground truth, with bootstrap confidence intervals over cases.
package struct Evaluation: Sendable {
  /// One scan with its ground truth.
  package struct Scan: Sendable {
    package var caseName: String
    /// `heat` holds the heat of every pixel, `truth` whether the pixel is lesion; both `[height, width]`.
    package var heat: [Float]
    package var truth: [Bool]
    /// Score of the whole scan; higher is more abnormal.
    package var score: Double

    package init(caseName: String, heat: [Float], truth: [Bool], score: Double) {
      precondition(heat.count == truth.count, "\(heat.count) scores, \(truth.count) truths")
      self.caseName = caseName
      self.heat = heat
      self.truth = truth
      self.score = score
    }

    var hasLesion: Bool { truth.contains(true) }
  }

  /// A figure and the interval that holds the middle 95 % of its bootstrap distribution.
  package struct Figure: Sendable, Codable, Equatable {
    package var value: Double
    package var low: Double?
    package var high: Double?
    /// The figure in every resample, in their order; `nil` where it is not defined.
    var draws: [Double?] = []

    private enum CodingKeys: CodingKey { case value, low, high }

    /// With fewer defined resamples the spread is unknown.
    static let fewestDraws = 20

    /// - Parameter sorted: at least one value, ascending.
    static func quantile(_ p: Double, of sorted: [Double]) -> Double {
      sorted[Int((Double(sorted.count - 1) * p).rounded())]
    }

    init(value: Double, draws: [Double?]) {
      (self.value, self.draws) = (value, draws)
      let known = draws.compactMap { $0 }.sorted()
      guard known.count >= Self.fewestDraws else { return }
      (low, high) = (Self.quantile(0.025, of: known), Self.quantile(0.975, of: known))
    }
  }

  /// A figure is `nil` where it is not defined: where there is no lesion, or nothing but lesions.
  package struct Figures: Sendable, Codable, Equatable {
    package var pixelAP: Figure?
    package var bestDice: Figure?
    /// Dice where the heatmap reaches the calibrated threshold; `nil` for a baseline without one.
    package var diceAtThreshold: Figure?
    package var pixelAUROC: Figure?
    /// Pixel AP over the scans that have a lesion.
    package var lesionScanAP: Figure?
    package var scanAUROC: Figure?
    package var scanAP: Figure?
    package var caseAUROC: Figure?

    enum CodingKeys: String, CodingKey {
      case pixelAP = "pixel_ap"
      case bestDice = "best_dice"
      case diceAtThreshold = "dice_at_threshold"
      case pixelAUROC = "pixel_auroc"
      case lesionScanAP = "lesion_scan_ap"
      case scanAUROC = "scan_auroc"
      case scanAP = "scan_ap"
      case caseAUROC = "case_auroc"
    }
  }

  /// - Parameters:
  ///   - threshold: calibrated threshold of heatmaps; `nil` leaves out the Dice at the threshold.
  ///   - resamples: how many times cases are drawn with replacement; 0 for no intervals.
  package static func figures(
    of scans: [Scan], threshold: Double?, resamples: Int = 2000, seed: UInt64 = 0
  ) -> Figures {
    let heat = scans.flatMap(\.heat)
    let truth = scans.flatMap(\.truth)
    let pixels = Metrics.Ranking(scores: heat, truth: truth)
    let lesionScans = scans.filter(\.hasLesion)
    let inLesionScans = Metrics.Ranking(scores: lesionScans.flatMap(\.heat), truth: lesionScans.flatMap(\.truth))
    let scanRanking = ranking(scans.map { ($0.score, $0.hasLesion) })
    let caseRanking = ranking(caseScores(scans))

    let resampled = Bootstrap(scans, heat: heat, threshold: threshold).resample(resamples, seed: seed)
    func figure(_ value: Double?, _ key: KeyPath<Bootstrap.Draw, Double?>) -> Figure? {
      guard let value else { return nil }
      return Figure(value: value, draws: resampled.map { $0[keyPath: key] })
    }
    return Figures(
      pixelAP: figure(pixels.averagePrecision, \.pixelAP), bestDice: figure(pixels.bestDice, \.bestDice),
      diceAtThreshold: figure(
        threshold.flatMap { Metrics.dice(scores: heat, truth: truth, threshold: Float($0)) }, \.diceAtThreshold),
      pixelAUROC: figure(pixels.auroc, \.pixelAUROC),
      lesionScanAP: figure(inLesionScans.averagePrecision, \.lesionScanAP),
      scanAUROC: figure(scanRanking.auroc, \.scanAUROC), scanAP: figure(scanRanking.averagePrecision, \.scanAP),
      caseAUROC: figure(caseRanking.auroc, \.caseAUROC))
  }

  private static func ranking(_ pairs: [(score: Double, truth: Bool)]) -> Metrics.Ranking {
    Metrics.Ranking(scores: pairs.map { Float($0.score) }, truth: pairs.map(\.truth))
  }

  /// Scores of cases: a case is as abnormal as its most abnormal scan.
  private static func caseScores(_ scans: [Scan]) -> [(score: Double, truth: Bool)] {
    Dictionary(grouping: scans, by: \.caseName).sorted { $0.key < $1.key }.map { _, scans in
      (scans.map(\.score).max()!, scans.contains(where: \.hasLesion))
    }
  }

  /// Resamples cases. Pixels are counted in a few thousand bins of equal frequency, because sorting all pixels again
  /// for each resample would take minutes. The point estimates above are exact.
  private struct Bootstrap {
    struct Draw {
      var pixelAP: Double?
      var bestDice: Double?
      var diceAtThreshold: Double?
      var pixelAUROC: Double?
      var lesionScanAP: Double?
      var scanAUROC: Double?
      var scanAP: Double?
      var caseAUROC: Double?
    }

    /// Counts of pixels from the highest bin down.
    struct Histogram {
      var lesion: [Int]
      var healthy: [Int]

      init(bins: Int) {
        lesion = [Int](repeating: 0, count: bins)
        healthy = lesion
      }

      mutating func add(_ other: Histogram) {
        for i in lesion.indices {
          lesion[i] += other.lesion[i]
          healthy[i] += other.healthy[i]
        }
      }

      var figures: (ap: Double?, dice: Double?, auroc: Double?) {
        let positives = lesion.reduce(0, +)
        let negatives = healthy.reduce(0, +)
        guard positives > 0 else { return (nil, nil, nil) }
        var (tp, fp, ap, dice, area) = (0, 0, 0.0, 0.0, 0.0)
        for i in lesion.indices where lesion[i] + healthy[i] > 0 {
          area += Double(healthy[i]) * (Double(tp) + Double(lesion[i]) / 2)
          tp += lesion[i]
          fp += healthy[i]
          ap += Double(lesion[i]) * Double(tp) / Double(tp + fp)
          dice = max(dice, 2 * Double(tp) / Double(tp + fp + positives))
        }
        return (
          ap / Double(positives), dice, negatives > 0 ? area / (Double(positives) * Double(negatives)) : nil
        )
      }
    }

    struct CaseCounts {
      var all: Histogram
      var lesionScans: Histogram
      /// True positives, marked pixels and positives at the calibrated threshold.
      var atThreshold = (hits: 0, marked: 0, positives: 0)
      var scans: [(score: Double, truth: Bool)] = []
    }

    private let cases: [CaseCounts]
    private let bins: Int
    private let hasThreshold: Bool

    init(_ scans: [Scan], heat: [Float], threshold: Double?) {
      // Bin edges lie at ranks that grow geometrically from the top, because the few high scores decide the figures.
      let sorted = heat.sorted(by: >)
      var edges: [Float] = []
      var rank = 1.0
      while Int(rank) < sorted.count {
        if edges.last != sorted[Int(rank)] { edges.append(sorted[Int(rank)]) }
        rank = max(rank + 1, rank * 1.004)
      }
      let bins = edges.count + 1
      func bin(_ value: Float) -> Int {
        var (low, high) = (0, edges.count)
        while low < high {
          let middle = (low + high) / 2
          if edges[middle] > value { low = middle + 1 } else { high = middle }
        }
        return low
      }
      cases = Dictionary(grouping: scans, by: \.caseName).sorted { $0.key < $1.key }.map { _, scans in
        var counts = CaseCounts(all: Histogram(bins: bins), lesionScans: Histogram(bins: bins))
        for scan in scans {
          var own = Histogram(bins: bins)
          for (value, truth) in zip(scan.heat, scan.truth) {
            let i = bin(value)
            if truth { own.lesion[i] += 1 } else { own.healthy[i] += 1 }
            guard let threshold else { continue }
            if truth { counts.atThreshold.positives += 1 }
            guard value >= Float(threshold) else { continue }
            counts.atThreshold.marked += 1
            if truth { counts.atThreshold.hits += 1 }
          }
          counts.all.add(own)
          if scan.hasLesion { counts.lesionScans.add(own) }
          counts.scans.append((scan.score, scan.hasLesion))
        }
        return counts
      }
      self.bins = bins
      hasThreshold = threshold != nil
    }

    func resample(_ count: Int, seed: UInt64) -> [Draw] {
      var random = RandomGenerator(seed: seed)
      return (0..<count).map { _ in
        var all = Histogram(bins: bins)
        var lesionScans = all
        var marked = (hits: 0, marked: 0, positives: 0)
        var scans: [(score: Double, truth: Bool)] = []
        var caseScores: [(score: Double, truth: Bool)] = []
        for _ in cases {
          let drawn = cases[random.integer(below: cases.count)]
          all.add(drawn.all)
          lesionScans.add(drawn.lesionScans)
          marked.hits += drawn.atThreshold.hits
          marked.marked += drawn.atThreshold.marked
          marked.positives += drawn.atThreshold.positives
          scans += drawn.scans
          caseScores.append((drawn.scans.map(\.score).max()!, drawn.scans.contains(where: \.truth)))
        }
        let pixels = all.figures
        let scanRanking = Evaluation.ranking(scans)
        return Draw(
          pixelAP: pixels.ap, bestDice: pixels.dice,
          diceAtThreshold: hasThreshold && marked.positives > 0
            ? 2 * Double(marked.hits) / Double(marked.marked + marked.positives) : nil,
          pixelAUROC: pixels.auroc, lesionScanAP: lesionScans.figures.ap, scanAUROC: scanRanking.auroc,
          scanAP: scanRanking.averagePrecision, caseAUROC: Evaluation.ranking(caseScores).auroc)
      }
    }
  }
}
