import Anomaly
import Compute
import Foundation
import Numerics
import Testing

private func noise(_ shape: Shape, _ engine: Engine, seed: UInt64) throws -> Tensor {
  var random = RandomGenerator(seed: seed)
  let result = try Tensor(shape, engine: engine)
  for i in result.values.indices { result.values[i] = 0.5 + 0.3 * random.normal() }
  return result
}

private func smallArchitecture() -> VAE.Architecture {
  var architecture = VAE.Architecture(channels: 2, patchSize: 16)
  architecture.widths = [8, 16, 16]
  architecture.latents = [0, 2, 4]
  return architecture
}

/// A likelihood and where its spread comes from.
private struct Setting: CustomTestStringConvertible, Sendable {
  let likelihood: Likelihood
  let variance: Objective.Variance
  var testDescription: String { "\(likelihood), \(variance)" }

  static let all = [
    Setting(likelihood: .laplace, variance: .channel), Setting(likelihood: .gaussian, variance: .channel),
    Setting(likelihood: .bernoulli, variance: .channel), Setting(likelihood: .laplace, variance: .pixel),
    Setting(likelihood: .gaussian, variance: .pixel),
  ]

  var objective: Objective {
    var result = Objective(stages: 3)
    result.likelihood = likelihood
    result.variance = variance
    result.divergenceWeights = [0, 2, 5]
    result.freeNats = 0
    result.largestSpread = 1
    return result
  }

  func model(_ engine: Engine) -> VAE {
    var architecture = smallArchitecture()
    architecture.suit(objective)
    let model = VAE(architecture, seed: 3, engine: engine)
    var random = RandomGenerator(seed: 11)
    for parameter in model.parameters where parameter.shape.count == 1 {
      parameter.update { for i in $0.indices { $0[i] += 0.1 * random.normal() } }
    }
    return model
  }
}

/// The loss is checked through sampling, divergence, likelihood and spread together: the noise is the same in every
/// evaluation, since each starts from the same generator. The spread of a channel is held fixed, as the gradient takes
/// it to be.
@Test(arguments: Setting.all)
private func `the loss's gradient by every parameter and by the input agrees with finite differences`(
  setting: Setting
) throws {
  let engine = try Engine()
  let model = setting.model(engine)
  let objective = setting.objective
  let x = try noise(Shape(2, 16, 16, 2), engine, seed: 5)
  let target = try noise(x.shape, engine, seed: 6)
  target.values[7] = .nan
  let gradient = try Tensor(x.shape, engine: engine)
  let scaleGradient = setting.variance == .channel ? nil : try Tensor(x.shape, engine: engine)
  var spread: [Float] = [0.3, 0.4]

  func forward() throws -> Tensor {
    var source: RandomGenerator? = RandomGenerator(seed: 8)
    return try model.forward(x, sampling: &source)
  }
  func loss() throws -> Double {
    objective.heldOutLoss(
      of: target, reconstruction: try forward(), scales: model.scales, divergences: model.divergences, spread: spread)
  }

  let terms = try objective.terms(
    of: target, reconstruction: try forward(), scales: model.scales, divergences: model.divergences, step: 10_000,
    spread: &spread, gradient: gradient, scaleGradient: scaleGradient)
  #expect(abs(terms.loss - (try loss())) < 1e-5 * abs(terms.loss))
  let weights = objective.weights(step: 10_000, values: x.shape.count / 2, batch: 2)
  let byInput = Array(
    try model.backwardToInput(gradient, scaleGradient: scaleGradient, divergenceWeights: weights, freeNats: 0).values)
  _ = try forward()
  try model.backwardToParameters(gradient, scaleGradient: scaleGradient, divergenceWeights: weights, freeNats: 0)
  let gradients = model.parameters.map { Array($0.gradient) }
  #expect(gradients.allSatisfy { $0.contains { $0 != 0 } })

  // f32 rounding of the loss is about 1e-7 of it; over a step of 1e-2 that is 1e-5 in the difference. Laplace's kinks
  // add a little where a difference changes its sign within the step.
  let step: Float = 5e-3
  func agree(_ found: Float, _ what: String, tolerance: Double, _ change: (Float) -> Void) throws {
    change(step)
    let up = try loss()
    change(-2 * step)
    let down = try loss()
    change(step)
    let difference = (up - down) / (2 * Double(step))
    #expect(
      abs(Double(found) - difference) < tolerance + 0.04 * abs(difference),
      "\(what): backward \(found), difference \(difference)")
  }
  var random = RandomGenerator(seed: 12)
  for (parameter, gradient) in zip(model.parameters, gradients) {
    let largest = gradient.indices.max { abs(gradient[$0]) < abs(gradient[$1]) }!
    for i in [largest, random.integer(below: gradient.count)] {
      try agree(gradient[i], "\(parameter.name) \(i)", tolerance: 3e-4) { delta in
        parameter.update { $0[i] += delta }
      }
    }
  }
  // One pixel moves the loss less than a weight that all of them share does.
  let strongest = byInput.indices.sorted { abs(byInput[$0]) > abs(byInput[$1]) }.prefix(12)
  #expect(abs(byInput[strongest.first!]) > 1e-3)
  for i in strongest { try agree(byInput[i], "input \(i)", tolerance: 5e-5) { x.values[i] += $0 } }
}

