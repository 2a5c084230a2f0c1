/// `(value - offset) / scale` for each channel, clipped to the range.
package struct NormalizationParameters: Sendable, Equatable, Codable {
  package var offset: [Float]
  package var scale: [Float]
  /// `nil`: not clipped.
  package var range: ClosedRange<Float>?

  init(channels: Int, offset: Float, scale: Float, range: ClosedRange<Float>?) {
    self.offset = [Float](repeating: offset, count: channels)
    self.scale = [Float](repeating: scale, count: channels)
    self.range = range
  }
}
