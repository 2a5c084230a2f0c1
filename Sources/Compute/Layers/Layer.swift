/// A step of a network that can also be run backwards.
package protocol Layer: AnyObject {
  /// Computes the output. It belongs to the layer and is valid until the layer runs again.
  func forward(_ x: Tensor) throws -> Tensor
  /// Takes the gradient of the loss with respect to the output of the last `forward`, sets the parameters' gradients,
  /// and returns the gradient with respect to the input of that `forward`.
  func backward(_ gradient: Tensor) throws -> Tensor
  /// Like `backward`, but without the gradient with respect to the input, which nothing needs for a network's first
  /// layer.
  func backwardToParameters(_ gradient: Tensor) throws
  /// Returns only the gradient with respect to the input; the parameters' gradients are undefined afterwards.
  func backwardToInput(_ gradient: Tensor) throws -> Tensor
  var parameters: [Parameter] { get }
}

extension Layer {
  package func backwardToParameters(_ gradient: Tensor) throws { _ = try backward(gradient) }
  package func backwardToInput(_ gradient: Tensor) throws -> Tensor { try backward(gradient) }
}

/// Layers that run one after the other.
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
