import Foundation
import Imaging

/// The named methods that turn the networks' outputs for a scan into evidence.
package enum Score: String, Codable, CodingKeyRepresentable, CaseIterable, Sendable {
  /// Weighted mean of other scores, see `ScoreBook.select`.
  case ensemble
  /// The score network's log-odds.
  case learned
  /// Signed difference of scan and reconstruction, channels combined by `EvidenceRule`.
  case residual
  /// Signed deviation of each channel from what the other channels predict (see `ChannelExpectation`), channels
  /// combined by `EvidenceRule`; for models of several channels.
  case crossChannel = "cross-channel"
  /// How unusual the texture around each pixel is among healthy tissue, see `LocalTexture`; for models of up to four
  /// channels, except of photographs.
  case texture
  /// How unusual the features around each pixel are among healthy tissue, see `LocalFeatures`; for models that were
  /// trained with `--features`.
  case features
  /// The scan itself in place of the residual: abnormality that can be seen without a reconstruction.
  case intensity
  /// Absolute difference of scan and reconstruction.
  case absolute
  /// One minus the structural similarity of scan and reconstruction. Source: Wang et al. 2004,
  /// doi:10.1109/TIP.2003.819861, equation 13; the window is as wide as in Bergmann et al. 2019, arXiv:1807.02011.
  case ssim
  /// Divergence of posterior from prior, summed over stages.
  case divergence = "kl"
  /// Gradient of the divergence by the pixel, times the absolute residual. Source: Zimmerer et al. 2019,
  /// arXiv:1907.12258, section 2.3.
  case divergenceGradient = "kl-gradient"
  /// Signed difference of the scan and its restoration (see `Restoration`), channels combined by `EvidenceRule`.
  case restoration
  /// Squared ratio of the residual to the spread that the network predicts; for models with `--variance pixel`.
  case variance

  /// All scores except the ensemble, which is made of them.
  static let members = allCases.filter { $0 != .ensemble }

  /// Whether the score's map has a signed value for every channel of the scan, which the rule combines. Other maps have
  /// one value per pixel.
  var keepsChannels: Bool { [.residual, .crossChannel, .intensity, .restoration].contains(self) }

  /// The rule that converts this score's map to `z`, derived from the model's rule.
  package func rule(_ rule: EvidenceRule) -> EvidenceRule {
    if keepsChannels { return rule }
    var own = EvidenceRule(channelWeights: [1], polarity: .bright)
    own.erosion = rule.erosion
    // The score network has already looked at each pixel's neighbourhood, so its map needs little smoothing.
    own.smoothing = self == .learned ? min(rule.smoothing / 3, 1) : rule.smoothing
    // A scan whose texture, or features, are unusual everywhere is unusual.
    own.isStandardized = ![.learned, .texture, .features].contains(self)
    return own
  }

  /// The map before calibration; `nil` if the model cannot compute it.
  ///
  /// - Parameters:
  ///   - rule: the model's rule, which gives the channels' weights.
  ///   - own: the rule with which this score was calibrated.
  func evidence(of scan: PreparedScan, maps: InferenceMaps, rule: EvidenceRule, own: EvidenceRule) -> Residual? {
    switch self {
    case .ensemble: return nil
    case .residual: return Residual(of: scan, reconstruction: maps.reconstruction, rule: own)
    case .crossChannel: return maps.deviations.map { Residual(of: scan, signed: $0, rule: own) }
    case .texture: return maps.texture.map { Residual(of: scan, map: Plane($0), rule: own) }
    case .features: return maps.features.map { Residual(of: scan, map: Plane($0), rule: own) }
    case .intensity: return Residual(of: scan, reconstruction: nil, rule: own)
    case .restoration: return maps.restored.map { Residual(of: scan, reconstruction: $0, rule: own) }
    case .learned: return maps.logit.map { Residual(of: scan, map: Plane($0), rule: own) }
    case .absolute:
      return Residual(
        of: scan, map: Self.weighted(scan.image, maps.reconstruction, rule) { abs($0 - $1) }, rule: own)
    case .variance:
      return maps.scales.map { scales in
        let relative = Self.combined(maps.reconstruction, scales) { $0 / max($1, 1e-4) }
        let target = Self.combined(scan.image, scales) { $0 / max($1, 1e-4) }
        return Residual(
          of: scan, map: Self.weighted(target, relative, rule) { ($0 - $1) * ($0 - $1) }, rule: own)
      }
    case .divergenceGradient:
      return maps.divergenceGradient.map { gradient in
        let residual = Self.combined(scan.image, maps.reconstruction) { abs($0 - $1) }
        return Residual(of: scan, map: Self.weighted(residual, gradient, rule) { $0 * $1 }, rule: own)
      }
    case .ssim:
      return Residual(
        of: scan, map: Self.dissimilarity(scan.image, maps.reconstruction, rule), rule: own)
    case .divergence:
      return maps.divergence.map { divergence in
        let stages = divergence.channels
        var sum = Plane<Float>(width: divergence.width, height: divergence.height, filledWith: 0)
        for i in sum.values.indices {
          sum.values[i] = (0..<stages).reduce(0) { $0 + divergence.samples[i * stages + $1] }
        }
        return Residual(of: scan, map: sum, rule: own)
      }
    }
  }

  private static func combined(_ a: Image, _ b: Image, _ combine: (Float, Float) -> Float) -> Image {
    var result = a
    result.samples.withUnsafeMutableBufferPointer { values in
      b.samples.withUnsafeBufferPointer { for i in values.indices { values[i] = combine(values[i], $0[i]) } }
    }
    return result
  }

  /// Mean over the channels, weighted by the absolute value of each channel's weight.
  private static func weighted(
    _ a: Image, _ b: Image, _ rule: EvidenceRule, _ compare: (Float, Float) -> Float
  ) -> Plane<Float> {
    let weights = rule.emphasis(channels: a.channels)
    let counted = weights.indices.filter { weights[$0] != 0 }
    var result = Plane<Float>(width: a.width, height: a.height, filledWith: 0)
    result.values.withUnsafeMutableBufferPointer { result in
      a.samples.withUnsafeBufferPointer { first in
        b.samples.withUnsafeBufferPointer { second in
          for pixel in result.indices {
            for c in counted {
              let i = pixel * a.channels + c
              result[pixel] += weights[c] * compare(first[i], second[i])
            }
          }
        }
      }
    }
    return result
  }

  private static let ssimWindow: Float = 3
  private static let ssimConstants: (luminance: Float, contrast: Float) = (1e-4, 9e-4)

  private static func dissimilarity(_ scan: Image, _ reconstruction: Image, _ rule: EvidenceRule) -> Plane<Float> {
    func clean(_ image: Image) -> Image {
      combined(image, image) { value, _ in value.isNaN ? 0 : value }
    }
    func blurred(_ a: Image, _ b: Image) -> Image { combined(a, b, *).blurred(sigma: ssimWindow) }
    let (x, y) = (clean(scan), clean(reconstruction))
    let (mx, my) = (x.blurred(sigma: ssimWindow), y.blurred(sigma: ssimWindow))
    let (xx, yy, xy) = (blurred(x, x), blurred(y, y), blurred(x, y))
    var similarity = x
    for i in similarity.samples.indices {
      let (a, b) = (mx.samples[i], my.samples[i])
      let luminance = (2 * a * b + ssimConstants.luminance) / (a * a + b * b + ssimConstants.luminance)
      let covariance = xy.samples[i] - a * b
      let variances = max(xx.samples[i] - a * a, 0) + max(yy.samples[i] - b * b, 0)
      similarity.samples[i] =
        luminance * (2 * covariance + ssimConstants.contrast) / (variances + ssimConstants.contrast)
    }
    return weighted(similarity, similarity, rule) { one, _ in 1 - one }
  }
}
