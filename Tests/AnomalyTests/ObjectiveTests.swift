import Anomaly
import Compute
import Foundation
import Numerics
import Testing

struct ObjectiveTests {
  /// Python: `scipy.stats.laplace(.4, .05).logpdf(.7)`, `norm(.4, .2).logpdf(.7)`,
  /// `-.3 * log(.8) - .7 * log(.2)`, all times -1.
  @Test(
    arguments: [
      (.laplace, 0.7, 0.4, 0.05, 3.697_414_907), (.gaussian, 0.7, 0.4, 0.2, 0.434_500_621),
      (.bernoulli, 0.3, 0.8, 1, 1.193_549_604), (.bernoulli, 1, 0.8, 1, 0.223_143_551),
      (.bernoulli, 1.4, 0.8, 1, 0.223_143_551), (.bernoulli, -0.2, 0.8, 1, 1.609_437_912),
    ] as [(Likelihood, Float, Float, Float, Float)])
  func `a value's cost is its negative log-likelihood`(
    likelihood: Likelihood, value: Float, reconstruction: Float, spread: Float, expected: Float
  ) {
    let cost = likelihood.cost(of: value, reconstruction: reconstruction, spread: spread)
    #expect(abs(cost.nats - expected) < 2e-6 * (1 + abs(expected)))
  }

  /// Central differences over 2e-3 of numbers of size 1 to 10: f32 rounding adds up to 1e-3, the third derivative less.
  @Test(arguments: Likelihood.allCases)
  func `slopes agree with finite differences`(likelihood: Likelihood) {
    let step: Float = 1e-3
    for (value, reconstruction, spread) in [(0.3, 0.6, 0.2), (0.8, 0.45, 0.3), (0.5, 0.9, 0.1)]
      as [(Float, Float, Float)]
    {
      func nats(_ r: Float, _ s: Float) -> Float { likelihood.cost(of: value, reconstruction: r, spread: s).nats }
      let cost = likelihood.cost(of: value, reconstruction: reconstruction, spread: spread)
      let slope = (nats(reconstruction + step, spread) - nats(reconstruction - step, spread)) / (2 * step)
      let byLog =
        (nats(reconstruction, spread * exp(step)) - nats(reconstruction, spread * exp(-step))) / (2 * step)
      #expect(abs(cost.slope - slope) < 2e-3 + 1e-3 * abs(slope))
      #expect(abs(cost.slopeByLogSpread - byLog) < 2e-3 + 1e-3 * abs(byLog))
    }
  }

  /// `[1, 4, 4, 2]` with one value missing, a reconstruction and gradients of the same shape.
  private struct Patch {
    let x, y, gradient: Tensor

    init() throws {
      let engine = try Engine()
      var random = RandomGenerator(seed: 1)
      x = try Tensor(Shape(1, 4, 4, 2), engine: engine)
      y = try Tensor(x.shape, engine: engine)
      gradient = try Tensor(x.shape, engine: engine)
      for i in x.values.indices {
        x.values[i] = random.uniform(0.1, 0.9)
        y.values[i] = random.uniform(0.1, 0.9)
      }
      x.values[3] = .nan
    }
  }

  @Test(arguments: Likelihood.allCases)
  func `a batch's gradient is the mean of its values' slopes, nothing where there is no data`(
    likelihood: Likelihood
  ) throws {
    let patch = try Patch()
    var objective = Objective(stages: 1)
    objective.likelihood = likelihood
    objective.largestSpread = 1
    var spread: [Float] = [0.3, 0.4]
    let terms = try objective.terms(
      of: patch.x, reconstruction: patch.y, divergences: [[]], step: 0, spread: &spread, gradient: patch.gradient)
    var nats: Float = 0
    for i in patch.x.values.indices {
      guard i != 3 else {
        #expect(patch.gradient.values[i] == 0)
        continue
      }
      let cost = likelihood.cost(of: patch.x.values[i], reconstruction: patch.y.values[i], spread: spread[i % 2])
      nats += cost.nats / 31
      #expect(abs(patch.gradient.values[i] - cost.slope / 31) < 1e-6)
    }
    #expect(abs(terms.reconstruction - Double(nats)) < 1e-5)
  }

