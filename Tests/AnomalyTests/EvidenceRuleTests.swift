import Anomaly
import Compute
import Numerics
import Testing

private let identity: [[Double]] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]

/// Inverse of `[[1, 0.8, 0], [0.8, 1, 0], [0, 0, 1]]`: the first two channels share most of their noise.
private let shared: [[Double]] = [[1 / 0.36, -0.8 / 0.36, 0], [-0.8 / 0.36, 1 / 0.36, 0], [0, 0, 1]]

private func evidence(
  _ z: [Float], _ weights: [Float]?, _ polarity: EvidenceRule.Polarity = .both, _ precision: [[Double]] = identity
) -> Float {
  let combination = EvidenceRule.Combination(
    EvidenceRule(channelWeights: weights, polarity: polarity), precision: precision)
  return z.withUnsafeBufferPointer { combination.evidence($0) }
}

/// Hand-computed values are exact to a few roundings of `Float` at magnitudes below 10.
private func close(_ value: Float, _ expected: Float) -> Bool { abs(value - expected) < 1e-5 }

struct EvidenceRuleTests {
  @Test func `for independent channels the filter is the weighted sum in units of its noise`() {
    #expect(close(evidence([3, 4, 7], [1, 0, 0], .bright), 3))
    #expect(close(evidence([3, 4, 7], [3, 4, 0], .bright), 5))
    #expect(close(evidence([3, 4, 7], [30, 40, 0], .bright), 5))
    #expect(close(evidence([3, 4, 7], [1, -1, 0], .bright), -(0.5 as Float).squareRoot()))
  }

  @Test func `for independent channels the distance is the residual's length`() {
    #expect(close(evidence([3, 4, 0], nil), 5))
    #expect(close(evidence([-3, 0, 4], nil), 5))
    #expect(evidence([0, 0, 0], nil) == 0)
  }

  @Test func `without weights one polarity takes the channel that stands out most`() {
    #expect(close(evidence([3, 4, -7], nil, .bright), 4))
    #expect(close(evidence([3, 4, -7], nil, .dark), 7))
  }

  /// By hand: P w = (1, -0.8, 0) / 0.36, w' P w = 1 / 0.36, so the evidence is (z1 - 0.8 z2) / 0.6.
  @Test func `what another channel explains does not count`() {
    #expect(close(evidence([2, 2, 9], [1, 0, 0], .bright, shared), 0.4 / 0.6))
    #expect(close(evidence([2, 0, 9], [1, 0, 0], .bright, shared), 2 / 0.6))
    #expect(close(evidence([2, 2.5, 9], [1, 0, 0], .bright, shared), 0))
    // By hand: z' P z = (1 + 1 - 1.6) / 0.36.
    #expect(close(evidence([1, 1, 0], nil, .both, shared), (0.4 / 0.36 as Float).squareRoot()))
    #expect(close(evidence([1, -1, 0], nil, .both, shared), (3.6 / 0.36 as Float).squareRoot()))
  }

  @Test(arguments: [nil, [1, 0, 0], [1, 2, -3]] as [[Float]?])
  func `dark mirrors bright, and both takes the larger`(weights: [Float]?) {
    var random = RandomGenerator(seed: 9)
    for _ in 0..<50 {
      let z = (0..<3).map { _ in 2 * random.normal() }
      let bright = evidence(z, weights, .bright, shared)
      #expect(evidence(z.map { -$0 }, weights, .dark, shared) == bright)
      #expect(evidence(z.map { -$0 }, weights, .both, shared) == evidence(z, weights, .both, shared))
      guard weights != nil else { continue }
      #expect(evidence(z, weights, .both, shared) == max(bright, evidence(z, weights, .dark, shared)))
    }
  }

  /// Residuals are drawn from the very Gaussian that `shared` is the precision of; half of them are shifted by 1.5
  /// along the weights `w`. In theory the filter's contrast is 1.5 sqrt(w' P w) = 1.458 and its area under the receiver
  /// operating characteristic that of the normal distribution below 1.458 / sqrt(2), 0.849; no detector has more.
  /// Tolerance: the standard error of an area at this count is below 0.005.
  @Test func `the matched filter finds a shift in the told direction better than the distance does`() throws {
    var random = RandomGenerator(seed: 31)
    let weights: [Float] = [0, 0.5, 0.5]
    var pixels: [(z: [Float], isShifted: Bool)] = []
    for i in 0..<6000 {
      let a = random.normal()
      var z = [a, 0.8 * a + 0.6 * random.normal(), random.normal()]
      if i % 2 == 0 { for c in z.indices { z[c] += 1.5 * weights[c] } }
      pixels.append((z, i % 2 == 0))
    }
    func area(_ weights: [Float]?, _ polarity: EvidenceRule.Polarity) throws -> Double {
      try #require(
        Metrics.Ranking(
          scores: pixels.map { evidence($0.z, weights, polarity, shared) }, truth: pixels.map(\.isShifted)
        ).auroc)
    }
    let matched = try area(weights, .bright)
    #expect(abs(matched - 0.849) < 0.02)
    #expect(matched > (try area(nil, .both)) + 0.05)
    #expect(matched > (try area([1, 0, 0], .bright)) + 0.05)
    #expect(try area(weights, .dark) < 0.2)
  }
}
