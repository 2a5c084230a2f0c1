import Foundation
import Numerics

/// Detection figures of heatmaps against ground truth, with bootstrap confidence intervals over cases.
///
/// No heatmap is held. A figure changes only where the threshold passes the heat of a lesion pixel, so it is enough to
/// know how many healthy pixels lie between those. Scans are therefore given twice: first to `LesionHeat`, which keeps
/// the heat of lesion pixels, then to `add`, which counts all pixels between them. The figures are exact; those of the
/// resamples count pixels in at most `mostBins` bins of equally many lesion pixels.
///
/// Memory grows by at most 48 bytes for every lesion pixel of the study and 24 KiB for every case, and not with the
/// number of healthy pixels.
package struct Evaluation: Sendable {
  /// One scan with its ground truth.
  package struct Scan: Sendable {
    package var caseName: String
    /// `heat` holds the heat of every pixel, `truth` whether the pixel is lesion; both `[height, width]`.
    package var heat: [Float]
    package var truth: [Bool]
    /// Score of the whole scan; higher is more abnormal.
    package var score: Double
    /// Score of the scan's case; `nil` for the highest of its scans' scores.
    package var caseScore: Double?

    package init(caseName: String, heat: [Float], truth: [Bool], score: Double, caseScore: Double? = nil) {
      precondition(heat.count == truth.count, "\(heat.count) scores, \(truth.count) truths")
      self.caseName = caseName
      self.heat = heat
      self.truth = truth
      self.score = score
      self.caseScore = caseScore
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

  /// The heat of all lesion pixels, from the first pass over the scans.
  package struct LesionHeat: Sendable {
    fileprivate var values: [Float] = []

    package init() {}

    package mutating func add(_ scan: Scan) {
      for (value, isLesion) in zip(scan.heat, scan.truth) where isLesion { values.append(value + 0) }  // -0 becomes 0
    }
  }

  /// Pixels by their place among the lesion pixels' heat, from the highest down: place `2 i` is above heat `i` and
  /// below heat `i - 1`, place `2 i + 1` is at heat `i`, and the last place is below all.
  private struct Places: Sendable {
    /// Number of lesion pixels and of healthy ones at each place.
    var lesion: [Int]
    var healthy: [Int]

    init(_ count: Int) {
      lesion = [Int](repeating: 0, count: count)
      healthy = lesion
    }

    mutating func add(_ other: Places) {
      for i in other.lesion.indices { lesion[i] += other.lesion[i] }
      for i in other.healthy.indices { healthy[i] += other.healthy[i] }
    }

    /// Figures as scikit-learn defines them, see `Metrics.Ranking`; all pixels of a place are ties.
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

  /// A case's pixels, counted by bin, and its scans.
  private struct CaseCounts: Sendable {
    var all = Places(0)
    /// Counts over the scans that have a lesion; `all` counts over all scans.
    var lesionScans = Places(0)
    /// True positives, marked pixels and positives at the calibrated threshold.
    var atThreshold = (hits: 0, marked: 0, positives: 0)
    var scans: [(score: Double, truth: Bool)] = []
    var ownScore: Double?

    mutating func add(_ isLesion: Bool, bin: Int, of bins: Int, inLesionScan: Bool) {
      func count(_ numbers: inout [Int]) {
        if numbers.isEmpty { numbers = [Int](repeating: 0, count: bins) }
        numbers[bin] += 1
      }
      if isLesion { count(&all.lesion) } else { count(&all.healthy) }
      guard inLesionScan else { return }
      if isLesion { count(&lesionScans.lesion) } else { count(&lesionScans.healthy) }
    }

    var score: (score: Double, truth: Bool) { (ownScore ?? scans.map(\.score).max()!, scans.contains(where: \.truth)) }
  }

  /// Distinct heat of lesion pixels, from the highest down.
  private let levels: [Float]
  /// The bin of each place.
  private let bins: [Int]
  private let binCount: Int
  private let threshold: Double?
  private let expectedLesionPixels: Int
  private var all: Places
  private var lesionScans: Places
  private var cases: [String: CaseCounts] = [:]
  private var hasUnknownHeat = false

  /// Most bins of a resample, and one for the pixels below all lesions.
  private static let mostBins = 1024

  /// - Parameters:
  ///   - lesions: has been given all scans that `add` will be given.
  ///   - threshold: calibrated threshold of heatmaps; `nil` leaves out the Dice at the threshold.
  package init(_ lesions: LesionHeat, threshold: Double?) {
    self.threshold = threshold
    let sorted = lesions.values.sorted(by: >)
    expectedLesionPixels = sorted.count
    var levels: [Float] = []
    var ranks: [Int] = []
    for (rank, value) in sorted.enumerated() where levels.last != value {
      levels.append(value)
      ranks.append(rank)
    }
    self.levels = levels
    let places = 2 * levels.count + 1
    if places <= Self.mostBins + 1 {
      bins = Array(0..<places)
    } else {
      bins = ranks.flatMap { rank in [Int](repeating: rank * Self.mostBins / sorted.count, count: 2) } + [Self.mostBins]
    }
    binCount = bins.last! + 1
    all = Places(places)
    lesionScans = all
  }

  /// Whether `add` has been given the scans that `LesionHeat` was; if not, the figures mean nothing.
  package var isComplete: Bool { !hasUnknownHeat && all.lesion.reduce(0, +) == expectedLesionPixels }

  package mutating func add(_ scan: Scan) {
    let hasLesion = scan.hasLesion
    var counts = cases[scan.caseName] ?? CaseCounts()
    cases[scan.caseName] = nil
    for (value, isLesion) in zip(scan.heat, scan.truth) {
      let place = place(of: value)
      if isLesion {
        all.lesion[place] += 1
        if place % 2 == 0 { hasUnknownHeat = true }
      } else {
        all.healthy[place] += 1
        if hasLesion { lesionScans.healthy[place] += 1 }
      }
      counts.add(isLesion, bin: bins[place], of: binCount, inLesionScan: hasLesion)
      guard let threshold else { continue }
      let isMarked = value >= Float(threshold)
      counts.atThreshold.positives += isLesion ? 1 : 0
      counts.atThreshold.marked += isMarked ? 1 : 0
      counts.atThreshold.hits += isMarked && isLesion ? 1 : 0
    }
    counts.scans.append((scan.score, hasLesion))
    counts.ownScore = scan.caseScore
    cases[scan.caseName] = counts
  }

  private func place(of value: Float) -> Int {
    var (low, high) = (0, levels.count)
    if let lowest = levels.last, value < lowest { low = high }
    while low < high {
      let middle = (low + high) / 2
      if levels[middle] > value { low = middle + 1 } else { high = middle }
    }
    return low < levels.count && levels[low] == value ? 2 * low + 1 : 2 * low
  }

  /// - Parameter resamples: how many times cases are drawn with replacement; 0 for no intervals.
  package func figures(resamples: Int = 2000, seed: UInt64 = 0) -> Figures {
    let cases = cases.sorted { $0.key < $1.key }.map(\.value)
    let pixels = all.figures
    var inLesionScans = lesionScans
    inLesionScans.lesion = all.lesion
    let exact = draw(cases, pixels: pixels, lesionScanAP: inLesionScans.figures.ap)
    let resampled = resample(cases, resamples, seed: seed)
    func figure(_ key: KeyPath<Draw, Double?>) -> Figure? {
      guard let value = exact[keyPath: key] else { return nil }
      return Figure(value: value, draws: resampled.map { $0[keyPath: key] })
    }
    return Figures(
      pixelAP: figure(\.pixelAP), bestDice: figure(\.bestDice), diceAtThreshold: figure(\.diceAtThreshold),
      pixelAUROC: figure(\.pixelAUROC), lesionScanAP: figure(\.lesionScanAP), scanAUROC: figure(\.scanAUROC),
      scanAP: figure(\.scanAP), caseAUROC: figure(\.caseAUROC))
  }

  /// The figures of some cases, each as often as it was drawn.
  private struct Draw {
    var pixelAP: Double?
    var bestDice: Double?
    var diceAtThreshold: Double?
    var pixelAUROC: Double?
    var lesionScanAP: Double?
    var scanAUROC: Double?
    var scanAP: Double?
    var caseAUROC: Double?
  }

  private func draw(
    _ cases: [CaseCounts], pixels: (ap: Double?, dice: Double?, auroc: Double?), lesionScanAP: Double?
  ) -> Draw {
    var marked = (hits: 0, marked: 0, positives: 0)
    for item in cases {
      marked.hits += item.atThreshold.hits
      marked.marked += item.atThreshold.marked
      marked.positives += item.atThreshold.positives
    }
    let scanRanking = Self.ranking(cases.flatMap(\.scans))
    return Draw(
      pixelAP: pixels.ap, bestDice: pixels.dice,
      diceAtThreshold: threshold != nil && marked.positives > 0
        ? 2 * Double(marked.hits) / Double(marked.marked + marked.positives) : nil,
      pixelAUROC: pixels.auroc, lesionScanAP: lesionScanAP, scanAUROC: scanRanking.auroc,
      scanAP: scanRanking.averagePrecision, caseAUROC: Self.ranking(cases.map(\.score)).auroc)
  }

  private func resample(_ cases: [CaseCounts], _ count: Int, seed: UInt64) -> [Draw] {
    var random = RandomGenerator(seed: seed)
    return (0..<count).map { _ in
      let drawn = cases.map { _ in cases[random.integer(below: cases.count)] }
      var (all, lesionScans) = (Places(binCount), Places(binCount))
      for item in drawn {
        all.add(item.all)
        lesionScans.add(item.lesionScans)
      }
      return draw(drawn, pixels: all.figures, lesionScanAP: lesionScans.figures.ap)
    }
  }

  private static func ranking(_ pairs: [(score: Double, truth: Bool)]) -> Metrics.Ranking {
    Metrics.Ranking(scores: pairs.map { Float($0.score) }, truth: pairs.map(\.truth))
  }
}
