import Anomaly
import Compute
import Foundation
import Imaging
import Numerics
import Testing

/// Two cases with a lesion, two without; ten pixels a scan. Figures are worked out by hand below.
private let tiny: [Evaluation.Scan] = [
  scan("a", heat: [9, 8, 1, 1, 1], lesion: [0, 1], score: 8),
  scan("a", heat: [2, 1, 1, 1, 1], lesion: [], score: 2),
  scan("b", heat: [7, 3, 1, 1, 1], lesion: [1], score: 5),
  scan("c", heat: [6, 1, 1, 1, 1], lesion: [], score: 6),
  scan("d", heat: [0, 0, 0, 0, 0], lesion: [], score: 0),
]

private func scan(_ name: String, heat: [Float], lesion: [Int], score: Double) -> Evaluation.Scan {
  Evaluation.Scan(caseName: name, heat: heat, truth: heat.indices.map { lesion.contains($0) }, score: score)
}

/// As many cases as bootstrap intervals need, with heat that finds lesions most of the time.
private func study(seed: UInt64, cases: Int = 30) -> [Evaluation.Scan] {
  var random = RandomGenerator(seed: seed)
  return (0..<cases).flatMap { k in
    (0..<2).map { slice in
      let truth = (0..<200).map { k % 2 == 0 && slice == 0 && $0 < 30 }
      let heat = truth.map { random.normal() + ($0 ? 2 : 0) }
      return Evaluation.Scan(
        caseName: "case \(k)", heat: heat, truth: truth,
        score: Double(truth.contains(true) ? 1.5 + random.normal() : random.normal()))
    }
  }
}

extension Evaluation.Scan {
  /// A scan of one row of pixels.
  fileprivate init(caseName: String, heat: [Float], truth: [Bool], score: Double) {
    self.init(
      caseName: caseName, heat: Plane(width: heat.count, height: 1, values: heat),
      truth: Plane(width: truth.count, height: 1, values: truth), score: score)
  }
}

extension Evaluation {
  /// Both passes over scans that are held.
  fileprivate static func figures(
    of scans: [Scan], threshold: Double?, resamples: Int = 200, seed: UInt64 = 0
  ) -> Figures {
    var lesions = LesionHeat()
    for scan in scans { lesions.add(scan) }
    var evaluation = Evaluation(lesions, threshold: threshold)
    for scan in scans { evaluation.add(scan) }
    #expect(evaluation.isComplete)
    return evaluation.figures(resamples: resamples, seed: seed)
  }
}

private func close(_ figure: Evaluation.Figure?, _ expected: Double) -> Bool {
  figure.map { abs($0.value - expected) < 1e-12 } ?? false  // a few roundings of Double
}

struct EvaluationTests {
  @Test func `a method differs from itself by nothing, from a worse one by more than nothing`() throws {
    func figure(_ scans: [Evaluation.Scan]) throws -> Evaluation.Figure {
      try #require(Evaluation.figures(of: scans, threshold: nil, resamples: 200).pixelAP)
    }
    let good = study(seed: 1)
    let own = try figure(good)
    let none = try #require(PairedDifference(own, minus: own))
    #expect([none.value, none.low, none.high] == [0, 0, 0])
    let blind = good.map {
      Evaluation.Scan(
        caseName: $0.caseName, heat: (0..<200).map { Float($0 * 7919 % 200) }, truth: $0.truth.values, score: 0)
    }
    let worse = try figure(blind)
    let gain = try #require(PairedDifference(own, minus: worse))
    #expect(gain.value == own.value - worse.value)
    #expect(0 < gain.low && gain.low < gain.value && gain.value < gain.high)
    let few = try #require(Evaluation.figures(of: good, threshold: nil, resamples: 5).pixelAP)
    #expect(PairedDifference(few, minus: few) == nil)
  }

  /// What both methods share cancels: the interval of the difference is narrower than that of either.
  @Test func `a difference is surer than the figures it is taken of`() throws {
    let scans = study(seed: 1)
    let other = scans.map {
      Evaluation.Scan(
        caseName: $0.caseName, heat: $0.heat.values.map { $0 + 0.2 * sin(9 * $0) }, truth: $0.truth.values, score: 0)
    }
    let a = try #require(Evaluation.figures(of: scans, threshold: nil, resamples: 200).pixelAP)
    let b = try #require(Evaluation.figures(of: other, threshold: nil, resamples: 200).pixelAP)
    let difference = try #require(PairedDifference(a, minus: b))
    #expect(difference.high - difference.low < (a.high! - a.low!) / 2)
  }

