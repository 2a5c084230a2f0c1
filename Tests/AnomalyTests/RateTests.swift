import Anomaly
import Foundation
import Numerics
import Testing

/// `scipy.stats.beta(a, b).ppf(0.9)` of scipy 1.17.1; tolerance: the bisection's.
@Test(
  arguments: [
    (1, 20, 0.10874906186625448), (2, 39, 0.09379710299528378), (5, 96, 0.07834752930811414),
    (1, 5, 0.36904265551980675),
  ] as [(Int, Int, Double)])
func `quantiles of the beta distribution are scipy's`(a: Int, b: Int, expected: Double) {
  #expect(abs(BetaDistribution.quantile(0.9, a: a, b: b) - expected) < 1e-9)
}

struct FalsePositiveRateTests {
  @Test(arguments: [
    (20, 0.05, 0.05, 0.109), (5, 0.05, 1.0 / 6, 0.369), (39, 0.05, 0.05, 0.096), (19, 0.05, 0.05, 0.114),
  ])
  func `few held-out cases raise the rate, and one model's own rate can be higher still`(
    cases: Int, asked: Double, reached: Double, highest: Double
  ) {
    let rate = FalsePositiveRate(asked: asked, cases: cases)
    #expect(rate.reached == reached)
    #expect(abs(rate.highest - highest) < 0.001)
  }

  /// Of 87 healthy cases, three may score as high: 4 of 88, which is more than one of 36 and is rounded up to two.
  @Test func `cases that were learned from make no model's bound smaller`() {
    let rate = FalsePositiveRate(asked: 0.05, cases: 87, heldOut: 35)
    #expect(abs(rate.highest - 0.1066) < 0.001)
    #expect(rate.highest > FalsePositiveRate(asked: 0.05, cases: 87).highest)
  }

  /// Draws models, each with its own healthy cases, and asks how many exceed the bound; their own rates are known.
  @Test(arguments: [(20, 0.05), (20, 0.2), (60, 0.1)])
  func `nine models in ten keep below the bound`(cases: Int, asked: Double) {
    let rate = FalsePositiveRate(asked: asked, cases: cases)
    var random = RandomGenerator(seed: 31)
    let trials = 2000
    let below = (0..<trials).count { _ in
      let scores = (0..<cases).map { _ in Double(random.uniform()) }
      // The share of uniform scores above the threshold.
      return 1 - Calibration.sample(caseScores: scores).caseThreshold(rate: asked) <= rate.highest
    }
    #expect(binomialInterval(trials, FalsePositiveRate.bound).contains(below), "\(below) of \(trials)")
  }
}

struct PixelTailTests {
  private static func peaks(_ count: Int, shape: Double, seed: UInt64 = 3) -> [Float] {
    var random = RandomGenerator(seed: seed)
    let distribution = GeneralizedPareto(shape: shape, scale: 0.5)
    return (0..<count).map { _ in Float(4 + distribution.quantile(survival: 1 - Double(random.uniform()))) }
  }

  @Test(arguments: [-0.3, 0, 0.3]) func `a fitted tail goes on in order and asserts no more than it was fitted to`(
    shape: Double
  ) {
    let tail = PixelTail(of: Self.peaks(200, shape: shape), above: 4, from: 5, probability: 1e-4)
    #expect(tail.isUsed && tail.peaks == 200)
    let evidence: [Float] = (4...16).map { tail.evidence(exceededBy: pow(10, -Double($0))) }
    #expect(evidence[0] == 5)
    #expect(zip(evidence, evidence.dropFirst()).allSatisfy { $0 < $1 })
    // A tail that ends is taken for exponential: its steps do not shrink.
    let steps: [Float] = zip(evidence, evidence.dropFirst()).map { $1 - $0 }
    #expect(zip(steps, steps.dropFirst()).allSatisfy { $1 > $0 * 0.999 })
    // Peaks rank 1 in 201; as much again is 1 in 40401 of those above the threshold.
    #expect(tail.reach > 4.4 && tail.reach < 6.5)
  }

  @Test func `of very many peaks the highest are fitted`() {
    #expect(PixelTail(of: Self.peaks(5000, shape: 0), above: 4, from: 9, probability: 1e-5).peaks == 250)
  }

  @Test func `a tail of few peaks, or of peaks that do not fit, is not used`() {
    #expect(!PixelTail(of: Self.peaks(10, shape: 0), above: 4, from: 5, probability: 1e-5).isUsed)
    let clusters: [Float] = (0..<100).map { Float($0 % 2) * 10 + Float($0) / 100 + 4.001 }
    let rejected = PixelTail(of: clusters, above: 4, from: 5, probability: 1e-5)
    #expect(rejected.fitP <= 0.05 && !rejected.isUsed)
    #expect(abs(rejected.reach - 4.2649) < 1e-3)
  }

  @Test func `z follows the tail beyond the last quantile and never falls`() {
    let tail = PixelTail(of: Self.peaks(200, shape: 0.1), above: 4, from: 5, probability: 1e-5)
    let known: [Float] = [0, 1, 2, 3, 4, 5]
    let normals: [Float] = [0, 1, 2, 3, 4, 4.2649]
    let rates: [Double] = [1e-6, 1e-7, 1e-8]
    let far: [(evidence: Float, normal: Float)] = rates.map {
      (tail.evidence(exceededBy: $0), Float(-NormalDistribution.quantile($0)))
    }
    let scale = NormalScale(quantiles: known, normals: normals, beyond: far)
    var z = (0..<4000).map { Float($0) / 100 }
    z.withUnsafeMutableBufferPointer { scale.bringToNormals($0) { _ in true } }
    #expect(zip(z, z.dropFirst()).allSatisfy { $0 < $1 })
    var at = far.map(\.evidence)
    at.withUnsafeMutableBufferPointer { scale.bringToNormals($0) { _ in true } }
    for (found, expected) in zip(at, far.map(\.normal)) { #expect(abs(found - expected) < 1e-3) }
  }

  @Test func `a model keeps the fit of its tails and how far planted lesions reach`() throws {
    let model = try TinyStudy.model.get()
    for score in model.book.available {
      let tail = model.book.tail(of: score)
      #expect((0...1).contains(tail.fitP))
      #expect(tail.reach > 0)
      if score != .restoration { #expect(model.book.reach[score] != nil) }
    }
  }
}
