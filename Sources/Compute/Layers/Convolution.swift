internal import COneDNN
import Numerics

/// Two-dimensional convolution with bias and zero padding.
///
/// Output height and width are `(size + 2 * (kernel / 2) - kernel) / stride + 1`. For stride 1 and an odd kernel this
/// is the input's size; for stride 2 and an even size it is half the input's. Source: Dumoulin & Visin 2016,
/// arXiv:1603.07285.
package final class Convolution: Layer {
  package let weights: Parameter  // [output, input, kernel, kernel]
  package let bias: Parameter  // [output]
  private let engine: Engine
  private let stride: Int
  private var plans = Plans<Plan>()
  private var current: Plan?

  /// - Parameter gain: scales the standard deviation of the initial weights; 0 makes the layer start at zero.
  package convenience init(
    _ name: String, from inputs: Int, to outputs: Int, kernel: Int = 3, stride: Int = 1, gain: Float = 1,
    engine: Engine, using generator: inout RandomGenerator
  ) {
    let weights = Parameter("\(name).weight", shape: [outputs, inputs, kernel, kernel])
    weights.initialize(fanIn: inputs * kernel * kernel, gain: gain, using: &generator)
    self.init(weights: weights, bias: Parameter("\(name).bias", shape: [outputs]), stride: stride, engine: engine)
  }

  /// - Parameters:
  ///   - weights: `[output, input, kernel, kernel]`.
  ///   - bias: `[output]`.
  init(weights: Parameter, bias: Parameter, stride: Int = 1, engine: Engine) {
    self.weights = weights
    self.bias = bias
    self.stride = stride
    self.engine = engine
  }

  private var outputs: Int { weights.shape[0] }
  private var inputs: Int { weights.shape[1] }
  private var kernel: Int { weights.shape[2] }

  package var parameters: [Parameter] { [weights, bias] }

  package func forward(_ x: Tensor) throws -> Tensor {
    precondition(x.shape.c == inputs, "\(weights.name) takes \(inputs) channels, \(x.shape.c) came")
    let plan = try plans.plan(for: x.shape) { shape throws in try Plan(self, input: shape) }
    current = plan
    return try plan.forward(x)
  }

  package func backward(_ gradient: Tensor) throws -> Tensor {
    let plan = planOfForward
    let (backward, incoming) = try plan.take(gradient)
    try setGradients(plan, backward, incoming)
    return try plan.gradientByInput(backward, incoming)
  }

  package func backwardToParameters(_ gradient: Tensor) throws {
    let plan = planOfForward
    let (backward, incoming) = try plan.take(gradient)
    try setGradients(plan, backward, incoming)
  }

  package func backwardToInput(_ gradient: Tensor) throws -> Tensor {
    let plan = planOfForward
    let (backward, incoming) = try plan.take(gradient)
    return try plan.gradientByInput(backward, incoming)
  }

  private func setGradients(_ plan: Plan, _ backward: Plan.Backward, _ incoming: Memory) throws {
    try plan.setGradients(backward, incoming)
    try weights.gradientIsSet?()
    try bias.gradientIsSet?()
  }

  private var planOfForward: Plan {
    guard let current else { preconditionFailure("\(weights.name): backward before forward") }
    return current
  }

  /// The primitives and buffers for one input shape.
  private final class Plan {
    private let engine: Engine
    private let weights: Parameter
    private let plainWeights: Memory
    private let plainGradient: Memory
    private let biasMemory: Memory
    private let biasGradient: Memory
    private let output: Tensor
    private let geometry: OneDNN.ConvolutionGeometry
    private let forwardDescriptor: PrimitiveDescriptor
    private let forwardPrimitive: Primitive
    private let forwardWeights: Laid
    private let source: Operand
    private let inputShape: Shape
    private var input: Tensor?
    private var training: Backward?

    /// Weights in the layout that a primitive chose; `refresh` converts them again when the parameter has changed.
    final class Laid {
      let memory: Memory
      private let reorder: Primitive?
      private var version = -1

      init(_ layout: Layout, plain: Layout, at memory: Memory, engine: Engine)
        throws
      {
        if layout.equals(plain) {
          self.memory = memory
          reorder = nil
        } else {
          self.memory = try Memory(allocating: layout, engine: engine)
          reorder = try Primitive(OneDNN.reorder(from: plain, to: layout, engine: engine), engine: engine)
        }
      }

      func refresh(from plain: Memory, version: Int) throws {
        guard let reorder, version != self.version else { return }
        try reorder.run([DNNL_ARG_SRC_0: plain, DNNL_ARG_DST_0: memory])
        self.version = version
      }
    }

    /// Feature maps in the precision that a primitive multiplies.
    final class Operand {
      private let sizes: [Int]
      private let precision: Precision
      private let engine: Engine
      /// Memory and conversion for tensors without rounded values.
      private var own: (memory: Memory, reorder: Primitive)?

      init(_ sizes: [Int], _ precision: Precision, engine: Engine) {
        self.sizes = sizes
        self.precision = precision
        self.engine = engine
      }

      /// Returns the tensor's values in the precision; converts them if needed.
      func take(_ x: Tensor) throws -> Memory {
        guard precision != .float32 else { return x.memory }
        if let rounded = x.rounded { return rounded.memory }
        if own == nil {
          let layout = try Layout(sizes, dnnl_nhwc, precision)
          let reorder = try OneDNN.reorder(from: Layout(sizes, dnnl_nhwc), to: layout, engine: engine)
          own = (try Memory(allocating: layout, engine: engine), try Primitive(reorder, engine: engine))
        }
        try own!.reorder.run([DNNL_ARG_SRC_0: x.memory, DNNL_ARG_DST_0: own!.memory])
        return own!.memory
      }

      /// The memory that the last `take(x)` returned; converts nothing.
      func memory(of x: Tensor) -> Memory {
        precision == .float32 ? x.memory : x.rounded?.memory ?? own!.memory
      }
    }

    struct Backward {
      let gradient: Operand
      let data: Primitive
      let dataWeights: Laid
      let weights: Primitive
      /// The gradient in the layout that the primitive chose; `nil` if that is the plain layout.
      let weightGradient: Memory?
      let weightReorder: Primitive?
      let inputGradient: Tensor
    }

    init(_ layer: Convolution, input: Shape) throws {
      engine = layer.engine
      weights = layer.weights
      inputShape = input
      let padding = layer.kernel / 2
      func size(_ edge: Int) -> Int { (edge + 2 * padding - layer.kernel) / layer.stride + 1 }
      let outputShape = Shape(input.n, size(input.h), size(input.w), layer.outputs)
      output = try Tensor(outputShape, engine: engine)
      let dimensions = layer.weights.shape
      let plain = try Layout(dimensions, dnnl_oihw)
      let biasLayout = try Layout([layer.outputs], dnnl_x)
      geometry = OneDNN.ConvolutionGeometry(
        input: [input.n, input.c, input.h, input.w], weights: dimensions,
        output: [outputShape.n, outputShape.c, outputShape.h, outputShape.w], stride: layer.stride, padding: padding,
        precision: engine.precision)
      plainWeights = try Memory(plain, at: layer.weights.value.baseAddress, engine: engine)
      plainGradient = try Memory(plain, at: layer.weights.gradient.baseAddress, engine: engine)
      biasMemory = try Memory(biasLayout, at: layer.bias.value.baseAddress, engine: engine)
      biasGradient = try Memory(biasLayout, at: layer.bias.gradient.baseAddress, engine: engine)
      forwardDescriptor = try OneDNN.convolution(geometry, .forward, engine: engine)
      forwardPrimitive = try Primitive(forwardDescriptor, engine: engine)
      forwardWeights = try Laid(
        forwardDescriptor.layout(dnnl_query_weights_md), plain: plain, at: plainWeights, engine: engine)
      source = Operand(geometry.input, geometry.precision, engine: engine)
    }

    func forward(_ x: Tensor) throws -> Tensor {
      input = x
      engine.operations += geometry.operations
      try forwardWeights.refresh(from: plainWeights, version: weights.version)
      try forwardPrimitive.run([
        DNNL_ARG_SRC_0: try source.take(x), DNNL_ARG_WEIGHTS_0: forwardWeights.memory, DNNL_ARG_BIAS: biasMemory,
        DNNL_ARG_DST_0: output.memory,
      ])
      return output
    }

    /// Takes the gradient with respect to the output, for `setGradients` and `gradientByInput`.
    func take(_ gradient: Tensor) throws -> (Backward, Memory) {
      precondition(gradient.shape == output.shape, "gradient \(gradient.shape) of an output \(output.shape)")
      let backward: Backward
      if let training { backward = training } else { backward = try makeBackward() }
      training = backward
      return (backward, try backward.gradient.take(gradient))
    }

    func setGradients(_ b: Backward, _ incoming: Memory) throws {
      guard let input else { preconditionFailure("\(weights.name): backward before forward") }
      engine.operations += geometry.operations
      try b.weights.run([
        DNNL_ARG_SRC_0: source.memory(of: input), DNNL_ARG_DIFF_DST_0: incoming,
        DNNL_ARG_DIFF_WEIGHTS_0: b.weightGradient ?? plainGradient, DNNL_ARG_DIFF_BIAS: biasGradient,
      ])
      if let laid = b.weightGradient, let reorder = b.weightReorder {
        try reorder.run([DNNL_ARG_SRC_0: laid, DNNL_ARG_DST_0: plainGradient])
      }
    }

    func gradientByInput(_ b: Backward, _ incoming: Memory) throws -> Tensor {
      engine.operations += geometry.operations
      try b.dataWeights.refresh(from: plainWeights, version: weights.version)
      try b.data.run([
        DNNL_ARG_DIFF_DST_0: incoming, DNNL_ARG_WEIGHTS_0: b.dataWeights.memory,
        DNNL_ARG_DIFF_SRC_0: b.inputGradient.memory,
      ])
      return b.inputGradient
    }

    private func makeBackward() throws -> Backward {
      let plain = try Layout(weights.shape, dnnl_oihw)
      let data = try OneDNN.convolution(geometry, .backwardData, engine: engine, hint: forwardDescriptor)
      let gradient = try OneDNN.convolution(geometry, .backwardWeights, engine: engine, hint: forwardDescriptor)
      let laid = try gradient.layout(dnnl_query_diff_weights_md)
      let isPlain = laid.equals(plain)
      return Backward(
        gradient: Operand(geometry.output, geometry.precision, engine: engine),
        data: try Primitive(data, engine: engine),
        dataWeights: try Laid(data.layout(dnnl_query_weights_md), plain: plain, at: plainWeights, engine: engine),
        weights: try Primitive(gradient, engine: engine),
        weightGradient: isPlain ? nil : try Memory(allocating: laid, engine: engine),
        weightReorder: isPlain
          ? nil : try Primitive(OneDNN.reorder(from: laid, to: plain, engine: engine), engine: engine),
        inputGradient: try Tensor(inputShape, engine: engine))
    }
  }
}
