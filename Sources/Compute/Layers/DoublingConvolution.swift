import Numerics
import Threads

/// Doubles height and width by repeating every pixel, then convolves with 3 x 3 and zero padding, without storing the
/// doubled map.
///
/// The kernel covers nine pixels of the doubled map, of which at most four differ. So the output splits into four 2 x 2
/// convolutions of the input, one for each combination of even or odd row and column. Their weights are sums of the
/// kernel's weights. This takes 16 products per input pixel instead of 36, and gives the same numbers except for
/// rounding. The four are computed as one convolution of the input with four times the outputs.
///
/// The output has the shape of that one convolution, `[n, h + 1, w + 1, 4 * outputs]`: position `(i, j)` holds the four
/// results for the input's pixels `i - 1...i`, `j - 1...j`. `DoubledMap` tells which result is which pixel of the
/// doubled map, and `NormalizedActivation` reads them; some results at the border belong to no pixel.
/// Source: Shi et al. 2016, arXiv:1609.07009, section 3, in the opposite direction.
package final class DoublingConvolution: Layer {
  package let weights: Parameter  // [output, input, 3, 3]
  package let bias: Parameter  // [output]
  private let convolution: Convolution
  private var version = (weights: -1, bias: -1)

  /// Rows (or columns) of the kernel that fall on each of the two input pixels that an output pixel sees.
  /// The first index is 0 for even output rows and 1 for odd ones; the second is the input pixel.
  private static let taps: [[[Int]]] = [[[0], [1, 2]], [[0, 1], [2]]]

  /// - Parameter gain: scales the standard deviation of the initial weights.
  package init(
    _ name: String, from inputs: Int, to outputs: Int, gain: Float = 1, engine: Engine,
    using generator: inout RandomGenerator
  ) {
    weights = Parameter("\(name).weight", shape: [outputs, inputs, 3, 3])
    bias = Parameter("\(name).bias", shape: [outputs])
    weights.initialize(fanIn: inputs * 9, gain: gain, using: &generator)
    convolution = Convolution(
      weights: Parameter("\(name).doubling.weight", shape: [4 * outputs, inputs, 2, 2]),
      bias: Parameter("\(name).doubling.bias", shape: [4 * outputs]), engine: engine)
    convolution.weights.gradientIsSet = { [unowned self] () throws in
      gatherWeightGradient()
      try weights.gradientIsSet?()
    }
    convolution.bias.gradientIsSet = { [unowned self] () throws in
      gatherBiasGradient()
      try bias.gradientIsSet?()
    }
  }

  package var parameters: [Parameter] { [weights, bias] }

  package func forward(_ x: Tensor) throws -> Tensor {
    spreadParameters()
    return try convolution.forward(x)
  }

  /// - Parameter gradient: gradient with respect to the output; 0 at results that are no pixel of the doubled map.
  package func backward(_ gradient: Tensor) throws -> Tensor { try convolution.backward(gradient) }

  package func backwardToParameters(_ gradient: Tensor) throws {
    try convolution.backwardToParameters(gradient)
  }

  package func backwardToInput(_ gradient: Tensor) throws -> Tensor {
    try convolution.backwardToInput(gradient)
  }

  private var outputs: Int { weights.shape[0] }

  /// Calls `body` for every pair of a weight of the four small convolutions and a kernel weight that is part of its
  /// sum, on all threads. No two chunks share an output channel.
  ///
  /// - Parameter body: receives the indices of the two weights.
  @inline(__always) private func forEachPart(_ body: @Sendable (_ small: Int, _ kernel: Int) -> Void) {
    let (outputs, inputs) = (outputs, weights.shape[1])
    Parallel.run(chunks: outputs) { Self.forEachPart(ofOutput: $0, of: outputs, inputs: inputs, body) }
  }

  @inline(__always) private static func forEachPart(
    ofOutput output: Int, of outputs: Int, inputs: Int, _ body: (_ small: Int, _ kernel: Int) -> Void
  ) {
    for kind in 0..<4 {
      for tap in 0..<4 {
        let small = (kind &* outputs &+ output) &* inputs &* 4 &+ tap
        for row in taps[kind / 2][tap / 2] {
          for column in taps[kind % 2][tap % 2] {
            let kernel = output &* inputs &* 9 &+ row &* 3 &+ column
            for input in 0..<inputs { body(small &+ input &* 4, kernel &+ input &* 9) }
          }
        }
      }
    }
  }

  private func spreadParameters() {
    if version.weights != weights.version {
      convolution.weights.update { small in
        small.update(repeating: 0)
        let (small, kernel) = (SplitBuffer(small), SplitBuffer(weights.value))
        forEachPart { small[$0] += kernel[$1] }
      }
    }
    if version.bias != bias.version {
      convolution.bias.update { for i in $0.indices { $0[i] = bias.value[i % outputs] } }
    }
    version = (weights.version, bias.version)
  }

  private func gatherWeightGradient() {
    weights.gradient.update(repeating: 0)
    let (small, kernel) = (SplitBuffer(convolution.weights.gradient), SplitBuffer(weights.gradient))
    forEachPart { kernel[$1] += small[$0] }
  }

  private func gatherBiasGradient() {
    for output in 0..<outputs {
      bias.gradient[output] = (0..<4).reduce(0) { $0 + convolution.bias.gradient[$1 * outputs + output] }
    }
  }
}

/// Positions of the pixels of a doubled map in the output of `DoublingConvolution`.
struct DoubledMap {
  /// Shape of the doubled map, `[n, 2h, 2w, c]`.
  let shape: Shape
  /// For each pixel of the doubled map, its index in the output, counted in pixels of `c` values.
  let places: [Int32]

  /// - Parameter output: shape of the convolution's output, `[n, h + 1, w + 1, 4c]`.
  init(in output: Shape) {
    let shape = Shape(output.n, 2 * (output.h - 1), 2 * (output.w - 1), output.c / 4)
    self.shape = shape
    places = [Int32](unsafeUninitializedCapacity: shape.pixels) { places, count in
      var next = 0
      for n in 0..<shape.n {
        for y in 0..<shape.h {
          let row = (n * output.h + (y + 1) / 2) * output.w
          for x in 0..<shape.w {
            places[next] = Int32((row + (x + 1) / 2) * 4 + y % 2 * 2 + x % 2)
            next += 1
          }
        }
      }
      count = next
    }
  }
}