  @Test func `figures are those worked out by hand`() throws {
    let figures = Evaluation.figures(of: tiny, threshold: 3, resamples: 0)
    // Heat in order: 9*, 8*, 7, 6, 3*, 2, then 14 ones and 5 zeros; three lesion pixels of 25.
    #expect(close(figures.pixelAP, (1 + 1 + 3.0 / 5) / 3))
    #expect(close(figures.bestDice, 2.0 * 2 / (2 + 3)))
    #expect(close(figures.diceAtThreshold, 2.0 * 3 / (5 + 3)))
    // Of 22 healthy pixels, 7 and 6 lie above the third lesion pixel.
    #expect(close(figures.pixelAUROC, (22.0 + 22 + 20) / 66))
    // Within scans that have a lesion: 9*, 8*, 7, 3*, six ones.
    #expect(close(figures.lesionScanAP, (1 + 1 + 3.0 / 4) / 3))
    // Scans: 8*, 6, 5*, 2, 0. Cases: a 8*, c 6, b 5*, d 0.
    #expect(close(figures.scanAUROC, (3.0 + 2) / 6))
    #expect(close(figures.scanAP, (1 + 2.0 / 3) / 2))
    #expect(close(figures.caseAUROC, (2.0 + 1) / 4))
  }

  @Test func `figures do not depend on the order of the scans`() {
    let figures = Evaluation.figures(of: study(seed: 1), threshold: 1.5, resamples: 50)
    let turned = Evaluation.figures(of: study(seed: 1).reversed(), threshold: 1.5, resamples: 50)
    #expect(figures == turned)
  }

  @Test func `without a threshold there is no Dice at it, without resamples no interval`() {
    let figures = Evaluation.figures(of: tiny, threshold: nil, resamples: 0)
    #expect(figures.diceAtThreshold == nil)
    #expect(figures.pixelAP != nil)
    #expect(figures.pixelAP?.low == nil && figures.pixelAP?.high == nil)
  }

