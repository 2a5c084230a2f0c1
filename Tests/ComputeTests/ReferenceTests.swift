import Compute
import Foundation
import Numerics
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

/// The doubled map made in full, every pixel four times, and what passes its gradient back.
private func doubled(_ x: Tensor, _ engine: Engine) throws -> Tensor {
  let result = try Tensor(Shape(x.shape.n, 2 * x.shape.h, 2 * x.shape.w, x.shape.c), engine: engine)
  for i in result.values.indices { result.values[i] = x.values[x.shape.index(ofDoubled: i)] }
  return result
}

extension Shape {
  /// Where the value lies that a doubled map has at an index.
  fileprivate func index(ofDoubled index: Int) -> Int {
    let (pixel, channel) = index.quotientAndRemainder(dividingBy: c)
    let (row, column) = pixel.quotientAndRemainder(dividingBy: 2 * w)
    return ((row / (2 * h) * h + row % (2 * h) / 2) * w + column / 2) * c + channel
  }
}

@Test(arguments: [Shape(2, 5, 3, 4), Shape(1, 1, 1, 16), Shape(3, 8, 8, 32)])
func `a convolution of a doubled map agrees with doubling first, forwards and backwards`(input: Shape) throws {
  let engine = try Engine()
  var random = RandomGenerator(seed: 3)
  let x = try tensor(input, sines(input.count, 0.9), engine)
  let plain = Convolution("c", from: input.c, to: 8, engine: engine, using: &random)
  let doubling = DoublingConvolution("c", from: input.c, to: 8, engine: engine, using: &random)
  let normalizations = [false, true].map { NormalizedActivation("n", channels: 8, readsDoubled: $0, engine: engine) }
  // Twice, since the weights are spread anew when they change.
  for factor: Float in [0.7, 0.4] {
    for layer in [(plain.weights, plain.bias), (doubling.weights, doubling.bias)] {
      layer.0.set(sines(layer.0.count, factor))
      layer.1.set(sines(8, factor))
    }
    let expected = try normalizations[0].forward(try plain.forward(try doubled(x, engine)))
    let found = try normalizations[1].forward(try doubling.forward(x))
    #expect(found.shape == expected.shape)
    expectClose(found.values, Array(expected.values))

    let gradient = try tensor(found.shape, sines(found.shape.count, 0.3), engine)
    let byDoubled = try plain.backward(try normalizations[0].backward(gradient))
    var byInput = [Float](repeating: 0, count: input.count)
    for i in byDoubled.values.indices { byInput[input.index(ofDoubled: i)] += byDoubled.values[i] }
    expectClose(try doubling.backward(try normalizations[1].backward(gradient)).values, byInput, within: 1e-4)
    for (a, b) in [
      (doubling.weights, plain.weights), (doubling.bias, plain.bias),
      (normalizations[1].scale, normalizations[0].scale),
      (normalizations[1].shift, normalizations[0].shift),
    ] {
      let size = b.gradient.reduce(0) { max($0, abs($1)) }
      expectClose(a.gradient, Array(b.gradient), within: 1e-5 * size + 1e-5)
    }
  }
}

// F.silu(F.layer_norm(s(16).view(2, 8), (8,), 1 + 0.1 * s(8), 0.2 * s(8, 0.5), 1e-5)), loss (y * s(16, 0.3).view(2,
// 8)).sum()
@Test func `normalization and activation agree with reference values, forwards and backwards`() throws {
  let engine = try Engine()
  let layer = NormalizedActivation("n", channels: 8, engine: engine)
  layer.scale.set(sines(8).map { 1 + 0.1 * $0 })
  layer.shift.set(sines(8, 0.5).map { 0.2 * $0 })
  let y = try layer.forward(try tensor(Shape(1, 1, 2, 8), sines(16), engine))
  expectClose(
    y.values,
    [
      -0.0494639, 1.0805328, 1.2788340, 0.1784755, -0.2665856, -0.2784632, -0.1842264, 0.6169847,
      0.8678634, 0.2816416, -0.2628708, -0.2749167, -0.2385091, 0.2627530, 0.8658826, 0.4213966,
    ])
  let gradient = try layer.backward(try tensor(y.shape, sines(16, 0.3), engine))
  expectClose(
    gradient.values,
    [
      -0.4609910, -0.3902020, 0.0590253, 0.2498545, 0.0231531, 0.0169118, 0.0606347, 0.4416136,
      1.2681554, 0.7145918, 0.0908130, -0.0053730, -0.0214090, -0.3712354, -0.7964910, -0.8790518,
    ])
  expectClose(
    layer.scale.gradient,
    [
      0.7482283, 0.4532751, 0.7366831, 0.0460702, -0.0234470, -0.1681213, -1.1034477, 0.1551024,
    ])
  expectClose(
    layer.shift.gradient,
    [
      0.6539048, 0.6089232, 0.6056243, 0.5166334, 0.0043070, -0.4890571, -0.5826274, -0.0167434,
    ])
}

// F.silu(x) where the normalization leaves x as it is: one half of the channels at x, the other at -x, scaled by it.
@Test func `the activation is exact from far below zero to far above`() throws {
  let engine = try Engine()
  let layer = NormalizedActivation("n", channels: 8, engine: engine)
  for size in [Float(1e-4), 0.1, 1, 4, 30, 200] {
    layer.scale.set([Float](repeating: size, count: 8))
    let y = try layer.forward(try tensor(Shape(1, 1, 1, 8), [1, -1, 1, -1, 1, -1, 1, -1], engine))
    for (value, sign) in zip(y.values, [Double(1), -1, 1, -1, 1, -1, 1, -1]) {
      // The normalization adds 1e-5 to a variance of 1.
      let x = sign * Double(size) / (1 + 1e-5).squareRoot()
      let expected = x / (1 + exp(-x))
      #expect(abs(Double(value) - expected) <= 2e-6 * abs(expected) + 1e-30, "\(value) of \(x)")
    }
  }
}

@Test func `a pixel is normalized to the same bits wherever it lies among others`() throws {
  let engine = try Engine()
  for channels in [8, 16, 24, 32, 64] {
    let layer = NormalizedActivation("n", channels: channels, engine: engine)
    let values = sines(channels * 331, 0.37)
    let all = Array(try layer.forward(try tensor(Shape(1, 1, 331, channels), values, engine)).values)
    for pixel in [0, 5, 127, 330] {
      let range = pixel * channels..<(pixel + 1) * channels
      let alone = try layer.forward(try tensor(Shape(1, 1, 1, channels), Array(values[range]), engine))
      #expect(Array(alone.values) == Array(all[range]))
    }
  }
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
