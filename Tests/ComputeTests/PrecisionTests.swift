import Compute
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