/// The loss is a sum over 2 x 6 latent channels here, about 100 nats, with f32 roundings of 1e-5; over a step of 1e-2
/// that is 1e-3 in the difference.
@Test func `the divergence's gradient by the input agrees with finite differences, and moves no parameter`() throws {
  let engine = try Engine()
  let model = Setting.all[0].model(engine)
  let x = try noise(Shape(2, 16, 16, 2), engine, seed: 5)
  var none: RandomGenerator?
  func divergence() throws -> Double {
    _ = try model.forward(x, sampling: &none)
    return model.divergences.joined().reduce(0, +) * 2
  }
  _ = try divergence()
  let before = model.parameters.map { Array($0.value) }
  let gradient = try Tensor(x.shape, engine: engine)
  let byInput = Array(try model.backwardToInput(gradient, divergenceWeights: [1, 1, 1], freeNats: 0).values)
  #expect(model.parameters.map { Array($0.value) } == before)
  let strongest = byInput.indices.sorted { abs(byInput[$0]) > abs(byInput[$1]) }.prefix(20)
  #expect(abs(byInput[strongest.first!]) > 0.1)
  for i in strongest {
    x.values[i] += 5e-3
    let up = try divergence()
    x.values[i] -= 1e-2
    let down = try divergence()
    x.values[i] += 5e-3
    let difference = (up - down) / 1e-2
    #expect(
      abs(Double(byInput[i]) - difference) < 2e-3 + 0.02 * abs(difference),
      "input \(i): backward \(byInput[i]), difference \(difference)")
  }
}

