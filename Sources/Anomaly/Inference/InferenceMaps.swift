import Imaging

/// Outputs of the networks for one scan, on the model's grid, `[height, width, ...]`.
package struct InferenceMaps: Sendable {
  /// Estimate of how healthy tissue would look here, in the scan's normalized units.
  package var reconstruction: Image
  /// Divergence of posterior from prior, in nats per pixel, one channel for each stage that has a latent; `nil` if it
  /// was not requested.
  package var divergence: Image?
  /// Spread of each value that the network predicts, in the scan's normalized units; `nil` if it predicts none.
  package var scales: Image?
  /// Absolute gradient of the divergence by each value; `nil` if it was not requested.
  package var divergenceGradient: Image?
  /// The scan after being moved towards healthy tissue, see `Restoration`, in its normalized units; `nil` if it was
  /// not requested.
  package var restored: Image?
  /// Log-odds of a lesion; `nil` without a score network.
  package var logit: Image?
  /// Deviation of each channel from what is expected of it, see `ChannelExpectation`; `nil` if there is no
  /// expectation or the deviations were not requested.
  package var deviations: Image?
  /// How unusual texture is, see `LocalTexture`; `nil` if it was not learned or not requested.
  package var texture: Image?
  /// How unusual the features of a network that was trained on photographs are, see `LocalFeatures`; `nil` if they were
  /// not learned or not requested, and for parts of a scan.
  package var features: Image?
  /// The features of the scan as a whole, see `FeatureMoments`; `nil` where `features` is.
  package var wholeFeatures: [Float]?
  /// Mean of each latent channel over the patches with tissue, see `LatentReference`; empty if there is no tissue.
  package var encoding: [Float] = []
}

extension InferenceMaps {
  /// Position of each map among the channels of the stitched image.
  struct Layout {
    let reconstruction: Range<Int>
    let divergence: Range<Int>
    let scales: Range<Int>
    let gradient: Range<Int>
    let restored: Range<Int>
    let logit: Range<Int>
    let deviations: Range<Int>
    let texture: Range<Int>

    init(
      channels c: Int, stages: Int, hasScales: Bool, takesGradient: Bool, restores: Bool, hasScore: Bool,
      takesDeviations: Bool, takesTexture: Bool
    ) {
      reconstruction = 0..<c
      divergence = c..<c + stages
      scales = divergence.upperBound..<divergence.upperBound + (hasScales ? c : 0)
      gradient = scales.upperBound..<scales.upperBound + (takesGradient ? c : 0)
      restored = gradient.upperBound..<gradient.upperBound + (restores ? c : 0)
      logit = restored.upperBound..<restored.upperBound + (hasScore ? 1 : 0)
      deviations = logit.upperBound..<logit.upperBound + (takesDeviations ? c : 0)
      texture = deviations.upperBound..<deviations.upperBound + (takesTexture ? 1 : 0)
    }

    var count: Int { texture.upperBound }

    /// Splits a stitched image into maps.
    func maps(in all: Image) -> InferenceMaps {
      let whole = PixelRectangle(x: 0, y: 0, width: all.width, height: all.height)
      return maps(of: whole, from: [(all, whole)], pixelSize: all.pixelSize)
    }

    /// Puts maps together from stitched parts of a picture; `NaN` where no part lies.
    ///
    /// - Parameters:
    ///   - area: area of the maps, in pixels of the picture.
    ///   - parts: stitched images, each with its area.
    func maps(
      of area: PixelRectangle, from parts: [(image: Image, area: PixelRectangle)], pixelSize: PixelSize? = nil
    ) -> InferenceMaps {
      func map(_ range: Range<Int>) -> Image? {
        guard !range.isEmpty else { return nil }
        var result = Image(
          width: area.width, height: area.height, channels: range.count, filledWith: .nan, pixelSize: pixelSize)
        for part in parts {
          guard let common = part.area.intersection(area) else { continue }
          result.paste(
            channels: range, of: part.image, from: common.seen(from: part.area), atX: common.x - area.x,
            y: common.y - area.y)
        }
        return result
      }
      return InferenceMaps(
        reconstruction: map(reconstruction)!, divergence: map(divergence), scales: map(scales),
        divergenceGradient: map(gradient), restored: map(restored), logit: map(logit), deviations: map(deviations),
        texture: map(texture))
    }
  }
}
