extension UInt8 {
  /// The byte that a normalized intensity is drawn as: 0...1, clipped, in 256 levels. No data, `NaN`, is black.
  @inline(__always) package init(shown intensity: Float) {
    // From 2^23 on, the last bits of a number are its whole part, which is faster to read than to convert to.
    let level = (intensity > 0 ? Swift.min(1, intensity) : 0) * 255 + 0x1p23
    self.init(truncatingIfNeeded: level.bitPattern)
  }
}

extension [Float] {
  /// Every one as `UInt8(shown:)`.
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
  /// One value for all channels of a pixel.
  ///
  /// - Parameters:
  ///   - weights: one for each channel from the first on.
  ///   - first: index of the pixel's first sample.
  package func weightedSum(of weights: [Float], atSample first: Int) -> Float {
    weights.indices.reduce(0) { $0 + weights[$1] * samples[first + $1] }
  }
}
