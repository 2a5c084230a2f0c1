import Files

/// A model knows the features of healthy tissue by this: the network that finds them, and how they are distributed.
package struct FeatureReference: Sendable, Equatable {
  let weights: FeatureWeights
  let density: FeatureDensity

  init(_ features: LocalFeatures) { (weights, density) = (features.weights, features.density) }

  var arrays: [String: Safetensors.Array] { weights.arrays.merging(density.arrays) { _, new in new } }

  /// - Returns: `nil` where arrays are missing or do not fit.
  init?(_ arrays: [String: Safetensors.Array]) {
    guard let weights = FeatureWeights(arrays), let density = FeatureDensity(arrays) else { return nil }
    (self.weights, self.density) = (weights, density)
  }

  func localFeatures() throws -> LocalFeatures {
    LocalFeatures(try FeatureNetwork(weights), density: density)
  }

  /// The line that says what the features are.
  static let summary =
    "EfficientNet-Lite0, trained on photographs; a Gaussian of \(Count.of(FeatureWeights.count, "feature"))"
}
