import Anomaly
import Compute
import Foundation
import Imaging
import Numerics
import Threads

/// Finds the latents of the nearest healthy version of a patch, by gradient steps from the mean of its posterior.
///
/// The steps minimize `-log p(x | z) + sum over stages of weight * |z|^2 / 2` over the latents `z`. The first term
/// tells how badly the healthy patch explains the given one, the second how far `z` is from the middle of the prior.
///
/// A lesion must not be explained. Therefore a value has the probability `p = (1 - e) p_model + e / width`: with a
/// small probability it may be anything, so a value that the model finds unlikely has hardly any pull. At the start
/// healthy tissue may be badly explained too, so `e` grows step by step to a tenth. Where a whole neighbourhood is
/// badly explained at the start (unlike an edge), a value never pulls more than its neighbourhood's mean cost allows.
/// Otherwise fine latents would gradually explain a lesion.
///
/// Sources: Schlegl et al. 2017, arXiv:1703.05921, section 2.2 (search of the latent space); Huber 1964,
/// doi:10.1214/aoms/1177703732 (contaminated distributions); Blake & Zisserman 1987, "Visual Reconstruction", chapter 7
/// (graduated non-convexity); Kingma & Ba 2015, arXiv:1412.6980, algorithm 1 (the steps).
package struct LatentSearch: Sendable {
  package struct Result: Sendable {
    package let code: LatentCode
    /// `before` and `after` are the minimized function in nats, averaged over patches: at the posterior's mean and at
    /// the result.
    package let before: Double
    package let after: Double
  }

  private let objective: Objective
  /// Spread of each channel's reconstruction error.
  private let spread: [Float]
  /// Probability density of a value that is not healthy tissue: 1 divided by the width of the intensity range.
  private let foreignDensity: Float
  private let steps: Int

  private static let foreignShare: Float = 0.1
  /// Natural logarithm of the factor of `foreignShare` at the first step.
  private static let firstShare: Float = -3
  private static let firstStep: Float = 0.1
  /// Pixels to either side that count as a neighbourhood; wider than the blur of an edge.
  private static let reach = 3

  /// - Parameter steps: number of gradient steps; 0 keeps the mean of the posterior.
  package init(_ model: Model, steps: Int = 60) {
    let restoration = model.restoration
    objective = restoration.objective
    spread = restoration.spread
    foreignDensity = 1 / max(restoration.range.upperBound - restoration.range.lowerBound, 1)
    self.steps = steps
  }

  /// - Parameter patches: normalized patches of the model's size and channels; `NaN` counts as 0.
  package func nearestHealthy(to patches: [Image], by generator: PatchGenerator) throws -> Result {
    var none: RandomGenerator?
    var code = try generator.encode(patches, sampling: &none)
    var (mean, square) = (code.zeros, code.zeros)
    var best = code
    var lowest = [Double](repeating: .infinity, count: patches.count)
    var before = 0.0
    let first = try firstCosts(at: code, of: patches, by: generator)
    for step in 0...steps {
      let progress = Float(step) / Float(max(steps, 1))
      let share = Self.foreignShare * exp(Self.firstShare * max(0, 1 - 1.5 * progress))
      let (nats, gradient) = try slope(at: code, of: patches, foreignShare: share, first: first, by: generator)
      if step == 0 { before = nats.reduce(0, +) }
      for patch in nats.indices where nats[patch] < lowest[patch] {
        lowest[patch] = nats[patch]
        best.replace(patch: patch, by: code)
      }
      // Over the last quarter of the steps, their size falls to zero.
      let size = Self.firstStep * min(1, 4 * (1 - progress))
      let correction = (1 - powf(0.9, Float(step + 1)), 1 - powf(0.999, Float(step + 1)))
      for stage in code.stages.indices {
        for i in code.stages[stage].indices {
          let g = gradient.stages[stage][i]
          mean.stages[stage][i] += 0.1 * (g - mean.stages[stage][i])
          square.stages[stage][i] += 0.001 * (g * g - square.stages[stage][i])
          let scale = (square.stages[stage][i] / correction.1).squareRoot() + 1e-8
          code.stages[stage][i] -= size * mean.stages[stage][i] / correction.0 / scale
        }
      }
    }
    let count = Double(max(patches.count, 1))
    return Result(code: best, before: before / count, after: lowest.reduce(0, +) / count)
  }

  /// Cost of each value before the first step, in nats, averaged over its neighbourhood.
  private func firstCosts(
    at code: LatentCode, of patches: [Image], by generator: PatchGenerator
  ) throws -> [Image] {
    var costs = patches
    _ = try generator.gradient(at: code) { patch, index, reconstruction, predicted in
      let value = patches[patch].samples[index]
      let one = objective.likelihood.cost(
        of: value.isNaN ? 0 : value, reconstruction: reconstruction, spread: predicted ?? spread[index % spread.count])
      costs[patch].samples[index] = one.nats
      return one
    }
    return Parallel.map(costs.count) { [costs] in Self.neighbourhoodMeans(of: costs[$0]) }
  }

  /// Means over square neighbourhoods, which are cut off at the border.
  private static func neighbourhoodMeans(of image: Image) -> Image {
    var result = image
    for y in 0..<image.height {
      let rows = max(0, y - reach)...min(image.height - 1, y + reach)
      for x in 0..<image.width {
        let columns = max(0, x - reach)...min(image.width - 1, x + reach)
        for channel in 0..<image.channels {
          var sum: Float = 0
          for v in rows { for u in columns { sum += image[u, v, channel] } }
          result[x, y, channel] = sum / Float(rows.count * columns.count)
        }
      }
    }
    return result
  }

  /// The minimized function for each patch in nats, and its gradient at the given foreign share.
  private func slope(
    at code: LatentCode, of patches: [Image], foreignShare: Float, first: [Image], by generator: PatchGenerator
  ) throws -> (nats: [Double], gradient: LatentCode) {
    let channels = spread.count
    var (nats, gradient) = try generator.gradient(at: code) { patch, index, reconstruction, predicted in
      let value = patches[patch].samples[index]
      let one = objective.likelihood.cost(
        of: value.isNaN ? 0 : value, reconstruction: reconstruction, spread: predicted ?? spread[index % channels])
      let density = exp(-one.nats)
      let foreign = Self.foreignShare * foreignDensity
      let nats = -log((1 - Self.foreignShare) * density + foreign)
      // The density of a value far out is too small to divide by in single precision, so `exp` of the cost is used
      // instead.
      let worst = max(one.nats, first[patch].samples[index])
      let share = 1 / (1 + foreignShare * foreignDensity * exp(min(worst, 80)))
      return (nats, share * one.slope, share * one.slopeByLogSpread)
    }
    for (stage, weight) in objective.divergenceWeights.enumerated() {
      let size = code.stages[stage].count / max(code.count, 1)
      for i in code.stages[stage].indices {
        let z = code.stages[stage][i]
        nats[i / size] += Double(weight * z * z / 2)
        gradient.stages[stage][i] += weight * z
      }
    }
    return (nats, gradient)
  }
}

extension LatentCode {
  fileprivate var zeros: LatentCode {
    LatentCode(count: count, stages: stages.map { [Float](repeating: 0, count: $0.count) })
  }

  fileprivate mutating func replace(patch: Int, by other: LatentCode) {
    for stage in stages.indices {
      let size = stages[stage].count / count
      let range = patch * size..<(patch + 1) * size
      stages[stage].replaceSubrange(range, with: other.stages[stage][range])
    }
  }
}
