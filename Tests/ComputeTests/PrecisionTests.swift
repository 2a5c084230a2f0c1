import Compute
import Numerics
import Testing

/// The processor, or `DNNL_MAX_CPU_ISA`, decides whether there is anything to test.
private let hasBFloat16 = Precision.fastest == .bfloat16

private struct Passes {
  let output: [Float]
  let byInput: [Float]
  let byWeights: [Float]
  let byBias: [Float]

  /// One convolution forwards and backwards, the same numbers in whatever precision.
  init(_ precision: Precision, stride: Int) throws {
    let engine = try Engine(precision: precision)
    var random = RandomGenerator(seed: 11)
    let layer = Convolution("c", from: 40, to: 16, stride: stride, engine: engine, using: &random)
    let x = try Tensor(Shape(2, 16, 12, 40), engine: engine)
    for i in x.values.indices { x.values[i] = random.normal() }
    let y = try layer.forward(x)
    output = Array(y.values)
    let gradient = try Tensor(y.shape, engine: engine)
    for i in gradient.values.indices { gradient.values[i] = random.normal() }
    byInput = Array(try layer.backward(gradient).values)
    byWeights = Array(layer.weights.gradient)
    byBias = Array(layer.bias.gradient)
  }
}

/// bf16 keeps 8 bits: every factor is off by at most 2^-9 of itself where it is rounded to the nearest, 2^-8 otherwise.
/// Over many products the errors are independent, so that a sum is off by about as much of its own spread; 1 % is twice
/// the larger.
@Test(.enabled(if: hasBFloat16, "this processor, or DNNL_MAX_CPU_ISA, has no bf16"), arguments: [1, 2])
func `a convolution in bf16 agrees with f32 to one percent of its spread`(stride: Int) throws {
  let full = try Passes(.float32, stride: stride)
  let half = try Passes(.bfloat16, stride: stride)
  func compare(_ a: [Float], _ b: [Float], _ what: String) {
    let spread = (a.reduce(0) { $0 + $1 * $1 } / Float(a.count)).squareRoot()
    let error = (zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / Float(a.count)).squareRoot()
    #expect(error < 0.01 * spread, "\(what): \(error) of \(spread)")
    #expect(error > 0, "\(what) was not computed in bf16")
  }
  compare(full.output, half.output, "output")
  compare(full.byInput, half.byInput, "gradient by input")
  compare(full.byWeights, half.byWeights, "gradient by weights")
  compare(full.byBias, half.byBias, "gradient by bias")
}

@Test(.enabled(if: hasBFloat16, "this processor, or DNNL_MAX_CPU_ISA, has no bf16"))
func `bf16 gives the same bits every time`() throws {
  let (a, b) = (try Passes(.bfloat16, stride: 1), try Passes(.bfloat16, stride: 1))
  #expect(a.output == b.output && a.byInput == b.byInput && a.byWeights == b.byWeights)
}

/// A layer hands its output to a convolution rounded; a convolution that rounds by itself says the same to the bit.
@Test(.enabled(if: hasBFloat16, "this processor, or DNNL_MAX_CPU_ISA, has no bf16"), arguments: [false, true])
func `what a layer rounds is what a convolution would round`(isDoubled: Bool) throws {
  let engine = try Engine(precision: .bfloat16)
  var random = RandomGenerator(seed: 4)
  let x = try Tensor(Shape(2, 8, 12, 24), engine: engine)
  for i in x.values.indices { x.values[i] = 3 * random.normal() }
  let normalization = NormalizedActivation("n", channels: 24, readsDoubled: isDoubled, engine: engine)
  let front = Sequential(
    isDoubled
      ? [DoublingConvolution("d", from: 24, to: 24, engine: engine, using: &random), normalization] : [normalization])
  let convolution = Convolution("c", from: 24, to: 16, engine: engine, using: &random)
  func passes(_ take: (Tensor) throws -> Tensor) throws -> (output: [Float], byWeights: [Float], byInput: [Float]) {
    let y = try convolution.forward(try take(try front.forward(x)))
    let output = Array(y.values)
    let gradient = try convolution.backward(y)
    return (output, Array(convolution.weights.gradient), Array(gradient.values))
  }
  let handed = try passes { $0 }
  let copied = try passes { made in
    let copy = try Tensor(made.shape, engine: engine)
    copy.copy(from: made)
    return copy
  }
  #expect(handed == copied)
  #expect(handed.output.contains { $0 != 0 })
}

/// Sizes that no vector divides.
@Test(.enabled(if: hasBFloat16, "this processor, or DNNL_MAX_CPU_ISA, has no bf16"), arguments: [1, 7, 8, 100])
func `sums and copies round what they write`(pixels: Int) throws {
  let engine = try Engine(precision: .bfloat16)
  var random = RandomGenerator(seed: 6)
  let (a, b) = (try Tensor(Shape(1, 1, pixels, 3), engine: engine), try Tensor(Shape(1, 1, pixels, 3), engine: engine))
  for i in a.values.indices { (a.values[i], b.values[i]) = (random.normal(), random.normal()) }
  let sum = try Tensor(a.shape, engine: engine, readBy: .both)
  sum.set(a, plus: b)
  #expect(Array(sum.values) == zip(a.values, b.values).map(+))
  let convolution = Convolution("c", from: 3, to: 8, kernel: 1, engine: engine, using: &random)
  let plain = try Tensor(a.shape, engine: engine)
  plain.copy(from: sum)
  #expect(Array(try convolution.forward(sum).values) == Array(try convolution.forward(plain).values))
  sum.copy(from: a)
  #expect(Array(try convolution.forward(sum).values) == Array(try convolution.forward(a).values))
  sum.add(b)
  #expect(Array(try convolution.forward(sum).values) == Array(try convolution.forward(plain).values))
}
