import Anomaly
import Compute
import Foundation
import Numerics
import Testing

struct ScoreNetworkTests {
  private let engine: Engine

  init() throws { engine = try Engine() }

  private func network() -> ScoreNetwork {
    var architecture = ScoreNetwork.Architecture(inputs: 3)
    architecture.widths = [8, 16, 8]
    let network = ScoreNetwork(architecture, seed: 1, engine: engine)
    var random = RandomGenerator(seed: 2)
    for parameter in network.parameters where parameter.shape.count == 1 {
      parameter.update { for i in $0.indices { $0[i] += 0.1 * random.normal() } }
    }
    return network
  }

  private func input(seed: UInt64 = 5) throws -> Tensor {
    var random = RandomGenerator(seed: seed)
    let x = try Tensor(Shape(2, 16, 24, 3), engine: engine)
    for i in x.values.indices { x.values[i] = random.normal() }
    return x
  }

  private func lesions(_ count: Int) -> [Float] {
    var random = RandomGenerator(seed: 6)
    return (0..<count).map { _ in random.chance(0.2) ? 1 : 0 }
  }

  /// Central differences of the loss in f32: 1e-7 of it over a step of 1e-2 is 1e-5.
  @Test func `the loss's gradient by every parameter agrees with finite differences`() throws {
    let network = network()
    let x = try input()
    let y = lesions(2 * 16 * 24)
    let gradient = try Tensor(Shape(2, 16, 24, 1), engine: engine)
    func loss() throws -> Double {
      try ScoreTrainer.loss(try network.forward(x), lesions: y, gradient: gradient)
    }
    _ = try loss()
    try network.backward(gradient)
    let gradients = network.parameters.map { Array($0.gradient) }
    var random = RandomGenerator(seed: 9)
    for (parameter, gradient) in zip(network.parameters, gradients) {
      let largest = gradient.indices.max { abs(gradient[$0]) < abs(gradient[$1]) }!
      for i in [largest, random.integer(below: gradient.count)] {
        let step: Float = 5e-3
        parameter.update { $0[i] += step }
        let up = try loss()
        parameter.update { $0[i] -= 2 * step }
        let down = try loss()
        parameter.update { $0[i] += step }
        let difference = (up - down) / (2 * Double(step))
        #expect(
          abs(Double(gradient[i]) - difference) < 1e-4 + 0.03 * abs(difference),
          "\(parameter.name) \(i): backward \(gradient[i]), difference \(difference)")
      }
    }
    #expect(gradients.allSatisfy { $0.contains { $0 != 0 } })
  }

  @Test func `an untrained network takes few pixels for lesions`() throws {
    var architecture = ScoreNetwork.Architecture(inputs: 3)
    architecture.widths = [8, 8]
    let logits = try ScoreNetwork(architecture, seed: 3, engine: engine).forward(input())
    #expect(logits.shape == Shape(2, 16, 24, 1))
    #expect(logits.values.allSatisfy { $0.isFinite && $0 < 0 })
  }

  /// What lies further away than the network can see must not matter, and what lies near must.
  @Test func `a change of the input is seen where it is made`() throws {
    let network = network()
    let x = try input()
    let before = Array(try network.forward(x).values)
    for c in 0..<3 { x.values[(8 * 24 + 12) * 3 + c] += 3 }
    let after = Array(try network.forward(x).values)
    let changes = zip(before, after).map { abs($0 - $1) }
    #expect(changes[8 * 24 + 12] > 1e-3)
    #expect(changes[(16 * 24)...].allSatisfy { $0 == 0 })
  }

  @Test(
    arguments: [
      (0, 2, [8], "a score network of 0 inputs; 1 to 512 are supported"),
      (1, 9, [8], "a score network with blocks of 9 pixels; 1 to 8 are supported"),
      (1, 2, [12], "a score network of widths [12]; 1 to 6 multiples of 8 up to 512 are supported"),
      (1, 2, [Int](), "a score network of widths []; 1 to 6 multiples of 8 up to 512 are supported"),
    ])
  func `a network that cannot be built is described`(inputs: Int, block: Int, widths: [Int], fault: String) {
    var architecture = ScoreNetwork.Architecture(inputs: inputs)
    architecture.blockSize = block
    architecture.widths = widths
    #expect(architecture.fault == fault)
    #expect(ScoreNetwork.Architecture(inputs: 10).fault == nil)
  }
}

/// From Peers/metrics.py: `torch.nn.functional.binary_cross_entropy_with_logits(x, y, pos_weight=2)` and
/// `0.3 * (1 - (2 * (q * y).sum() + 1) / (q.sum() + y.sum() + 1))` of torch, with `q = sigmoid(x)`.
@Test func `the loss is cross-entropy with weighted lesions plus soft Dice`() throws {
  let x = try Tensor(Shape(1, 2, 3, 1), engine: Engine())
  for (i, value) in [Float(-2), 0.5, 3, -0.1, 1.5, -4].enumerated() { x.values[i] = value }
  let gradient = try Tensor(x.shape, engine: Engine())
  let loss = try ScoreTrainer.loss(x, lesions: [0, 1, 1, 0, 0, 1], gradient: gradient)
  #expect(abs(loss - LossReference.value) < 1e-5)
  for (value, expected) in zip(gradient.values, LossReference.gradient) { #expect(abs(value - expected) < 1e-6) }
}

private enum LossReference {
  static let value = 2.046449452
  static let gradient: [Float] = [0.022554314, -0.139961627, -0.018522014, 0.085552558, 0.140079603, -0.328398783]
}
