internal import COneDNN
import Threads

/// Two-dimensional convolution whose weights are never trained, always in f32.
///
/// Zeros are added so that the output has `ceil(size / stride)` rows and columns; where their number is odd, the last
/// side gets one more, as in TensorFlow's `SAME`. oneDNN cuts the output to `0...6` where that is wished for. Source of
/// the cut: Krizhevsky 2010, "Convolutional deep belief networks on CIFAR-10".
package final class FixedConvolution {
  private let weights: [Float]
  private let bias: [Float]
  private let geometry: Geometry
  private let engine: Engine
  /// The layer keeps the plan of the last input's shape alone: scans have many shapes, and maps take much memory.
  private var plan: (shape: Shape, plan: Plan)?

  /// A geometry says what a convolution does, without its weights.
  package struct Geometry: Sendable, Equatable {
    package var inputs: Int
    package var outputs: Int
    package var kernel: Int
    package var stride = 1
    /// Whether every output sees the input of the same number alone; otherwise every output sees all inputs.
    package var isDepthwise = false
    /// Whether the output is cut to `0...6`.
    package var isCut = false

    package init(
      inputs: Int, outputs: Int, kernel: Int, stride: Int = 1, isDepthwise: Bool = false, isCut: Bool = false
    ) {
      precondition(!isDepthwise || inputs == outputs, "\(inputs) inputs of \(outputs) outputs that see one each")
      (self.inputs, self.outputs, self.kernel, self.stride) = (inputs, outputs, kernel, stride)
      (self.isDepthwise, self.isCut) = (isDepthwise, isCut)
    }

    /// `[output, inputs that it sees, kernel, kernel]`.
    package var weightShape: [Int] { [outputs, isDepthwise ? 1 : inputs, kernel, kernel] }

    /// Number of zeros before and after an edge.
    fileprivate func padding(of edge: Int) -> (before: Int, after: Int) {
      let all = max((size(of: edge) - 1) * stride + kernel - edge, 0)
      return (all / 2, all - all / 2)
    }

    fileprivate func size(of edge: Int) -> Int { (edge + stride - 1) / stride }
  }

  /// - Parameters:
  ///   - weights: in the order of `geometry.weightShape`.
  ///   - bias: one number an output.
  package init(_ geometry: Geometry, weights: [Float], bias: [Float], engine: Engine) {
    precondition(engine.precision == .float32, "a fixed convolution runs in f32")
    precondition(
      weights.count == geometry.weightShape.reduce(1, *) && bias.count == geometry.outputs,
      "\(weights.count) weights and \(bias.count) biases for \(geometry)")
    (self.geometry, self.weights, self.bias, self.engine) = (geometry, weights, bias, engine)
  }

  /// The output. It belongs to the layer and is valid until the layer runs again.
  package func forward(_ x: Tensor) throws -> Tensor {
    precondition(x.shape.c == geometry.inputs, "\(x.shape.c) channels came, \(geometry) was expected")
    if let plan, plan.shape == x.shape { return try plan.plan.run(x) }
    plan = nil
    let made = try Plan(self, input: x.shape)
    plan = (x.shape, made)
    return try made.run(x)
  }

  /// The primitive and buffers for one input shape.
  private final class Plan {
    private let primitive: Primitive
    private let weights: Memory
    private let bias: Memory
    private let output: Tensor

    init(_ layer: FixedConvolution, input: Shape) throws {
      let (g, engine) = (layer.geometry, layer.engine)
      let (rows, columns) = (g.padding(of: input.h), g.padding(of: input.w))
      output = try Tensor(Shape(input.n, g.size(of: input.h), g.size(of: input.w), g.outputs), engine: engine)
      let shape = g.isDepthwise ? [g.outputs, 1, 1, g.kernel, g.kernel] : g.weightShape
      let descriptor = try OneDNN.fixedConvolution(
        input: [input.n, input.c, input.h, input.w], weights: shape,
        output: [output.shape.n, output.shape.c, output.shape.h, output.shape.w], stride: g.stride,
        before: [rows.before, columns.before], after: [rows.after, columns.after], isCut: g.isCut, engine: engine)
      primitive = try Primitive(descriptor, engine: engine)
      bias = try Memory(allocating: Layout([g.outputs], dnnl_x), values: layer.bias, engine: engine)
      let plain = try Layout(shape, g.isDepthwise ? dnnl_goihw : dnnl_oihw)
      let plainWeights = try Memory(allocating: plain, values: layer.weights, engine: engine)
      let chosen = try descriptor.layout(dnnl_query_weights_md)
      guard !chosen.equals(plain) else {
        weights = plainWeights
        return
      }
      weights = try Memory(allocating: chosen, engine: engine)
      try Primitive(OneDNN.reorder(from: plain, to: chosen, engine: engine), engine: engine)
        .run([DNNL_ARG_SRC_0: plainWeights, DNNL_ARG_DST_0: weights])
    }

    func run(_ x: Tensor) throws -> Tensor {
      try primitive.run([
        DNNL_ARG_SRC_0: x.memory, DNNL_ARG_WEIGHTS_0: weights, DNNL_ARG_BIAS: bias, DNNL_ARG_DST_0: output.memory,
      ])
      return output
    }
  }
}
