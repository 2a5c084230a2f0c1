import Compute

/// EfficientNet-Lite0 up to its last features, on oneDNN.
package final class FeatureNetwork {
  let weights: FeatureWeights
  let engine: Engine
  private let layers: [[FixedConvolution]]

  package init(_ weights: FeatureWeights) throws {
    self.weights = weights
    let engine = try Engine(precision: .float32)
    self.engine = engine
    layers = FeatureWeights.blocks.map { block in
      block.layers.map { layer in
        FixedConvolution(
          layer.geometry, weights: weights.arrays[FeatureWeights.name(layer, "weight")]!.values,
          bias: weights.arrays[FeatureWeights.name(layer, "bias")]!.values, engine: engine)
      }
    }
  }

  /// Width and height of the input are multiples of this.
  package static let granularity = 32

  /// - Parameter x: colors as the network was trained on, `[n, h, w, 3]`, see `LocalFeatures.input`.
  /// - Returns: the last features of an eighth, a sixteenth and a 32nd of the input's size, `[n, h / 8, w / 8, 40]`,
  ///   `[n, h / 16, w / 16, 112]` and `[n, h / 32, w / 32, 320]`, valid until the network runs again.
  package func forward(_ x: Tensor) throws -> [Tensor] {
    precondition(
      x.shape.c == 3 && x.shape.h % Self.granularity == 0 && x.shape.w % Self.granularity == 0,
      "an input \(x.shape) of the feature network")
    var (x, features) = (x, [Tensor]())
    for (block, layers) in zip(FeatureWeights.blocks, layers) {
      let input = x
      for layer in layers { x = try layer.forward(x) }
      if block.addsInput { x.add(input) }
      if block.isFeature { features.append(x) }
    }
    return features
  }
}
