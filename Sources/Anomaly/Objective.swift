import Compute
import Foundation

/// What training minimizes: the negative evidence lower bound of the clean patch given the encoded one.
///
/// `loss = -log p(x | z) + weight * KL(q(z | corrupted x) || p(z))`, summed over a patch and its latents, averaged over
/// the batch and divided by the values a patch has, so that it reads as nats a value.
package struct Objective: Codable, Sendable, Equatable {
  package enum Likelihood: String, Codable, Sendable, CaseIterable {
    /// Spread learned for each channel, in closed form. Source: Rybkin et al. 2021, arXiv:2006.13202, section 3.2.
    case gaussian
    /// As `gaussian`, with the absolute difference: less drawn to a few bright pixels.
    case laplace
  }

  package var likelihood = Likelihood.laplace
  /// Weight of a nat of divergence, a number a stage. Source: Higgins et al. 2017 (beta-VAE).
  package var divergenceWeights: [Float]
  /// Steps over which the weights grow from nothing. Source: Bowman et al. 2016, arXiv:1511.06349.
  package var warmUpSteps = 300
  /// Divergence a latent channel may have for nothing, in nats a patch.
  package var freeNats = 0.5
  /// The spread is never taken to be larger than this. An untrained model errs a lot; a likelihood as wide as that
  /// lets the divergence win, the latents collapse, and the errors stay: training would never leave that state.
  package var largestSpread: Float = 0.04

  package init(stages: Int) { divergenceWeights = [Float](repeating: 1, count: stages) }

  package struct Terms: Sendable, Equatable {
    /// Negative log-likelihood, in nats a value.
    package var reconstruction: Double
    /// Divergence, in nats a patch, unweighted.
    package var divergence: Double
    /// What is minimized, in nats a value.
    package var loss: Double
  }

  /// Weight of each stage's divergence in `loss` after `step` updates, for patches of `values` numbers.
  package func weights(step: Int, values: Int, batch: Int) -> [Float] {
    let warm = min(1, Float(step + 1) / Float(max(1, warmUpSteps)))
    return divergenceWeights.map { warm * $0 / Float(values * batch) }
  }

  /// The loss and its gradient by the reconstruction.
  ///
  /// - Parameters:
  ///   - x: the clean patches, `[n, h, w, c]`; `NaN` is no data and counts for nothing.
  ///   - reconstruction: same shape.
  ///   - spread: running estimate of each channel's mean absolute (or root mean square) difference, updated here. It is
  ///     the scale at which the likelihood of the data seen so far is greatest.
  ///   - gradient: receives the gradient.
  package func terms(
    of x: Tensor, reconstruction: Tensor, divergences: [[Double]], step: Int, spread: inout [Float],
    gradient: Tensor
  ) -> Terms {
    let c = x.shape.c
    var sums = [Double](repeating: 0, count: c)
    var counts = [Int](repeating: 0, count: c)
    for pixel in 0..<x.shape.pixels {
      for channel in 0..<c {
        let difference = reconstruction.values[pixel * c + channel] - x.values[pixel * c + channel]
        guard !difference.isNaN else { continue }
        counts[channel] += 1
        sums[channel] += Double(likelihood == .laplace ? abs(difference) : difference * difference)
      }
    }
    var nats = 0.0
    let keep: Float = step < 50 ? 0.8 : 0.98
    for channel in 0..<c where counts[channel] > 0 {
      let mean = sums[channel] / Double(counts[channel])
      let now = min(max(Float(likelihood == .laplace ? mean : mean.squareRoot()), 1e-3), largestSpread)
      spread[channel] = spread[channel] == 0 ? now : keep * spread[channel] + (1 - keep) * now
      let b = Double(spread[channel])
      nats +=
        likelihood == .laplace
        ? Double(counts[channel]) * log(2 * b) + sums[channel] / b
        : Double(counts[channel]) * log(b * (2 * Double.pi).squareRoot()) + sums[channel] / (2 * b * b)
    }
    let values = Double(max(1, counts.reduce(0, +)))
    let inverse = spread.map { 1 / max($0, 1e-3) }
    let scale = Float(1 / values)
    for pixel in 0..<x.shape.pixels {
      for channel in 0..<c {
        let i = pixel * c + channel
        let difference = (reconstruction.values[i] - x.values[i]) * inverse[channel]
        let slope: Float =
          likelihood == .laplace ? (difference > 0 ? 1 : difference < 0 ? -1 : 0) : difference
        gradient.values[i] = difference.isNaN ? 0 : slope * inverse[channel] * scale
      }
    }
    let batch = x.shape.n
    let weights = weights(step: step, values: x.shape.count / batch, batch: batch)
    let charged = zip(divergences, weights).reduce(0.0) { sum, stage in
      sum + Double(stage.1) * Double(batch) * stage.0.reduce(0) { $0 + max($1, min(freeNats, $1)) }
    }
    return Terms(
      reconstruction: nats / values, divergence: divergences.reduce(0) { $0 + $1.reduce(0, +) },
      loss: nats / values + charged)
  }
}
