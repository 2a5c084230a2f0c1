import Anomaly
import Compute
import Foundation
import Numerics

/// Latents of one or more patches, stage by stage, finest first.
package struct LatentCode: Sendable, Equatable {
  /// Number of patches.
  package let count: Int
  /// `[count, h, w, k]` of each stage; empty where a stage has no latent.
  package var stages: [[Float]]

  package init(count: Int, stages: [[Float]]) {
    self.count = count
    self.stages = stages
  }

  /// Latents that are all zero, the prior's mean.
  package init(zero architecture: VAE.Architecture, count: Int) {
    self.init(
      count: count,
      stages: architecture.latentShapes(patches: count).map { [Float](repeating: 0, count: $0?.count ?? 0) })
  }

  /// The latents of one patch.
  package subscript(patch: Int) -> LatentCode {
    LatentCode(
      count: 1,
      stages: stages.map { values in
        let size = values.count / count
        return Array(values[patch * size..<(patch + 1) * size])
      })
  }

  package static func joined(_ codes: [LatentCode]) -> LatentCode {
    LatentCode(
      count: codes.reduce(0) { $0 + $1.count },
      stages: (codes.first?.stages ?? []).indices.map { stage in codes.flatMap { $0.stages[stage] } })
  }

  /// This code with one dimension moved at all positions by `step` standard deviations of the prior.
  package func moved(_ dimension: LatentDimension, by step: Float, of architecture: VAE.Architecture) -> LatentCode {
    var result = self
    let k = architecture.latents[dimension.stage]
    for i in stride(from: dimension.channel, to: stages[dimension.stage].count, by: k) {
      result.stages[dimension.stage][i] += step
    }
    return result
  }

  /// This code with a number added to each channel at all positions.
  ///
  /// - Parameter shift: one number per channel of each stage.
  package func shifted(by shift: [[Float]]) -> LatentCode {
    var result = self
    for (stage, channels) in shift.enumerated() where !channels.isEmpty {
      for i in stages[stage].indices { result.stages[stage][i] += channels[i % channels.count] }
    }
    return result
  }

  /// Mean of each channel of a patch, stage by stage.
  package func channelMeans(ofPatch patch: Int, _ architecture: VAE.Architecture) -> [[Double]] {
    zip(stages, architecture.latents).map { values, k in
      guard k > 0 else { return [] }
      let size = values.count / count
      var sums = [Double](repeating: 0, count: k)
      for i in 0..<size { sums[i % k] += Double(values[patch * size + i]) }
      return sums.map { $0 * Double(k) / Double(size) }
    }
  }

  /// Draws latents from the prior: every value is independent and normally distributed.
  ///
  /// - Parameter temperature: standard deviation; 1 is the prior itself.
  package static func prior(
    of architecture: VAE.Architecture, count: Int, temperature: Float, using random: inout RandomGenerator
  ) -> LatentCode {
    var patches: [LatentCode] = []
    // Drawn patch by patch, so that the first draws do not depend on the number of patches.
    for _ in 0..<count {
      var code = LatentCode(zero: architecture, count: 1)
      for stage in code.stages.indices.reversed() {
        for i in code.stages[stage].indices { code.stages[stage][i] = temperature * random.normal() }
      }
      patches.append(code)
    }
    return joined(patches)
  }

  /// Latents between this code and another: spherical, so that those between have as large a norm as the ends, or
  /// linear. Source: Shoemake 1985, doi:10.1145/325165.325242; White 2016, arXiv:1609.04468.
  ///
  /// - Parameter share: 0 gives this code, 1 the other.
  package func interpolated(to other: LatentCode, share: Float, isSpherical: Bool) -> LatentCode {
    var result = self
    for stage in stages.indices {
      let (a, b) = (stages[stage], other.stages[stage])
      var (from, to) = (1 - share, share)
      if isSpherical {
        let lengths = (Self.norm(a), Self.norm(b))
        let cosine = zip(a, b).reduce(Float(0)) { $0 + $1.0 * $1.1 } / max(lengths.0 * lengths.1, 1e-12)
        let angle = acosf(min(max(cosine, -1), 1))
        // Where the codes are nearly parallel, the spherical and the linear way are the same.
        if angle > 1e-3, sinf(angle) > 1e-3 {
          (from, to) = (sinf((1 - share) * angle) / sinf(angle), sinf(share * angle) / sinf(angle))
        }
      }
      for i in a.indices { result.stages[stage][i] = from * a[i] + to * b[i] }
    }
    return result
  }

  private static func norm(_ values: [Float]) -> Float { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
}
