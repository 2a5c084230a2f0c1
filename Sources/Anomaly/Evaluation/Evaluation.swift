import Foundation
import Imaging
import Numerics

/// Detection figures of heatmaps and verdicts against ground truth, with bootstrap confidence intervals over cases.
///
/// No heatmap is held. A figure changes only where the threshold passes the heat of a lesion pixel, so it is enough to
/// know how many healthy pixels lie between those. Scans are therefore given twice: first to `LesionHeat`, which keeps
/// the heat of lesion pixels, then to `add`, which counts all pixels between them. The figures are exact; those of the
/// resamples count pixels in bins, at most `mostBins` of equally many lesion pixels, and as many of equal overlap with
/// lesions.
///
/// Memory grows by at most 92 bytes for every lesion pixel of the study, 16 KiB for every case and 48 KiB more for a
/// case with lesions, and not with the number of healthy pixels.
package struct Evaluation: Sendable {
  /// One scan with its ground truth.
  package struct Scan: Sendable {
    package var caseName: String
    /// Without pixels where nobody delineated the lesions: the scan then counts in no figure of pixels or lesions.
    package var heat: Plane<Float>
    /// Whether each pixel is lesion; as large as `heat`.
    package let truth: Plane<Bool>
    /// The groups of lesion pixels; `nil` without any.
    let lesions: ConnectedComponents?
    /// Score of the whole scan; higher is more abnormal.
    package var score: Double
    /// The truth about the scan and its case; `nil` where the lesion pixels say it.
    package var label: Label?
    /// The report's verdict; `nil` for a baseline.
    package var verdict: Verdict?

    package init(
      caseName: String, heat: Plane<Float>, truth: Plane<Bool>, score: Double, label: Label? = nil,
      verdict: Verdict? = nil
    ) {
      precondition(
        heat.width == truth.width && heat.height == truth.height,
        "a heatmap of \(heat.width)x\(heat.height), lesions of \(truth.width)x\(truth.height)")
      self.caseName = caseName
      self.heat = heat
      self.truth = truth
      lesions = truth.values.contains(true) ? ConnectedComponents(of: truth) : nil
      self.score = score
      self.label = label
      self.verdict = verdict
    }

    package var hasLesion: Bool { lesions != nil }
  }

  package struct Label: Sendable, Equatable {
    /// Whether the case is abnormal.
    package var wholeCase: Bool
    /// Whether the scan is; `nil` where that is not known, and the scan counts in no figure of scans.
    package var scan: Bool?

    package init(wholeCase: Bool, scan: Bool? = nil) {
      self.wholeCase = wholeCase
      self.scan = scan
    }
  }

  package struct Verdict: Sendable {
    package var caseScore: Double?
    package var isFlagged: Bool
    /// The scan's regions; `nil` where their hottest pixels are not known.
    package var peaks: [LesionFindings.Peak]?
    /// How many of the scan's pixels one of the heatmap's covers.
    package var pixelArea: Double

    package init(caseScore: Double?, isFlagged: Bool, peaks: [LesionFindings.Peak]?, pixelArea: Double) {
      self.caseScore = caseScore
      self.isFlagged = isFlagged
      self.peaks = peaks
      self.pixelArea = pixelArea
    }
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
    /// See `PixelCounts.overlapArea`.
    package var aupro: Figure?
    /// Pixel AP over the scans that have a lesion.
    package var lesionScanAP: Figure?
    package var scanAUROC: Figure?
    package var scanAP: Figure?
    package var caseAUROC: Figure?
    /// Mean of the shares of lesions found at `LesionFindings.rates` false regions a scan.
    package var froc: Figure?
    /// `nil` for a baseline.
    package var verdicts: Verdicts?

    enum CodingKeys: String, CodingKey {
      case pixelAP = "pixel_ap"
      case bestDice = "best_dice"
      case diceAtThreshold = "dice_at_threshold"
      case pixelAUROC = "pixel_auroc"
      case aupro
      case lesionScanAP = "lesion_scan_ap"
      case scanAUROC = "scan_auroc"
      case scanAP = "scan_ap"
      case caseAUROC = "case_auroc"
      case froc
      case verdicts
    }
  }

  /// How often the report is right where it decides. Parts are `nil` where there is nothing to count.
  package struct Verdicts: Sendable, Codable, Equatable {
    /// Flagged cases among the abnormal ones, and among the others.
    package var flaggedAbnormal: Proportion?
    package var flaggedHealthy: Proportion?
    /// Lesions found by regions at so many false regions a scan.
    package struct Sensitivity: Sendable, Codable, Equatable {
      package var falseRegionsPerScan: Double
      package var sensitivity: Double

      enum CodingKeys: String, CodingKey {
        case falseRegionsPerScan = "false_regions_per_scan"
        case sensitivity
      }
    }

    package var lesionSensitivity: [Sensitivity]?
    /// All regions of the report outside lesions, a scan.
    package var falseRegionsPerScan: Double?
    package var lesionRecall: [LesionFindings.Recall]?
    /// Scans whose hottest region lies in a lesion, among those with a lesion.
    package var hottestRegionInLesion: Share?

    enum CodingKeys: String, CodingKey {
      case flaggedAbnormal = "flagged_abnormal"
      case flaggedHealthy = "flagged_healthy"
      case lesionSensitivity = "lesion_sensitivity"
      case falseRegionsPerScan = "false_regions_per_scan"
      case lesionRecall = "lesion_recall"
      case hottestRegionInLesion = "hottest_region_in_lesion"
    }
  }

  /// The heat of all lesion pixels, from the first pass over the scans.
  package struct LesionHeat: Sendable {
    /// Each pixel's heat, and its part of its lesion.
    fileprivate var pixels: [(heat: Float, share: Float)] = []

    package init() {}

    package mutating func add(_ scan: Scan) {
      guard let lesions = scan.lesions else { return }
      for (i, label) in lesions.labels.values.enumerated() where label > 0 {
        let share = 1 / Float(lesions.components[Int(label) - 1].pixels)
        pixels.append((scan.heat.values[i] + 0, share))  // -0 becomes 0
      }
    }
  }

  /// A case's pixels, counted by bin, its scans and its verdict.
  private struct CaseCounts: Sendable {
    var pixels: PixelCounts
    /// True positives, marked pixels and positives at the calibrated threshold.
    var atThreshold = (hits: 0, marked: 0, positives: 0)
    /// The truth is `nil` where it is not known.
    var scans: [(score: Double, truth: Bool?)] = []
    var label: Bool?
    var ownScore: Double?
    /// `nil` for a baseline.
    var isFlagged: Bool?
    /// `nil` where the hottest pixels of regions are not known.
    var findings: LesionFindings? = LesionFindings()

    var isAbnormal: Bool { label ?? scans.contains { $0.truth == true } }
    var score: (score: Double, truth: Bool) { (ownScore ?? scans.map(\.score).max()!, isAbnormal) }
  }

  /// Distinct heat of lesion pixels, from the highest down. A pixel's place is `2 i` above heat `i` and below heat
  /// `i - 1`, `2 i + 1` at heat `i`, and the last place is below all.
  private let levels: [Float]
  /// The bin of each place.
  private let bins: [Int]
  private let binCount: Int
  private let threshold: Double?
  private let expectedLesionPixels: Int
  private var pixels: PixelCounts
  private var cases: [String: CaseCounts] = [:]
  private var lesionPixels = 0
  private var hasUnknownHeat = false

  /// Most bins of either kind in a resample, beside one for the pixels below all lesions.
  private static let mostBins = 1024

  /// - Parameters:
  ///   - lesions: has been given all scans that `add` will be given.
  ///   - threshold: calibrated threshold of heatmaps; `nil` leaves out the Dice at the threshold.
  package init(_ lesions: LesionHeat, threshold: Double?) {
    self.threshold = threshold
    let sorted = lesions.pixels.sorted { $0.heat > $1.heat }
    expectedLesionPixels = sorted.count
    let whole = sorted.reduce(0.0) { $0 + Double($1.share) }
    var levels: [Float] = []
    var parts: [SIMD2<Int>] = []
    var overlap = 0.0
    for (rank, pixel) in sorted.enumerated() {
      if levels.last != pixel.heat {
        levels.append(pixel.heat)
        parts.append(
          SIMD2(rank * Self.mostBins / sorted.count, Int(overlap / whole * Double(Self.mostBins))))
      }
      overlap += Double(pixel.share)
    }
    self.levels = levels
    let places = 2 * levels.count + 1
    if places <= Self.mostBins + 1 {
      bins = Array(0..<places)
    } else {
      var bins: [Int] = []
      for k in parts.indices {
        let bin = (bins.last ?? -1) + (k > 0 && parts[k] == parts[k - 1] ? 0 : 1)
        bins += [bin, bin]
      }
      self.bins = bins + [bins.last! + 1]
    }
    binCount = bins.last! + 1
    pixels = PixelCounts(places: places)
  }

  /// Whether `add` has been given the scans that `LesionHeat` was; if not, the figures mean nothing.
  package var isComplete: Bool { !hasUnknownHeat && lesionPixels == expectedLesionPixels }

  package mutating func add(_ scan: Scan) {
    let components = scan.lesions
    let sizes = components.map { $0.components.map(\.pixels) } ?? []
    var counts = cases[scan.caseName] ?? CaseCounts(pixels: PixelCounts(places: binCount))
    cases[scan.caseName] = nil
    for (i, value) in scan.heat.values.enumerated() {
      let place = place(of: value)
      let label = components.map { Int($0.labels.values[i]) } ?? 0
      let isLesion = label > 0
      if isLesion {
        let size = sizes[label - 1]
        pixels.addLesion(at: place, lesionSize: size)
        counts.pixels.addLesion(at: bins[place], lesionSize: size)
        lesionPixels += 1
        if place % 2 == 0 { hasUnknownHeat = true }
      } else {
        pixels.addHealthy(at: place, besideLesion: components != nil)
        counts.pixels.addHealthy(at: bins[place], besideLesion: components != nil)
      }
      guard let threshold else { continue }
      let isMarked = value >= Float(threshold)
      counts.atThreshold.positives += isLesion ? 1 : 0
      counts.atThreshold.marked += isMarked ? 1 : 0
      counts.atThreshold.hits += isMarked && isLesion ? 1 : 0
    }
    pixels.addLesions(sizes.count)
    counts.pixels.addLesions(sizes.count)
    counts.scans.append((scan.score, scan.label.map(\.scan) ?? (components != nil)))
    counts.label = scan.label?.wholeCase
    counts.ownScore = scan.verdict?.caseScore
    counts.isFlagged = scan.verdict?.isFlagged
    if !scan.heat.values.isEmpty {
      if let verdict = scan.verdict, let peaks = verdict.peaks {
        counts.findings?.add(lesions: components, peaks: peaks, pixelArea: verdict.pixelArea)
      } else {
        counts.findings = nil
      }
    }
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
    let exact = draw(cases, pixels: pixels)
    let resampled = resample(cases, resamples, seed: seed)
    func figure(_ key: KeyPath<Draw, Double?>) -> Figure? {
      guard let value = exact[keyPath: key] else { return nil }
      return Figure(value: value, draws: resampled.map { $0[keyPath: key] })
    }
    return Figures(
      pixelAP: figure(\.pixels.averagePrecision), bestDice: figure(\.pixels.bestDice),
      diceAtThreshold: figure(\.diceAtThreshold), pixelAUROC: figure(\.pixels.auroc), aupro: figure(\.aupro),
      lesionScanAP: figure(\.lesionScanAP), scanAUROC: figure(\.scanAUROC), scanAP: figure(\.scanAP),
      caseAUROC: figure(\.caseAUROC), froc: figure(\.froc), verdicts: verdicts(of: cases))
  }

  /// The figures of some cases, each as often as it was drawn.
  private struct Draw {
    var pixels: PixelCounts.Figures
    var aupro: Double?
    var lesionScanAP: Double?
    var diceAtThreshold: Double?
    var scanAUROC: Double?
    var scanAP: Double?
    var caseAUROC: Double?
    var froc: Double?
  }

  private func draw(_ cases: [CaseCounts], pixels: PixelCounts) -> Draw {
    var marked = (hits: 0, marked: 0, positives: 0)
    for item in cases {
      marked.hits += item.atThreshold.hits
      marked.marked += item.atThreshold.marked
      marked.positives += item.atThreshold.positives
    }
    let scanRanking = Self.ranking(cases.flatMap(\.scans).compactMap { scan in scan.truth.map { (scan.score, $0) } })
    let sensitivities = findings(of: cases)?.sensitivities
    return Draw(
      pixels: pixels.all, aupro: pixels.overlapArea, lesionScanAP: pixels.lesionScanAP,
      diceAtThreshold: threshold != nil && marked.positives > 0
        ? 2 * Double(marked.hits) / Double(marked.marked + marked.positives) : nil,
      scanAUROC: scanRanking.auroc, scanAP: scanRanking.averagePrecision,
      caseAUROC: Self.ranking(cases.map(\.score)).auroc,
      froc: sensitivities.map { $0.reduce(0, +) / Double($0.count) })
  }

  private func resample(_ cases: [CaseCounts], _ count: Int, seed: UInt64) -> [Draw] {
    var random = RandomGenerator(seed: seed)
    return (0..<count).map { _ in
      let drawn = cases.map { _ in cases[random.integer(below: cases.count)] }
      var pixels = PixelCounts(places: binCount)
      for item in drawn { pixels.add(item.pixels) }
      return draw(drawn, pixels: pixels)
    }
  }

  private func verdicts(of cases: [CaseCounts]) -> Verdicts? {
    let judged = cases.filter { $0.isFlagged != nil }
    guard !judged.isEmpty else { return nil }
    func flagged(abnormal: Bool) -> Proportion? {
      let group = judged.filter { $0.isAbnormal == abnormal }
      return Proportion(group.count { $0.isFlagged == true }, of: group.count)
    }
    let findings = findings(of: cases)
    let sensitivities = findings?.sensitivities.map { values in
      zip(LesionFindings.rates, values).map(Verdicts.Sensitivity.init)
    }
    return Verdicts(
      flaggedAbnormal: flagged(abnormal: true), flaggedHealthy: flagged(abnormal: false),
      lesionSensitivity: sensitivities, falseRegionsPerScan: findings?.falseRegionsPerScan,
      lesionRecall: findings?.recall, hottestRegionInLesion: findings?.hottest)
  }

  /// The lesions and regions of all cases; `nil` where the regions of a case are not known.
  private func findings(of cases: [CaseCounts]) -> LesionFindings? {
    var all = LesionFindings()
    for item in cases {
      guard let findings = item.findings else { return nil }
      all.add(findings)
    }
    return all
  }

  private static func ranking(_ pairs: [(score: Double, truth: Bool)]) -> Metrics.Ranking {
    Metrics.Ranking(scores: pairs.map { Float($0.score) }, truth: pairs.map(\.truth))
  }
}