  @Test(arguments: [Objective.Variance.channel, .pixel])
  func `a reconstruction that is not a number makes a loss that is none, and leaves the spread alone`(
    variance: Objective.Variance
  ) throws {
    let patch = try Patch()
    var objective = Objective(stages: 1)
    objective.variance = variance
    let scales = try Tensor(patch.x.shape, engine: Engine())
    scales.values.update(repeating: 0.1)
    patch.y.values[8] = .nan
    var spread: [Float] = [0.03, 0.02]
    let terms = try objective.terms(
      of: patch.x, reconstruction: patch.y, scales: scales, divergences: [[]], step: 0, spread: &spread,
      gradient: patch.gradient, scaleGradient: try Tensor(patch.x.shape, engine: Engine()))
    #expect(!terms.loss.isFinite)
    #expect(spread[0] == 0.03)
    #expect(
      !objective.heldOutLoss(
        of: patch.x, reconstruction: patch.y, scales: scales, divergences: [[]], spread: spread
      ).isFinite)
  }

  @Test func `the held-out loss charges for the whole divergence, by its weights`() throws {
    let patch = try Patch()
    var objective = Objective(stages: 2)
    func loss(_ divergences: [[Double]]) -> Double {
      objective.heldOutLoss(
        of: patch.x, reconstruction: patch.y, scales: nil, divergences: divergences, spread: [0.1, 0])
    }
    objective.divergenceWeights = [1, 10]
    objective.freeNats = 5
    // 32 values a patch
    #expect(abs(loss([[3, 1], [0.2]]) - loss([[], []]) - (4 + 2) / 32.0) < 1e-9)
    let before = loss([[], []])
    objective.largestSpread = 0.08  // stands for a spread of 0, which has not been estimated yet
    #expect(loss([[], []]) != before)
  }

  @Test func `the loss counts a channel below the free nats as if it had them, the settled loss as it is`() throws {
    let patch = try Patch()
    var objective = Objective(stages: 2)
    objective.divergenceWeights = [1, 10]
    objective.freeNats = 2
    objective.warmUpSteps = 4
    func terms(_ divergences: [[Double]], step: Int) throws -> Objective.Terms {
      var spread: [Float] = [0.03, 0.02]
      return try objective.terms(
        of: patch.x, reconstruction: patch.y, divergences: divergences, step: step, spread: &spread,
        gradient: patch.gradient)
    }
    // 32 values a patch
    let late = try terms([[3, 1], [0.2]], step: 100)
    #expect(abs(late.loss - late.reconstruction - (3 + 2 + 10 * 2) / 32.0) < 1e-6)
    #expect(abs(late.settled - late.reconstruction - (3 + 1 + 10 * 0.2) / 32.0) < 1e-6)
    #expect(abs(late.divergence - 4.2) < 1e-9)
    // What has no gradient leaves the loss as it is.
    #expect(try terms([[3, 1.9], [0]], step: 100).loss == late.loss)
    let early = try terms([[3, 1], [0.2]], step: 0)
    #expect(abs(early.loss - early.reconstruction - 0.25 * (3 + 2 + 10 * 2) / 32.0) < 1e-6)
    #expect(abs(early.settled - early.reconstruction - (3 + 1 + 10 * 0.2) / 32.0) < 1e-6)
    #expect(try !terms([[3, .nan], [0.2]], step: 100).loss.isFinite)
  }

  @Test func `what contradicts itself is described`() {
    var objective = Objective(stages: 2)
    #expect(objective.fault == nil)
    objective.variance = .pixel
    #expect(objective.fault == nil)
    objective.likelihood = .bernoulli
    #expect(
      objective.fault
        == "a bernoulli likelihood has no spread that a pixel could have of its own; laplace or gaussian is expected")
    objective = Objective(stages: 2)
    objective.kind = .elbo
    let sentence =
      "the evidence lower bound counts every nat of divergence as one; with a weight or free nats it is called beta"
    #expect(objective.fault == sentence)
    objective.freeNats = 0
    #expect(objective.fault == nil)
    objective.divergenceWeights[1] = 2
    #expect(objective.fault == sentence)
  }

  @Test func `an objective of an earlier version is a denoising one with a spread a channel`() throws {
    let text =
      #"{"divergenceWeights":[1,1],"freeNats":0.5,"largestSpread":0.04,"likelihood":"laplace","warmUpSteps":300}"#
    let read = try JSONDecoder().decode(Objective.self, from: Data(text.utf8))
    #expect(read == Objective(stages: 2))
    #expect(read.kind == .denoising && read.corrupts)
    let written = try JSONEncoder().encode(read)
    #expect(try JSONDecoder().decode(Objective.self, from: written) == read)
  }
}
