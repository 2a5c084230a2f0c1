import Imaging

/// Brings the normalized intensities of a scan to the units of its study: `value * gain + offset`, for each channel.
///
/// Scans that are normalized by themselves are equally bright and have equal contrast. In the study's units a scan that
/// is darker than the others, or has less contrast, stays so.
package struct SharedUnits: Sendable, Equatable {
  package let gains: [Float]
  package let offsets: [Float]

  package init(gains: [Float], offsets: [Float]) { (self.gains, self.offsets) = (gains, offsets) }

  /// - Parameters:
  ///   - parameters: those that normalized the scan.
  ///   - study: intensities of the study's tissue, by channel.
  /// - Returns: `nil` where the normalization is more than an offset and a scale.
  init?(from parameters: NormalizationParameters, to study: [TextureScale.Intensity]) {
    guard parameters.canBeUndone else { return nil }
    gains = zip(parameters.scale, study).map { $0 / $1.spread }
    offsets = zip(parameters.offset, study).map { ($0 - $1.center) / $1.spread }
  }
}
