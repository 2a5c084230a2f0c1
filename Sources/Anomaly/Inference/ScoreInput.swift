import Compute
import Foundation
import Numerics
import Threads

/// The input of the score network for a patch: the scan, the residual of the VAE's reconstruction, the depth of each
/// pixel below the tissue's surface, the divergence of each of the VAE's latents, and what is known from healthy tissue
/// alone, see `TissueStatistics`: the deviation of each channel from the value that the others predict, and texture.
struct ScoreInput: Sendable {
  let channels: Int
  /// Number of stages of the VAE that have a latent.
  let stages: Int
  private let hasDeviations: Bool
  private let hasTexture: Bool

  init(_ architecture: VAE.Architecture, preparation: Preparation) {
    channels = architecture.channels
    hasDeviations = preparation.expectation != nil
    hasTexture = preparation.localTexture != nil
    stages = architecture.latents.count { $0 > 0 }
  }

  /// Number of input channels: scan, residual, depth, one divergence per stage, deviations, and texture.
  var count: Int { textureStart + (hasTexture ? LocalTexture.count : 0) }

  private var deviationStart: Int { 2 * channels + 1 + stages }
  private var textureStart: Int { deviationStart + (hasDeviations ? channels : 0) }

  /// Factor that brings residuals, which are smaller than intensities, to the same scale.
  private static let residualScale: Float = 4
  /// Depth in pixels that counts as 1; depths of twice that and more count as 2.
  private static let depthScale: Float = 20
  /// Factor that brings deviations, in spreads, to the scale of intensities.
  private static let deviationScale: Float = 0.25
  /// The same for texture, in standard deviations.
  private static let textureScale: Float = 0.25

  /// Runs both networks; the parameters are those of `Inference.run`.
  func run(
    _ network: VAE, _ scoreNetwork: ScoreNetwork?, on scan: Tensor, depth: UnsafeBufferPointer<Float>,
    units: [SharedUnits?], statistics: TissueStatistics, in input: Tensor?,
    sampling generator: inout RandomGenerator?
  ) throws -> (reconstruction: Tensor, logits: Tensor?) {
    let y = try network.forward(scan, sampling: &generator)
    statistics.fill(of: scan, depth: depth, units: units)
    guard let scoreNetwork, let input else { return (y, nil) }
    fill(
      scan: scan, reconstruction: y, divergences: network.divergenceMaps, depth: depth, statistics: statistics,
      into: input)
    return (y, try scoreNetwork.forward(input))
  }

  /// - Parameters:
  ///   - scan: normalized intensities without `NaN`, `[n, h, w, c]`.
  ///   - reconstruction: same shape.
  ///   - divergences: one tensor for each stage that has a latent, `[n, h / 2^k, w / 2^k, 1]`, in nats per cell.
  ///   - depth: distance below the tissue's surface in pixels, `[n, h, w]`; 0 outside tissue, where all input is 0.
  ///   - statistics: of the same scans.
  ///   - result: `[n, h, w, count]`.
  func fill(
    scan: Tensor, reconstruction: Tensor, divergences: [Tensor], depth: UnsafeBufferPointer<Float>,
    statistics: TissueStatistics, into result: Tensor
  ) {
    precondition(
      divergences.count == stages && depth.count == scan.shape.pixels
        && (statistics.deviations != nil) == hasDeviations && (statistics.texture != nil) == hasTexture,
      "a score input of other sizes")
    let shape = scan.shape
    let (c, k) = (channels, count)
    let (scan, reconstruction, result) = (scan.split, reconstruction.split, result.split)
    let depth = ReadBuffer(depth)
    let maps = divergences.map { (values: $0.split, shape: $0.shape) }
    let (deviations, texture) = (statistics.deviations?.split, statistics.texture?.split)
    let (deviationStart, textureStart) = (deviationStart, textureStart)
    Parallel.run(chunks: shape.n) { n in
      let pixels = shape.h * shape.w
      let (values, expected, target) = (scan.start, reconstruction.start, result.start)
      for pixel in n * pixels..<(n + 1) * pixels {
        let output = target + pixel * k
        guard depth[pixel] > 0 else {
          for i in 0..<k { output[i] = 0 }
          continue
        }
        for channel in 0..<c {
          let value = values[pixel * c + channel]
          output[channel] = value
          output[c + channel] = Self.residualScale * (value - expected[pixel * c + channel])
        }
        output[2 * c] = min(depth[pixel] / Self.depthScale, 2)
        if let deviations {
          for channel in 0..<c {
            output[deviationStart + channel] = Self.deviationScale * deviations.start[pixel * c + channel]
          }
        }
        if let texture {
          for i in 0..<LocalTexture.count {
            output[textureStart + i] = Self.textureScale * texture.start[pixel * LocalTexture.count + i]
          }
        }
      }
      for (stage, map) in maps.enumerated() {
        let (rows, columns) = (shape.h / map.shape.h, shape.w / map.shape.w)
        for cell in 0..<map.shape.h * map.shape.w {
          let surprise = 0.25 * log1p(max(map.values[n * map.shape.h * map.shape.w + cell], 0))
          let (y, x) = (cell / map.shape.w * rows, cell % map.shape.w * columns)
          for row in y..<y + rows {
            for column in x..<x + columns {
              let pixel = n * pixels + row * shape.w + column
              if depth[pixel] > 0 { target[pixel * k + 2 * c + 1 + stage] = surprise }
            }
          }
        }
      }
    }
  }
}
