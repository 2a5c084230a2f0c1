import Compute
import Numerics
import Testing

struct FixedConvolutionTests {
  /// What the layer computes, by plain loops.
  private static func expected(
    _ g: FixedConvolution.Geometry, of x: Tensor, weights: [Float], bias: [Float]
  ) -> [Float] {
    let s = x.shape
    let (h, w) = ((s.h + g.stride - 1) / g.stride, (s.w + g.stride - 1) / g.stride)
    let top = max((h - 1) * g.stride + g.kernel - s.h, 0) / 2
    let left = max((w - 1) * g.stride + g.kernel - s.w, 0) / 2
    var result: [Float] = []
    for n in 0..<s.n {
      for y in 0..<h {
        for column in 0..<w {
          for output in 0..<g.outputs {
            var sum = bias[output]
            for (place, input) in (g.isDepthwise ? [output] : Array(0..<g.inputs)).enumerated() {
              for ky in 0..<g.kernel {
                for kx in 0..<g.kernel {
                  let (row, from) = (y * g.stride + ky - top, column * g.stride + kx - left)
                  guard (0..<s.h).contains(row), (0..<s.w).contains(from) else { continue }
                  let weight = weights[((output * g.weightShape[1] + place) * g.kernel + ky) * g.kernel + kx]
                  sum += weight * x.values[((n * s.h + row) * s.w + from) * s.c + input]
                }
              }
            }
            result.append(g.isCut ? min(max(sum, 0), 6) : sum)
          }
        }
      }
    }
    return result
  }

  @Test(arguments: [
    FixedConvolution.Geometry(inputs: 3, outputs: 8, kernel: 3, stride: 2, isCut: true),
    .init(inputs: 5, outputs: 7, kernel: 1),
    .init(inputs: 16, outputs: 16, kernel: 5, stride: 2, isDepthwise: true, isCut: true),
    .init(inputs: 6, outputs: 6, kernel: 3, isDepthwise: true),
  ])
  func convolvesAsPlainLoopsDo(_ geometry: FixedConvolution.Geometry) throws {
    let engine = try Engine()
    var random = RandomGenerator(seed: 5)
    let weights = (0..<geometry.weightShape.reduce(1, *)).map { _ in Float(random.normal()) }
    let bias = (0..<geometry.outputs).map { _ in Float(random.normal()) }
    let layer = FixedConvolution(geometry, weights: weights, bias: bias, engine: engine)
    // Edges of which a stride of 2 takes an odd and an even number of zeros.
    for shape in [Shape(2, 12, 8, geometry.inputs), Shape(1, 9, 11, geometry.inputs)] {
      let x = try Tensor(shape, engine: engine)
      for i in x.values.indices { x.values[i] = Float(random.normal()) }
      let expected = Self.expected(geometry, of: x, weights: weights, bias: bias)
      let found = try layer.forward(x)
      #expect(found.shape.count == expected.count)
      #expect(zip(found.values, expected).allSatisfy { abs($0 - $1) < 1e-4 })
    }
  }
}
