extension UInt8 {
  /// The byte that a normalized intensity is drawn as: 0...1, clipped, in 256 levels. No data, `NaN`, is black.
  package init(shown intensity: Float) {
    self = intensity.isNaN ? 0 : UInt8(Swift.min(1, Swift.max(0, intensity)) * 255 + 0.5)
  }
}

extension Image {
  /// One value for all channels of a pixel.
  ///
  /// - Parameters:
  ///   - weights: one for each channel from the first on.
  ///   - first: index of the pixel's first sample.
  package func weightedSum(of weights: [Float], atSample first: Int) -> Float {
    weights.indices.reduce(0) { $0 + weights[$1] * samples[first + $1] }
  }
}
