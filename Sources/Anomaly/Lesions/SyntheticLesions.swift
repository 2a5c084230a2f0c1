import Compute
import Foundation
import Numerics

/// Lesions planted in healthy patches. They corrupt the encoder's input, and serve to choose a checkpoint without
/// labels.
///
/// Shapes are smooth noise above a level, from a few large blobs to many small ones, with soft to sharp edges. Inside,
/// every channel is offset by its own amount and sign and gets some texture, or tissue from elsewhere in the patch is
/// blended in. Sources: the idea follows Zavrtanik et al. 2021, arXiv:2108.07610 (DRAEM), the coarse noise Kascenas et
/// al. 2022.
package struct SyntheticLesions: Sendable {
  /// Edge of a patch in pixels.
  package let edge: Int
  package let channels: Int
  /// Possible numbers of noise cells along an edge; one is drawn for each lesion. Few cells give large blobs.
  private let cells: [Int]
  /// See `LesionShape.borders`.
  private let borders: ClosedRange<Float>?
  private let range: ClosedRange<Float>

  /// - Parameters:
  ///   - range: see `Normalization.range`.
  ///   - radii: radii of the blobs in pixels; `nil` goes from a fifth to about a twentieth of the edge.
  ///   - borders: width of the blobs' borders in pixels; `nil` lets it grow with the blob.
  package init(
    edge: Int, channels: Int, range: ClosedRange<Float>, radii: ClosedRange<Float>? = nil,
    borders: ClosedRange<Float>? = nil
  ) {
    self.edge = edge
    self.range = range
    self.channels = channels
    self.borders = borders
    cells =
      radii.map { radii in
        (0..<5).map { k in
          let radius = radii.lowerBound * pow(radii.upperBound / radii.lowerBound, Float(k) / 4)
          return Int(min(max((Float(edge) / (2.5 * radius)).rounded(), 2), Float(edge) / 2))
        }
      } ?? [2, 3, 4, 6, 9]
  }

  /// Plants lesions into a patch.
  ///
  /// - Parameters:
  ///   - patch: `[edge, edge, channels]`, changed in place; `NaN` stays.
  ///   - tissue: `[edge, edge]`, 1 where lesions may be.
  ///   - rule: if it gives a direction, lesions shift the channels with a weight in that direction and the others at
  ///     random.
  ///   - healthy: where no direction is given, half of the lesions shift the channels as healthy tissue varies.
  /// - Returns: `[edge, edge]`, which pixels are lesion: more than half of the full strength and a visible change.
  @discardableResult
  package func plant(
    into patch: UnsafeMutableBufferPointer<Float>, tissue: UnsafeBufferPointer<UInt8>,
    along rule: EvidenceRule? = nil, healthy: ChannelCovariance? = nil, using random: inout RandomGenerator
  ) -> [Bool] {
    let count = cells[random.integer(below: cells.count)]
    let shape = NoiseField.smooth(cells: count, edge: edge, using: &random)
    let level = 0.8 + 1.3 * random.uniform()
    let softness = random.uniform()
    let sharpness =
      borders.map {
        LesionShape.sharpness(radius: Float(edge) / (2.5 * Float(count)), borders: $0, softness: softness)
      } ?? 2 + 14 * softness
    let texture = NoiseField.smooth(cells: max(8, edge / 4), edge: edge, using: &random)
    let roughness = 0.3 * random.uniform()
    var offsets = (0..<channels).map { _ -> Float in
      guard random.chance(0.75) else { return 0 }
      return (random.chance(0.5) ? 1 : -1) * random.uniform(0.05, 0.5)
    }
    if offsets.allSatisfy({ $0 == 0 }) {
      offsets[random.integer(below: channels)] = (random.chance(0.5) ? 1 : -1) * random.uniform(0.05, 0.5)
    }
    if let healthy, rule?.channelWeights == nil, random.chance(0.5) {
      let direction = healthy.direction(using: &random)
      let size = random.uniform(0.05, 0.5) / max(direction.map(abs).max() ?? 1, 1e-6)
      offsets = direction.map { $0 * size }
    }
    if let weights = rule?.channelWeights, let polarity = rule?.polarity {
      let sign: Float = polarity == .bright || (polarity == .both && random.chance(0.5)) ? 1 : -1
      for c in 0..<channels where weights[c] != 0 {
        offsets[c] = sign * (weights[c] > 0 ? 1 : -1) * random.uniform(0.05, 0.5)
      }
    }
    let blends = rule == nil && random.chance(0.25)
    let shiftX = random.integer(below: edge)
    let shiftY = random.integer(below: edge)
    let before = Array(patch)
    var lesion = [Bool](repeating: false, count: edge * edge)
    for y in 0..<edge {
      for x in 0..<edge {
        let i = y * edge + x
        guard tissue[i] != 0 else { continue }
        let strength = 1 / (1 + exp((level - shape[i]) * sharpness))
        guard strength > 0.01 else { continue }
        let elsewhere = ((y + shiftY) % edge * edge + (x + shiftX) % edge)
        var change: Float = 0
        for c in 0..<channels {
          let value = before[i * channels + c]
          var changed = value + offsets[c] * (1 + roughness * texture[i])
          let other = before[elsewhere * channels + c]
          if blends, tissue[elsewhere] != 0, !other.isNaN { changed = 0.5 * (value + other) + 0.5 * offsets[c] }
          let mixed = value + (range.clip(changed) - value) * strength
          patch[i * channels + c] = mixed
          change = max(change, abs(mixed - value))
        }
        lesion[i] = strength > 0.5 && change > 0.03
      }
    }
    return lesion
  }

  /// Adds coarse noise of standard deviation `deviation` within tissue; every channel gets its own draw with the same
  /// grain size.
  /// Source: Kascenas et al. 2022, "Denoising autoencoders for unsupervised anomaly detection in brain MRI".
  package func addCoarseNoise(
    to patch: UnsafeMutableBufferPointer<Float>, tissue: UnsafeBufferPointer<UInt8>, deviation: Float,
    using random: inout RandomGenerator
  ) {
    let grains = [4, 8, 16, 32].map { min($0, edge / 2) }
    let cells = grains[random.integer(below: grains.count)]
    for c in 0..<channels {
      let field = NoiseField.smooth(cells: cells, edge: edge, using: &random)
      for i in field.indices where tissue[i] != 0 { patch[i * channels + c] += deviation * field[i] }
    }
  }
}
