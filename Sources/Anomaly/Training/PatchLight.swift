import Compute
import Foundation
import Imaging
import Numerics

/// Varies how a healthy patch was lit and focused, so that a network does not mistake light for a lesion.
enum PatchLight {
  /// Intensity about which contrast is varied: roughly the middle of tissue.
  private static let middle: Float = 0.5
  private static let largestDrift: Float = 0.25
  private static let largestCast: Float = 0.08
  private static let shareOutOfFocus: Float = 0.3

  /// - Parameters:
  ///   - patch: normalized intensities, `[edge, edge, channels]`, changed in place; `NaN` stays.
  ///   - range: see `Normalization.range`; values beyond it are clipped.
  static func vary(
    _ patch: UnsafeMutableBufferPointer<Float>, edge: Int, channels: Int, range: ClosedRange<Float>,
    using random: inout RandomGenerator
  ) {
    if random.chance(shareOutOfFocus), !patch.contains(where: \.isNaN) {
      let picture = Image(width: edge, height: edge, channels: channels, samples: Array(patch))
      _ = patch.update(fromContentsOf: picture.blurred(sigma: random.uniform(0.4, 1.2)).samples)
    }
    let contrast = exp(random.uniform(-0.35, 0.35))
    let drift = largestDrift * random.uniform()
    let shared = NoiseField.smooth(cells: 1 + random.integer(below: 3), edge: edge, using: &random)
    for c in 0..<channels {
      let gain = contrast * exp(random.uniform(-0.15, 0.15))
      let cast = random.uniform(-largestCast, largestCast)
      let own = NoiseField.smooth(cells: 1 + random.integer(below: 2), edge: edge, using: &random)
      for i in 0..<edge * edge {
        let light = cast + drift * (0.7 * shared[i] + 0.5 * own[i])
        patch[i * channels + c] = range.clip(middle + gain * (patch[i * channels + c] - middle) + light)
      }
    }
  }
}
