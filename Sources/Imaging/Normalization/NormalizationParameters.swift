/// Parameters of a normalization: `(value - offset) / scale` for each channel, or `curves` or `stain` in its place;
/// then clipped to the range.
package struct NormalizationParameters: Sendable, Equatable, Codable {
  package var offset: [Float]
  package var scale: [Float]
  /// Range that results are clipped to; `nil` for no clipping.
  package var range: ClosedRange<Float>?
  /// A map for each channel, used instead of offset and scale.
  package var curves: [IntensityCurve]?
  /// A map of all channels together, used instead of offset and scale.
  package var stain: StainTransform?

  init(channels: Int, offset: Float, scale: Float, range: ClosedRange<Float>?) {
    self.offset = [Float](repeating: offset, count: channels)
    self.scale = [Float](repeating: scale, count: channels)
    self.range = range
  }

  /// Whether `undo` works with these parameters.
  package var canBeUndone: Bool { curves == nil && stain == nil }

  /// Converts normalized values back to the file's values; clipped values give the value of the bound.
  package func undo(_ image: Image) -> Image {
    precondition(canBeUndone && offset.count == image.channels, "parameters that cannot be undone")
    var result = image
    for i in result.samples.indices {
      let c = i % image.channels
      result.samples[i] = image.samples[i] * scale[c] + offset[c]
    }
    return result
  }

  /// Whether the parameters are valid for this number of channels; checked after they were read from a file.
  func fits(channels: Int) -> Bool {
    offset.count == channels && scale.count == channels && scale.allSatisfy { $0.isFinite && $0 != 0 }
      && curves.map { $0.count == channels && $0.allSatisfy(\.isSound) } ?? true
      && stain.map { $0.isSound && channels == 3 } ?? true
  }
}
