import Compute
import Foundation
import Imaging
import Numerics

/// Plants lesions into healthy patches; the score network learns from them.
///
/// Inside a lesion, tissue is shifted by an offset with some texture; in some lesions it is first flattened towards its
/// mean, or blurred. If the user described what lesions look like (`EvidenceRule`), the offset follows the weighted
/// channels and the sign, and the other channels change at random. Otherwise every channel changes.
/// Source of the idea: Zavrtanik et al. 2021, arXiv:2108.07610 (DRAEM).
package struct LesionPlanter: Sendable {
  /// Radii in pixels of the model's grid.
  package let radii: ClosedRange<Float>
  /// Size of the offset, in normalized intensity.
  package let contrast: ClosedRange<Float>
  package let rule: EvidenceRule
  /// Edge of a patch in pixels.
  package let edge: Int
  package let channels: Int
  /// The most kinds of lesions in one patch; each kind has its own size, direction and contents.
  package let kinds: Int
  /// Covariance of healthy tissue. Where the user gave no direction, most lesions shift the channels together as
  /// healthy tissue varies (brighter tissue is brighter in most channels). `nil` draws every channel independently.
  package let healthy: ChannelCovariance?
  /// See `LesionShape.borders`.
  package let borders: ClosedRange<Float>?
  /// Share of the lesions without a given direction that shift channels as healthy tissue varies, and so have no
  /// unusual color.
  private let healthyShare: Float

  package init(
    radii: ClosedRange<Float>, contrast: ClosedRange<Float>, rule: EvidenceRule, edge: Int, channels: Int,
    kinds: Int = 1, healthy: ChannelCovariance? = nil, borders: ClosedRange<Float>? = nil, healthyShare: Float? = nil
  ) {
    self.healthyShare = healthyShare ?? Self.usualHealthyShare
    self.borders = borders
    self.kinds = kinds
    self.healthy = healthy
    self.radii = radii
    self.contrast = contrast
    self.rule = rule
    self.edge = edge
    self.channels = channels
  }

  /// Share of the patches that get a lesion.
  private static let share: Float = 0.75
  /// `healthyShare` where it is not known how closely healthy tissue ties the channels.
  private static let usualHealthyShare: Float = 0.8
  /// A smaller change is not marked as a lesion; in normalized intensity, a sixth of the spread of tissue.
  private static let leastChange: Float = 0.02

  private enum Content: CaseIterable { case offset, flattened, blurred }

  /// - Parameters:
  ///   - patch: `[edge, edge, channels]`, changed in place; `NaN` stays.
  ///   - tissue: `[edge, edge]`, 1 where lesions may be.
  /// - Returns: `[edge, edge]`, 1 where more than half of the full change was made and a channel has changed visibly.
  package func plant(
    into patch: UnsafeMutableBufferPointer<Float>, tissue: UnsafeBufferPointer<UInt8>,
    using random: inout RandomGenerator
  ) -> [Float] {
    var lesions = [Float](repeating: 0, count: edge * edge)
    guard random.chance(Self.share) else { return lesions }
    let before = Array(patch)
    for _ in 0...random.integer(below: kinds) {
      let strength = plantKind(into: patch, tissue: tissue, using: &random)
      for i in lesions.indices where strength[i] > 0.5 { lesions[i] = 1 }
    }
    for i in lesions.indices where lesions[i] > 0 {
      // Texture can undo an offset. No network could learn to see a pixel that did not change.
      let values = i * channels..<(i + 1) * channels
      if !values.contains(where: { abs(patch[$0] - before[$0]) > Self.leastChange }) { lesions[i] = 0 }
    }
    return lesions
  }

  /// Plants one kind of lesion.
  ///
  /// - Returns: share of the full change at every pixel, `[edge, edge]`.
  private func plantKind(
    into patch: UnsafeMutableBufferPointer<Float>, tissue: UnsafeBufferPointer<UInt8>,
    using random: inout RandomGenerator
  ) -> [Float] {
    let strength = LesionShape(radii: radii, edge: edge, borders: borders).draw(on: tissue, using: &random)
    let offsets = direction(using: &random)
    let (low, high) = (contrast.lowerBound, contrast.upperBound)
    let size = low * exp(random.uniform() * log(high / low))
    let grain = NoiseField.smooth(cells: max(4, edge / 4), edge: edge, using: &random)
    let mottle = NoiseField.smooth(cells: max(4, edge / 12), edge: edge, using: &random)
    let (grainShare, mottleShare) = (0.4 * random.uniform(), 0.4 * random.uniform())
    let content = Content.allCases[random.integer(below: Content.allCases.count)]
    let flattening = 0.2 + 0.6 * random.uniform()
    let means = content == .flattened ? self.means(patch, tissue) : []
    let smooth =
      content == .blurred
      ? Image(width: edge, height: edge, channels: channels, samples: patch.map { $0.isNaN ? 0 : $0 })
        .blurred(sigma: 2).samples : []
    for i in strength.indices where strength[i] > 0 {
      let texture = 1 + grainShare * grain[i] + mottleShare * mottle[i]
      for c in 0..<channels {
        let value = patch[i * channels + c]
        let base =
          switch content {
          case .offset: value
          case .flattened: value + flattening * (means[c] - value)
          case .blurred: smooth[i * channels + c]
          }
        patch[i * channels + c] = value + (base + size * offsets[c] * texture - value) * strength[i]
      }
    }
    return strength
  }

  /// Direction of the change over the channels; its largest component is about 1.
  private func direction(using random: inout RandomGenerator) -> [Float] {
    if let weights = rule.channelWeights {
      let largest = weights.map(abs).max() ?? 1
      let sign: Float =
        switch rule.polarity {
        case .bright: 1
        case .dark: -1
        case .both: random.chance(0.5) ? 1 : -1
        }
      return weights.map { $0 == 0 ? 0.5 * random.normal() : sign * $0 / largest }
    }
    var offsets =
      if let healthy, random.chance(healthyShare) {
        healthy.direction(using: &random)
      } else {
        (0..<channels).map { _ in random.chance(0.75) ? random.normal() : 0 }
      }
    if offsets.allSatisfy({ $0 == 0 }) { offsets[random.integer(below: channels)] = random.normal() }
    let strongest = offsets.max { abs($0) < abs($1) }!
    let scale: Float =
      switch rule.polarity {
      case .bright: 1 / strongest
      case .dark: -1 / strongest
      case .both: 1 / abs(strongest)
      }
    return offsets.map { $0 * scale }
  }

  private func means(_ patch: UnsafeMutableBufferPointer<Float>, _ tissue: UnsafeBufferPointer<UInt8>) -> [Float] {
    (0..<channels).map { c in
      var (sum, count): (Float, Float) = (0, 0)
      for i in tissue.indices where tissue[i] != 0 {
        let value = patch[i * channels + c]
        guard !value.isNaN else { continue }
        sum += value
        count += 1
      }
      return count > 0 ? sum / count : 0
    }
  }
}
