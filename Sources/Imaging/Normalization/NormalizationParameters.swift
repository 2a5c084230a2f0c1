/// `(value - offset) / scale` for each channel, clipped to the range; or what stands in its place.
package struct NormalizationParameters: Sendable, Equatable, Codable {
  package var offset: [Float]
  package var scale: [Float]
  /// `nil`: not clipped.
  package var range: ClosedRange<Float>?
  /// A map for each channel, in place of offset and scale.
  package var curves: [IntensityCurve]?
  /// A map of all channels together, in place of offset and scale.
  package var stain: StainTransform?

  init(channels: Int, offset: Float, scale: Float, range: ClosedRange<Float>?) {
    self.offset = [Float](repeating: offset, count: channels)
    self.scale = [Float](repeating: scale, count: channels)
    self.range = range
  }

  /// Whether `undo` can bring values back.
  package var canBeUndone: Bool { curves == nil && stain == nil }

  /// Brings normalized values back to those of the file; what was clipped stays at the bound.
  package func undo(_ image: Image) -> Image {
    precondition(canBeUndone && offset.count == image.channels, "parameters that cannot be undone")
    var result = image
    for i in result.samples.indices {
      let c = i % image.channels
      result.samples[i] = image.samples[i] * scale[c] + offset[c]
    }
    return result
  }

  /// Whether it was read from a file undamaged.
  func fits(channels: Int) -> Bool {
    offset.count == channels && scale.count == channels && scale.allSatisfy { $0.isFinite && $0 != 0 }
      && curves.map { $0.count == channels && $0.allSatisfy(\.isSound) } ?? true
      && stain.map { $0.isSound && channels == 3 } ?? true
  }
}
