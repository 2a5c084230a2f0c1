import Compute
import Numerics
import Testing

/// Compares a layer's gradients with central differences of `loss = sum(probe * layer(x))`.
///
/// The loss is linear in the output, so a difference over `2 * step` errs by the layer's third derivative times step²
/// (below 1e-4 for these layers at 1e-2) and by f32 rounding of the loss over the step, about 1e-3 of its scale.
private func checkGradients(
  of layer: any Layer, input shape: Shape, seed: UInt64 = 7, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let engine = try Engine()
  var random = RandomGenerator(seed: seed)
  let x = try Tensor(shape, engine: engine)
  for i in x.values.indices { x.values[i] = random.normal() }
  for parameter in layer.parameters where parameter.shape.count == 1 {
    parameter.update { for i in $0.indices { $0[i] += 0.3 * random.normal() } }
  }
  let output = try layer.forward(x)
  let probe = try Tensor(output.shape, engine: engine)
  for i in probe.values.indices { probe.values[i] = random.normal() }
  func loss() throws -> Double {
    zip(try layer.forward(x).values, probe.values).reduce(0) { $0 + Double($1.0) * Double($1.1) }
  }
  let byInput = Array(try layer.backward(probe).values)
  let byParameter = layer.parameters.map { Array($0.gradient) }

  let step: Float = 1e-2
  func difference(_ change: (Float) -> Void) throws -> Double {
    change(step)
    let up = try loss()
    change(-2 * step)
    let down = try loss()
    change(step)
    return (up - down) / (2 * Double(step))
  }
  func agree(_ found: Float, _ expected: Double, _ what: String) {
    #expect(
      abs(Double(found) - expected) < 2e-3 + 1e-2 * abs(expected), "\(what): backward \(found), difference \(expected)",
      sourceLocation: sourceLocation)
  }
  for _ in 0..<40 {
    let i = random.integer(below: x.values.count)
    agree(byInput[i], try difference { x.values[i] += $0 }, "input \(i)")
  }
  for (parameter, gradient) in zip(layer.parameters, byParameter) {
    for _ in 0..<20 {
      let i = random.integer(below: parameter.count)
      agree(gradient[i], try difference { delta in parameter.update { $0[i] += delta } }, "\(parameter.name) \(i)")
    }
  }
}

@Test(arguments: [(1, 1), (3, 1), (3, 2)])
func `a convolution's gradients agree with finite differences`(kernel: Int, stride: Int) throws {
  var random = RandomGenerator(seed: 1)
  let layer = Convolution(
    "c", from: 5, to: 16, kernel: kernel, stride: stride, engine: try Engine(), using: &random)
  try checkGradients(of: layer, input: Shape(2, 8, 12, 5))
}

@Test(arguments: [8, 16, 48])
func `the gradients of normalization and activation agree with finite differences`(channels: Int) throws {
  try checkGradients(
    of: NormalizedActivation("n", channels: channels, engine: try Engine()), input: Shape(2, 4, 6, channels))
}

@Test(arguments: [(8, 6), (16, 1)])
func `the gradients of a convolution of a doubled map agree with finite differences`(outputs: Int, edge: Int) throws {
  let engine = try Engine()
  var random = RandomGenerator(seed: 2)
  let layer = Sequential([
    DoublingConvolution("d", from: 5, to: outputs, engine: engine, using: &random),
    NormalizedActivation("n", channels: outputs, readsDoubled: true, engine: engine),
  ])
  try checkGradients(of: layer, input: Shape(2, edge, edge + 2, 5))
}

@Test func `a stack of layers passes gradients through all of them`() throws {
  let engine = try Engine()
  var random = RandomGenerator(seed: 3)
  let stack = Sequential([
    Convolution("a", from: 4, to: 16, engine: engine, using: &random),
    NormalizedActivation("b", channels: 16, engine: engine),
    Convolution("c", from: 16, to: 32, stride: 2, engine: engine, using: &random),
    DoublingConvolution("d", from: 32, to: 16, engine: engine, using: &random),
    NormalizedActivation("e", channels: 16, readsDoubled: true, engine: engine),
    Convolution("f", from: 16, to: 3, kernel: 1, engine: engine, using: &random),
  ])
  try checkGradients(of: stack, input: Shape(1, 8, 8, 4))
}

@Test func `a gradient may be asked for again after another input shape was run`() throws {
  let engine = try Engine()
  var random = RandomGenerator(seed: 5)
  let layer = Convolution("c", from: 2, to: 3, engine: engine, using: &random)
  _ = try layer.forward(try Tensor(Shape(1, 4, 4, 2), engine: engine))
  try checkGradients(of: layer, input: Shape(3, 6, 4, 2))
}

@Test func `what is asked for alone is what comes with all`() throws {
  let engine = try Engine()
  var random = RandomGenerator(seed: 6)
  let stack = Sequential([
    Convolution("a", from: 3, to: 8, stride: 2, engine: engine, using: &random),
    NormalizedActivation("b", channels: 8, engine: engine),
    DoublingConvolution("c", from: 8, to: 8, engine: engine, using: &random),
    NormalizedActivation("d", channels: 8, readsDoubled: true, engine: engine),
  ])
  let x = try Tensor(Shape(2, 8, 8, 3), engine: engine)
  for i in x.values.indices { x.values[i] = random.normal() }
  let y = try stack.forward(x)
  let gradient = try Tensor(y.shape, engine: engine)
  for i in gradient.values.indices { gradient.values[i] = random.normal() }
  let byInput = Array(try stack.backward(gradient).values)
  let byParameters = stack.parameters.map { Array($0.gradient) }
  #expect(Array(try stack.backwardToInput(gradient).values) == byInput)
  for parameter in stack.parameters { parameter.gradient.update(repeating: 0) }
  try stack.backwardToParameters(gradient)
  #expect(stack.parameters.map { Array($0.gradient) } == byParameters)
}
