import Compute
import Foundation
import Testing

private func tensor(_ shape: Shape, _ values: [Float], _ engine: Engine) throws -> Tensor {
  let result = try Tensor(shape, engine: engine)
  _ = result.values.update(fromContentsOf: values)
  return result
}

private func expectClose(_ found: some Sequence<Float>, _ expected: [Float], within tolerance: Float = 1e-5) {
  let found = Array(found)
  #expect(found.count == expected.count)
  for (a, b) in zip(found, expected) { #expect(abs(a - b) <= tolerance, "\(found) against \(expected)") }
}

/// Numbers that are easy to produce again: sin(0), sin(1), sin(2), ...
private func sines(_ count: Int, _ factor: Float = 1) -> [Float] { (0..<count).map { sin(factor * Float($0)) } }

// The expected numbers below are PyTorch's, in f32. With s(n, f) = torch.sin(f * torch.arange(n)):
//   x = s(64).view(2,4,4,2).permute(0,3,1,2); w = s(54, 0.7).view(3,2,3,3); b = [.1, -.2, .3]
//   y = F.conv2d(x, w, b, stride=2, padding=1)
//   (y * s(24, 0.3).view(2,2,2,3).permute(0,3,1,2)).sum().backward()
@Test func `a strided convolution agrees with reference values, forwards and backwards`() throws {
  let engine = try Engine()
  var random = RandomGenerator(seed: 0)
  let layer = Convolution("c", from: 2, to: 3, stride: 2, engine: engine, using: &random)
  layer.weights.set(sines(54, 0.7))
  layer.bias.set([0.1, -0.2, 0.3])
  let y = try layer.forward(try tensor(Shape(2, 4, 4, 2), sines(64), engine))
  #expect(y.shape == Shape(2, 2, 2, 3))
  expectClose(
    y.values,
    [
      -0.4161524, -0.8073183, -0.3977956, 0.7455230, 0.5375139, 1.1286716, -0.7641296, -0.9387246, -0.3124860,
      1.7493814, 1.3165710, 1.6820440, 1.0911211, 0.6956719, 1.0992103, -0.7696788, -0.9971410, -0.4237004,
      -2.8996463, -3.1078866, -2.5128391, 3.2159083, 2.8310280, 3.2427173,
    ])
  let gradient = try layer.backward(try tensor(y.shape, sines(24, 0.3), engine))
  expectClose(
    gradient.values.prefix(8),
    [0.2425426, 0.2286351, 1.9436345, 1.9056890, 0.8151510, 0.7715492, -1.0427759, -1.0847203])
  expectClose(
    layer.weights.gradient.prefix(6), [-0.2479142, 0.1586644, 0.6169900, -0.1302855, 0.8527219, -1.2844844])
  expectClose(layer.bias.gradient, [0.0085530, 0.3088140, 0.5814885])
}

// F.layer_norm(s(16).view(2, 8), (8,), 1 + 0.1 * s(8), 0.2 * s(8, 0.5), 1e-5), loss (y * s(16, 0.3).view(2, 8)).sum()
@Test func `channel normalization agrees with reference values, forwards and backwards`() throws {
  let engine = try Engine()
  let layer = ChannelNormalization("n", channels: 8, engine: engine)
  layer.scale.set(sines(8).map { 1 + 0.1 * $0 })
  layer.shift.set(sines(8, 0.5).map { 0.2 * $0 })
  let y = try layer.forward(try tensor(Shape(1, 1, 2, 8), sines(16), engine))
  expectClose(
    y.values,
    [
      -0.1043694, 1.3583274, 1.5502076, 0.3094498, -0.9694054, -1.2819431, -0.4827781, 0.8743495, 1.1442466, 0.4595223,
      -0.9273680, -1.4669363, -0.7368233, 0.4331402, 1.1421999, 0.6429430,
    ])
  let gradient = try layer.backward(try tensor(y.shape, sines(16, 0.3), engine))
  expectClose(
    gradient.values,
    [
      -1.0283743, -0.3266897, 0.1366513, 0.2061045, 0.0740668, 0.0823911, 0.3264459, 0.5294048, 1.3477433, 0.9881176,
      0.4512362, -0.0379279, -0.3368146, -0.5315443, -0.7857223, -1.0950882,
    ])
  expectClose(
    layer.scale.gradient,
    [0.7728963, 0.4874693, 0.5735173, 0.3441442, -0.7210576, -1.7848582, -1.5107658, 0.1109414])
  expectClose(
    layer.shift.gradient, [0.6754631, 0.7229000, 0.7057625, 0.6255810, 0.4895185, 0.3097287, 0.1022717, -0.1143208])
}

// F.silu(3 * s(8)) and its gradient.
@Test func `the activation agrees with reference values, forwards and backwards`() throws {
  let engine = try Engine()
  let layer = Activation(engine: engine)
  let y = try layer.forward(try tensor(Shape(1, 2, 2, 2), sines(8).map { 3 * $0 }, engine))
  expectClose(
    y.values, [0, 2.3371913, 2.5605430, 0.2558309, -0.2125184, -0.1533716, -0.2530701, 1.7299392])
  let gradient = try layer.backward(try tensor(y.shape, [Float](repeating: 1, count: 8), engine))
  expectClose(
    gradient.values, [0.5, 1.0991719, 1.0957352, 0.7055228, -0.0990223, -0.0918810, 0.1252370, 1.0892612])
}

// torch.optim.AdamW([[.5, -.3], [.2, .9]], lr=0.01, weight_decay=1e-4), three steps on 0.1 * sum(p²).
@Test func `three steps of Adam agree with reference values`() {
  let parameter = Parameter("p", shape: [2, 2])
  parameter.set([0.5, -0.3, 0.2, 0.9])
  let adam = Adam([parameter])
  for _ in 0..<3 {
    for i in 0..<4 { parameter.gradient[i] = 0.2 * parameter.value[i] }
    adam.update(learningRate: 0.01)
  }
  expectClose(parameter.value, [0.4700199, -0.2700373, 0.1700618, 0.8700086], within: 2e-6)
}

@Test func `a gradient that is not finite changes no weight and is reported`() {
  let parameter = Parameter("p", shape: [3], filledWith: 0.5)
  let adam = Adam([parameter])
  parameter.gradient[1] = .nan
  #expect(!adam.update(learningRate: 0.1).isFinite)
  #expect(Array(parameter.value) == [0.5, 0.5, 0.5])
  #expect(adam.step == 0)
}

@Test func `a gradient longer than the limit is shortened to it`() {
  let parameter = Parameter("p", shape: [2])
  let adam = Adam([parameter])
  parameter.gradient[0] = 30
  parameter.gradient[1] = 40
  #expect(adam.update(learningRate: 0.1) == 50)
  expectClose(adam.firstMoments[0], [0.06, 0.08], within: 1e-7)
}

@Test func `blocks moved into channels and back give the same picture`() throws {
  let engine = try Engine()
  let picture = try tensor(Shape(2, 4, 6, 3), (0..<144).map(Float.init), engine)
  let blocks = try Tensor(Shape(2, 2, 3, 12), engine: engine)
  SpaceToDepth.forward(picture, factor: 2, into: blocks)
  #expect(Array(blocks.values[0..<12]) == [0, 1, 2, 3, 4, 5, 18, 19, 20, 21, 22, 23])
  let back = try Tensor(picture.shape, engine: engine)
  SpaceToDepth.inverse(blocks, factor: 2, into: back)
  #expect(Array(back.values) == Array(picture.values))
}

@Test func `the same seed gives the same numbers, another seed others`() {
  var a = RandomGenerator(seed: 1)
  var b = RandomGenerator(seed: 1)
  var c = RandomGenerator(seed: 2)
  let first = (0..<5).map { _ in a.normal() }
  #expect(first == (0..<5).map { _ in b.normal() })
  #expect(first != (0..<5).map { _ in c.normal() })
}

@Test func `normal numbers have mean zero and spread one`() {
  var random = RandomGenerator(seed: 9)
  let draws = (0..<100_000).map { _ in Double(random.normal()) }
  let mean = draws.reduce(0, +) / 100_000
  let variance = draws.reduce(0) { $0 + $1 * $1 } / 100_000
  // Five standard errors: 1 / sqrt(n) for the mean, sqrt(2 / n) for the variance.
  #expect(abs(mean) < 0.016)
  #expect(abs(variance - 1) < 0.023)
}