  @Test func `a study without lesions has no figures`() {
    let healthy = tiny.filter { !$0.truth.values.contains(true) }
    let figures = Evaluation.figures(of: healthy, threshold: 3)
    for key in Self.keys { #expect(figures[keyPath: key] == nil, "\(key)") }
  }

  @Test func `a study of nothing but lesions has no areas`() {
    let ill = [scan("a", heat: [1, 2], lesion: [0, 1], score: 1), scan("b", heat: [2], lesion: [0], score: 2)]
    let figures = Evaluation.figures(of: ill, threshold: 2, resamples: 0)
    #expect(figures.pixelAUROC == nil && figures.scanAUROC == nil && figures.caseAUROC == nil)
    #expect(figures.pixelAP?.value == 1)
    #expect(figures.bestDice?.value == 1)
    #expect(close(figures.diceAtThreshold, 2.0 * 2 / (2 + 3)))
  }

  private static let keys: [KeyPath<Evaluation.Figures, Evaluation.Figure?> & Sendable] = [
    \.pixelAP, \.bestDice, \.diceAtThreshold, \.pixelAUROC, \.lesionScanAP, \.scanAUROC, \.scanAP, \.caseAUROC,
  ]

  @Test(arguments: [1, 2, 3] as [UInt64])
  func `intervals hold the figure, lie within 0 and 1 and are no wider than thirty cases make them`(seed: UInt64) throws
  {
    let figures = Evaluation.figures(of: study(seed: seed), threshold: 1.5)
    for key in Self.keys {
      let figure = try #require(figures[keyPath: key])
      let (low, high) = (try #require(figure.low), try #require(figure.high))
      #expect(low < figure.value && figure.value < high, "\(key)")
      #expect(low >= 0 && high <= 1, "\(key)")
      // No mean of 15 numbers in 0...1 has a standard error above 0.5 / sqrt(15) = 0.13; the interval spans four.
      #expect(high - low < 0.52, "\(key)")
    }
  }

  @Test func `the same seed draws the same intervals, another draws others`() {
    let scans = study(seed: 5)
    let first = Evaluation.figures(of: scans, threshold: 1.5, seed: 11)
    #expect(Evaluation.figures(of: scans, threshold: 1.5, seed: 11) == first)
    let other = Evaluation.figures(of: scans, threshold: 1.5, seed: 12)
    #expect(other.pixelAP?.value == first.pixelAP?.value)
    #expect(other.pixelAP?.low != first.pixelAP?.low)
  }

  /// Scans of a case stand and fall together: a case given twice as two cases narrows the interval, as two scans of one
  /// case it does not.
  @Test func `resampling draws cases, not scans`() throws {
    let scans = study(seed: 8, cases: 12)
    func width(_ scans: [Evaluation.Scan]) throws -> Double {
      let figure = try #require(Evaluation.figures(of: scans, threshold: nil, resamples: 1000).scanAUROC)
      return try #require(figure.high) - (try #require(figure.low))
    }
    let once = try width(scans)
    let sameCases = try width(scans + scans)
    let others = scans.map { scan in
      Evaluation.Scan(caseName: scan.caseName + "'", heat: scan.heat, truth: scan.truth, score: scan.score)
    }
    let moreCases = try width(scans + others)
    // Quantiles of a thousand draws; in theory the ratios are 1 and 1 / sqrt(2).
    #expect(abs(sameCases / once - 1) < 0.02)
    #expect(moreCases / once < 0.85)
  }

  @Test func `a case of one kind alone, drawn throughout, gives no interval`() {
    let lone = [scan("a", heat: [2, 1], lesion: [0], score: 1)]
    let figures = Evaluation.figures(of: lone, threshold: nil)
    #expect(figures.scanAUROC == nil)
    #expect(figures.pixelAUROC?.value == 1)
  }

  /// The figures of all pixels in one ranking, whatever the ties, for few lesion pixels and for more than there are
  /// bins.
  @Test(arguments: [(20, 1 << 20), (20, 8), (4000, 1 << 20), (4000, 64)])
  func `figures are those of a ranking of all pixels`(lesionPixels: Int, levels: Int) throws {
    var random = RandomGenerator(seed: UInt64(lesionPixels + levels))
    let scans = (0..<10).map { k in
      let truth = (0..<4000).map { k % 2 == 0 && $0 < lesionPixels / 5 }
      let heat = truth.map { isLesion in
        ((random.normal() + (isLesion ? 1 : 0)) * Float(levels)).rounded() / Float(levels)
      }
      return Evaluation.Scan(caseName: "case \(k / 2)", heat: heat, truth: truth, score: Double(heat.max()!))
    }
    func ranking(_ scans: [Evaluation.Scan]) -> Metrics.Ranking {
      Metrics.Ranking(scores: scans.flatMap(\.heat.values), truth: scans.flatMap(\.truth.values))
    }
    let all = ranking(scans)
    let figures = Evaluation.figures(of: scans, threshold: 1, resamples: 0)
    #expect(close(figures.pixelAP, try #require(all.averagePrecision)))
    #expect(close(figures.pixelAUROC, try #require(all.auroc)))
    #expect(close(figures.bestDice, try #require(all.bestDice)))
    let lesionScans = scans.filter { $0.truth.values.contains(true) }
    #expect(close(figures.lesionScanAP, try #require(ranking(lesionScans).averagePrecision)))
  }

  /// By hand: at or above 0.7 lie 6 of the pixels, 3 of them among the 5 of the lesion.
  @Test(
    arguments: [
      (0.7, 2.0 * 3 / (6 + 5)), (0.9, 2.0 * 1 / (1 + 5)), (2, 0), (-1, 2.0 * 5 / (12 + 5)),
    ] as [(Double, Double)])
  func `Dice counts what reaches the threshold`(threshold: Double, expected: Double) {
    let one = scan(
      "a", heat: [0.9, 0.8, 0.8, 0.7, 0.7, 0.7, 0.5, 0.5, 0.2, 0.2, -0.1, -0.1], lesion: [0, 1, 3, 7, 10], score: 1)
    #expect(close(Evaluation.figures(of: [one], threshold: threshold, resamples: 0).diceAtThreshold, expected))
  }

  /// The study below has 79 MB of heat. What the evaluation holds is the lesions' heat and a count per place and bin.
  @Test func `no heatmap is held: memory does not grow with healthy pixels`() throws {
    var random = RandomGenerator(seed: 4)
    let pixels = 1 << 15
    let noise = (0..<pixels).map { _ in random.normal() }
    let truth = (0..<pixels).map { $0 < 4 }
    let none = [Bool](repeating: false, count: pixels)
    func each(_ visit: (Evaluation.Scan) -> Void) {
      for k in 0..<600 {
        let heat = noise.map { $0 + Float(k) / 600 }
        visit(
          Evaluation.Scan(
            caseName: "case \(k % 100)", heat: heat, truth: k % 10 == 0 ? truth : none, score: Double(k % 7)))
      }
    }
    // Sets the largest resident size so far, in kB, to the present one.
    try Data("5".utf8).write(to: URL(filePath: "/proc/self/clear_refs"))
    func largestResident() throws -> Int {
      let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
      return try #require(status.firstMatch(of: /VmHWM:\s+([0-9]+) kB/).flatMap { Int($0.1) })
    }
    let before = try largestResident()
    var lesions = Evaluation.LesionHeat()
    each { lesions.add($0) }
    var evaluation = Evaluation(lesions, threshold: 2)
    each { evaluation.add($0) }
    #expect(evaluation.isComplete)
    // A tenth of the heat. By the account above it is 240 lesion pixels of 92 bytes and 100 cases of 64 KiB at most.
    #expect(try largestResident() - before < 8_000)
  }

  @Test func `scans that change between the passes are noticed`() {
    var lesions = Evaluation.LesionHeat()
    for scan in tiny { lesions.add(scan) }
    for changed in [
      Array(tiny.dropFirst()), tiny + [scan("e", heat: [4], lesion: [0], score: 1)],
      tiny.dropFirst() + [scan("a", heat: [9, 8.5, 1, 1, 1], lesion: [0, 1], score: 8)],
    ] {
      var evaluation = Evaluation(lesions, threshold: nil)
      for scan in changed { evaluation.add(scan) }
      #expect(!evaluation.isComplete)
    }
  }
}
