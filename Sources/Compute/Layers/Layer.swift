/// A step of a network that can be run backwards.
package protocol Layer: AnyObject {
  /// The result belongs to the layer and is valid until it runs again.
  func forward(_ x: Tensor) throws -> Tensor
  /// Takes the loss's gradient by the output of the last `forward`, sets the parameters' gradients and returns the
  /// gradient by that forward's input.
  func backward(_ gradient: Tensor) throws -> Tensor
  /// The same without the gradient by the input, which a network's first layer owes nobody.
  func backwardToParameters(_ gradient: Tensor) throws
  /// The gradient by the input alone; what the parameters' gradients are after it is left open.
  func backwardToInput(_ gradient: Tensor) throws -> Tensor
  var parameters: [Parameter] { get }
}

extension Layer {
  package func backwardToParameters(_ gradient: Tensor) throws { _ = try backward(gradient) }
  package func backwardToInput(_ gradient: Tensor) throws -> Tensor { try backward(gradient) }
}

/// Layers one after the other.
package final class Sequential: Layer {
  package let layers: [any Layer]

  package init(_ layers: [any Layer]) { self.layers = layers }

  package func forward(_ x: Tensor) throws -> Tensor {
    var x = x
    for layer in layers { x = try layer.forward(x) }
    return x
  }

  package func backward(_ gradient: Tensor) throws -> Tensor {
    var gradient = gradient
    for layer in layers.reversed() { gradient = try layer.backward(gradient) }
    return gradient
  }

  package func backwardToParameters(_ gradient: Tensor) throws {
    var gradient = gradient
    for layer in layers.dropFirst().reversed() { gradient = try layer.backward(gradient) }
    try layers.first?.backwardToParameters(gradient)
  }

  package func backwardToInput(_ gradient: Tensor) throws -> Tensor {
    var gradient = gradient
    for layer in layers.reversed() { gradient = try layer.backwardToInput(gradient) }
    return gradient
  }

  package var parameters: [Parameter] { layers.flatMap(\.parameters) }
}
