extension ClosedRange<Float> {
  /// The nearest value in the range, which is usually `Normalization.range`; `NaN` stays `NaN`.
  @inline(__always)
  func clip(_ value: Float) -> Float {
    // NaN fails both comparisons.
    value < lowerBound ? lowerBound : value > upperBound ? upperBound : value
  }
}