@Test func `predicted scales stay within their bounds, whatever the network puts out`() throws {
  let engine = try Engine()
  let model = Setting.all[3].model(engine)
  let x = try noise(Shape(1, 16, 16, 2), engine, seed: 4)
  var none: RandomGenerator?
  let bias = model.parameters.last!
  #expect(bias.name == "output_scale.bias")
  for raw: Float in [-1000, -3, 0, 3, 1000] {
    bias.update { for i in $0.indices { $0[i] = raw } }
    let y = try model.forward(x, sampling: &none)
    let scales = try #require(model.scales)
    #expect(scales.shape == y.shape)
    // exp(-6) and exp(-0.7), but for rounding
    #expect(scales.values.allSatisfy { $0 >= 0.002_478 && $0 <= 0.496_6 })
    if raw == 0 { #expect(scales.values.allSatisfy { $0 > 0.005 && $0 < 0.25 }) }
  }
}

@Test func `a bernoulli network gives probabilities and learns where it was certain and wrong`() throws {
  let engine = try Engine()
  let setting = Setting.all[2]
  let model = setting.model(engine)
  let x = try noise(Shape(1, 16, 16, 2), engine, seed: 4)
  let gradient = try Tensor(x.shape, engine: engine)
  let bias = try #require(model.parameters.last)
  #expect(bias.name == "output.bias")
  bias.update { for i in $0.indices { $0[i] = i.isMultiple(of: 2) ? 1000 : -1000 } }
  var none: RandomGenerator?
  let y = try model.forward(x, sampling: &none)
  #expect(y.values.allSatisfy { $0 > 0 && $0 < 1 })
  for i in x.values.indices { x.values[i] = i.isMultiple(of: 2) ? 0 : 1 }
  var spread: [Float] = [0, 0]
  let terms = try setting.objective.terms(
    of: x, reconstruction: y, divergences: model.divergences, step: 0, spread: &spread, gradient: gradient)
  #expect(terms.loss.isFinite)
  try model.backwardToParameters(gradient, divergenceWeights: [0, 0, 0], freeNats: 0)
  // By the logit the gradient of a cross-entropy is r - t: here 1 or -1 a value, 64 of 512 values a bias.
  for i in bias.gradient.indices { #expect(abs(bias.gradient[i] - (i.isMultiple(of: 2) ? 0.125 : -0.125)) < 1e-4) }
}

@Test func `an architecture of an earlier version has one output of intensities`() throws {
  let text = #"{"channels":2,"patchSize":16,"blockSize":2,"widths":[8,16,16],"latents":[0,2,4]}"#
  let read = try JSONDecoder().decode(VAE.Architecture.self, from: Data(text.utf8))
  #expect(read == smallArchitecture())
  #expect(read.output == .intensity && !read.predictsScales)
}

@Test func `the divergence is that of a Gaussian from the standard normal`() throws {
  // A posterior with mean 0 and variance 1 carries nothing; the untrained model's is close to it and never below zero.
  let engine = try Engine()
  let model = VAE(smallArchitecture(), seed: 1, engine: engine)
  var none: RandomGenerator?
  _ = try model.forward(try noise(Shape(3, 16, 16, 2), engine, seed: 4), sampling: &none)
  #expect(model.divergences.map(\.count) == [0, 2, 4])
  #expect(model.divergences.joined().allSatisfy { $0 >= 0 })
}

@Test func `the posterior's mean gives the same reconstruction twice, a sample another`() throws {
  let engine = try Engine()
  let model = VAE(smallArchitecture(), seed: 1, engine: engine)
  let x = try noise(Shape(1, 16, 16, 2), engine, seed: 4)
  var none: RandomGenerator?
  let first = Array(try model.forward(x, sampling: &none).values)
  let second = Array(try model.forward(x, sampling: &none).values)
  var source: RandomGenerator? = RandomGenerator(seed: 1)
  let sampled = Array(try model.forward(x, sampling: &source).values)
  #expect(first == second)
  #expect(first != sampled)
}

@Test func `a scan of a batch is reconstructed as it is alone`() throws {
  let engine = try Engine()
  let model = VAE(smallArchitecture(), seed: 1, engine: engine)
  let pair = try noise(Shape(2, 16, 16, 2), engine, seed: 4)
  var none: RandomGenerator?
  let together = Array(try model.forward(pair, sampling: &none).values[512...])
  let alone = try Tensor(Shape(1, 16, 16, 2), engine: engine)
  _ = alone.values.update(fromContentsOf: pair.values[512...])
  let single = Array(try model.forward(alone, sampling: &none).values)
  for (a, b) in zip(together, single) { #expect(abs(a - b) < 1e-5) }
}

@Test func `a hundred steps on one batch bring the loss down`() throws {
  let engine = try Engine()
  let model = VAE(smallArchitecture(), seed: 1, engine: engine)
  let x = try Tensor(Shape(4, 16, 16, 2), engine: engine)
  for i in x.values.indices { x.values[i] = 0.5 + 0.4 * sin(Float(i / 64) * 0.7) }
  let gradient = try Tensor(x.shape, engine: engine)
  let objective = Objective(stages: 3)
  let adam = Adam(model.parameters)
  var source: RandomGenerator? = RandomGenerator(seed: 1)
  var spread: [Float] = [0, 0]
  var losses: [Double] = []
  for step in 0..<100 {
    let y = try model.forward(x, sampling: &source)
    let terms = try objective.terms(
      of: x, reconstruction: y, divergences: model.divergences, step: step, spread: &spread, gradient: gradient)
    losses.append(terms.reconstruction)
    try model.backwardToParameters(
      gradient, divergenceWeights: objective.weights(step: step, values: 512, batch: 4), freeNats: 0.5)
    adam.update(learningRate: 3e-3)
  }
  // Untrained, the output is near zero and off by about 0.5; a nat a value less is a third of that.
  #expect(losses.last! < losses.first! - 1)
}
