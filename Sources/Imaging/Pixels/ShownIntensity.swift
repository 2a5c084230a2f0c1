extension UInt8 {
  /// The byte that shows a normalized intensity: 0...1, clipped, in 256 levels. `NaN`, "no data", is black.
  @inline(__always) package init(shown intensity: Float) {
    // Adding 2^23 leaves the rounded whole number in the last bits; reading these is faster than a conversion.
    let level = (intensity > 0 ? Swift.min(1, intensity) : 0) * 255 + 0x1p23
    self.init(truncatingIfNeeded: level.bitPattern)
  }
}

extension [Float] {
  /// Every value converted by `UInt8(shown:)`.
  package var shown: [UInt8] {
    withUnsafeBufferPointer { values in
      [UInt8](unsafeUninitializedCapacity: values.count) { bytes, count in
        let target = bytes.baseAddress
        for index in values.indices { target![index] = UInt8(shown: values[index]) }
        count = values.count
      }
    }
  }
}

extension Image {
  /// Weighted sum of the channels of a pixel.
  ///
  /// - Parameters:
  ///   - weights: weights of the channels, from the first channel on.
  ///   - first: index of the pixel's first sample.
  package func weightedSum(of weights: [Float], atSample first: Int) -> Float {
    weights.indices.reduce(0) { $0 + weights[$1] * samples[first + $1] }
  }
}
