import Compute
import Foundation
import Threads

/// The function that training minimizes: the negative evidence lower bound of the clean patch given the encoded one.
///
/// `loss = -log p(x | z) + weight * KL(q(z | encoded x) || p(z))`, summed over a patch and its latents, averaged over
/// the batch and divided by the number of values of a patch, so that its unit is nats per value. With free nats, the
/// divergence of a latent channel counts as `max(KL, freeNats)`.
package struct Objective: Codable, Sendable, Equatable {
  package enum Kind: String, Codable, Sendable, CaseIterable {
    /// Input and target are the clean patch; a nat of divergence costs one nat. Source: Kingma & Welling 2014,
    /// arXiv:1312.6114, eq. 3.
    case elbo
    /// Like `elbo`, but the divergence has a weight. Source: Higgins et al. 2017 (beta-VAE), eq. 4.
    case beta
    /// The input is a corrupted patch, the target the clean one; the divergence has a weight. Source: Im et al. 2017,
    /// arXiv:1511.06406 (denoising VAE), eq. 3; Kascenas et al. 2022 for coarse noise.
    case denoising
  }

  /// How the spread of a likelihood is determined.
  package enum Variance: String, Codable, Sendable, CaseIterable {
    /// One spread per channel, in closed form. Source: Rybkin et al. 2021, arXiv:2006.13202, section 3.2.
    case channel
    /// One spread per pixel, predicted by the network. Source: Nix & Weigend 1994; Kendall & Gal 2017,
    /// arXiv:1703.04977, eq. 5.
    case pixel
  }

  package var kind = Kind.denoising
  package var likelihood = Likelihood.laplace
  package var variance = Variance.channel
  /// Weight of a nat of divergence, one number per stage.
  package var divergenceWeights: [Float]
  /// Steps over which the weights grow from 0. Source: Bowman et al. 2016, arXiv:1511.06349.
  package var warmUpSteps = 300
  /// Smallest divergence, in nats per patch, that a latent channel is charged for; a lower divergence costs as much.
  /// Source: Kingma et al. 2016, arXiv:1606.04934, appendix C.8.
  package var freeNats = 0.5
  /// Upper bound of a channel's spread. An untrained model makes large errors. If the likelihood were as wide as these,
  /// the divergence would dominate, the latents would collapse and the errors would stay: training would never leave
  /// that state.
  package var largestSpread: Float = 0.04

  package init(stages: Int) { divergenceWeights = [Float](repeating: 1, count: stages) }

  /// A sentence that says which settings contradict each other; `nil` if none do.
  package var fault: String? {
    if variance == .pixel, !likelihood.hasSpread {
      return "a \(likelihood.rawValue) likelihood has no spread that a pixel could have of its own; "
        + "laplace or gaussian is expected"
    }
    if kind == .elbo, divergenceWeights.contains(where: { $0 != 1 }) || freeNats != 0 {
      return
        "the evidence lower bound counts every nat of divergence as one; with a weight or free nats it is called beta"
    }
    return nil
  }

  /// Whether a network of this architecture can be trained for the objective, and the objective's numbers are valid.
  func suits(_ architecture: VAE.Architecture) -> Bool {
    var suited = architecture
    suited.suit(self)
    return fault == nil && suited == architecture && divergenceWeights.count == architecture.widths.count
      && divergenceWeights.allSatisfy { $0 >= 0 } && largestSpread > 0 && freeNats >= 0 && warmUpSteps >= 0
  }

  /// Whether the encoder sees a corrupted patch.
  package var corrupts: Bool { kind == .denoising }

  package struct Terms: Sendable, Equatable {
    /// Negative log-likelihood, in nats per value.
    package var reconstruction: Double
    /// Divergence of all latent channels in nats per patch, without weights and without free nats.
    package var divergence: Double
    /// The loss that the step minimizes, in nats per value: `reconstruction`, plus the divergence with the weights that
    /// the warm-up has reached. A channel below `freeNats` counts as `freeNats`; its gradient is zero.
    package var loss: Double
    /// `reconstruction`, plus the whole divergence with the weights after the warm-up, in nats per value. It has no
    /// free nats and does not depend on the step, so that losses of different steps can be compared, as
    /// `DivergenceWatch` does.
    package var settled: Double

    static let zero = Terms(reconstruction: 0, divergence: 0, loss: 0, settled: 0)
  }

  /// Weight of each stage's divergence in `loss` after `step` updates, for patches of `values` numbers in batches of
  /// `batch`.
  package func weights(step: Int, values: Int, batch: Int) -> [Float] {
    let warm = min(1, Float(step + 1) / Float(max(1, warmUpSteps)))
    return divergenceWeights.map { warm * $0 / Float(values * batch) }
  }

  /// Computes the loss and its gradients by the network's outputs.
  ///
  /// - Parameters:
  ///   - x: the clean patches, `[n, h, w, c]`; `NaN` means no data and is ignored.
  ///   - reconstruction: same shape.
  ///   - scales: spread of every value, same shape, from a network that predicts them; required for `pixel` variance.
  ///   - spread: running estimate of each channel's mean absolute (or root mean square) difference, updated here. It
  ///     maximizes the likelihood of the data seen so far. Only `channel` variance needs it.
  ///   - gradient: receives the gradient of the loss by the reconstruction.
  ///   - scaleGradient: receives the gradient of the loss by the logarithms of `scales`.
  ///   - ranks: the processes that share a batch, if there are several; `divergences` and the returned terms are those
  ///     of the whole batch.
  package func terms(
    of x: Tensor, reconstruction: Tensor, scales: Tensor? = nil, divergences: [[Double]], step: Int,
    spread: inout [Float], gradient: Tensor, scaleGradient: Tensor? = nil, ranks: Ranks? = nil
  ) throws -> Terms {
    let nats: Double
    if likelihood.hasSpread, variance == .channel {
      nats = try channelNats(
        of: x, reconstruction: reconstruction, step: step, spread: &spread, gradient: gradient, ranks: ranks)
    } else {
      nats = try valueNats(
        of: x, reconstruction: reconstruction, scales: scales, gradient: gradient, scaleGradient: scaleGradient,
        ranks: ranks)
    }
    let batch = x.shape.n
    let weights = weights(step: step, values: x.shape.count / batch, batch: batch)
    let charge = zip(divergences, weights).reduce(0.0) { sum, stage in
      sum + Double(stage.1) * Double(batch) * stage.0.reduce(0) { $0 + counted($1) }
    }
    return Terms(
      reconstruction: nats, divergence: divergences.reduce(0) { $0 + $1.reduce(0, +) }, loss: nats + charge,
      settled: nats + self.charge(for: divergences, values: x.shape.count / batch))
  }

  /// Divergence of one latent channel as it counts in `Terms.loss`, in nats per patch; `NaN` stays `NaN`.
  private func counted(_ divergence: Double) -> Double { divergence < freeNats ? freeNats : divergence }

  /// Weighted divergence of a patch of `values` numbers, in nats per value, without free nats.
  func charge(for divergences: [[Double]], values: Int) -> Double {
    zip(divergences, divergenceWeights).reduce(0.0) { $0 + Double($1.1) * $1.0.reduce(0, +) } / Double(values)
  }

  /// The loss of patches that are not trained on: with full weights, without free nats, and without updating the
  /// spread.
  ///
  /// - Parameters:
  ///   - x: clean patches, `[n, h, w, c]`; `NaN` means no data.
  ///   - scales: as for `terms`.
  ///   - spread: spread of each channel; 0 where none has been estimated yet.
  /// - Returns: the negative evidence lower bound with the divergence weighted as in training, in nats per value; `NaN`
  ///   if the network has diverged.
  package func heldOutLoss(
    of x: Tensor, reconstruction: Tensor, scales: Tensor?, divergences: [[Double]], spread: [Float]
  ) -> Double {
    let c = x.shape.c
    let spread = spread.map { $0 > 0 ? $0 : largestSpread }
    var nats = 0.0
    var values = 0
    for i in x.values.indices where !x.values[i].isNaN {
      let s = variance == .pixel ? scales?.values[i] ?? 1 : spread[i % c]
      nats += Double(likelihood.cost(of: x.values[i], reconstruction: reconstruction.values[i], spread: s).nats)
      values += 1
    }
    return nats / Double(max(1, values)) + charge(for: divergences, values: x.shape.count / x.shape.n)
  }

  /// Computes the nats per value and their gradient if each channel has one spread.
  private func channelNats(
    of x: Tensor, reconstruction: Tensor, step: Int, spread: inout [Float], gradient: Tensor, ranks: Ranks?
  ) throws -> Double {
    let c = x.shape.c
    let pixels = x.shape.h * x.shape.w
    let (clean, made) = (x.split, reconstruction.split)
    // For every channel the sum of its differences, then for every channel the number of its values.
    let byPatch = Parallel.map(x.shape.n) { patch in
      var sums = [Double](repeating: 0, count: 2 * c)
      for pixel in patch * pixels..<(patch + 1) * pixels {
        for channel in 0..<c {
          let value = clean[pixel * c + channel]
          guard !value.isNaN else { continue }
          let difference = made[pixel * c + channel] - value
          sums[c + channel] += 1
          sums[channel] += Double(likelihood == .laplace ? abs(difference) : difference * difference)
        }
      }
      return sums
    }
    var sums = (0..<2 * c).map { i in byPatch.reduce(0) { $0 + $1[i] } }
    try ranks?.sum(&sums)
    let counts = Array(sums[c...])
    var nats = 0.0
    let keep: Float = step < 50 ? 0.8 : 0.98
    for channel in 0..<c where counts[channel] > 0 {
      let mean = sums[channel] / counts[channel]
      if mean.isFinite {
        let now = min(max(Float(likelihood == .laplace ? mean : mean.squareRoot()), 1e-3), largestSpread)
        spread[channel] = spread[channel] == 0 ? now : keep * spread[channel] + (1 - keep) * now
      }
      let b = Double(spread[channel])
      nats +=
        likelihood == .laplace
        ? counts[channel] * log(2 * b) + sums[channel] / b
        : counts[channel] * log(b * (2 * Double.pi).squareRoot()) + sums[channel] / (2 * b * b)
    }
    let values = max(1, counts.reduce(0, +))
    let inverse = spread.map { 1 / max($0, 1e-3) }
    fillSlopes(of: x, reconstruction: reconstruction, inverse: inverse, scale: Float(1 / values), into: gradient)
    return nats / values
  }

  /// Computes the gradient if each channel has one spread.
  ///
  /// Works on eight values at a time and without branches, because a branch on the sign of a difference would be
  /// mispredicted half the time.
  ///
  /// - Parameters:
  ///   - inverse: the inverse of each channel's spread.
  ///   - scale: factor of the whole gradient.
  private func fillSlopes(
    of x: Tensor, reconstruction: Tensor, inverse: [Float], scale: Float, into gradient: Tensor
  ) {
    typealias Eight = SIMD8<Float>
    let (c, size) = (inverse.count, Eight.scalarCount)
    // The channels repeat after as many vectors as there are channels.
    let factors = (0..<c).map { v in
      var result = Eight()
      for lane in 0..<size { result[lane] = inverse[(v * size + lane) % c] }
      return result
    }
    let isLaplace = likelihood == .laplace
    @Sendable @inline(__always) func slope(_ value: Eight, _ expected: Eight, _ factor: Eight) -> Eight {
      let difference = (expected - value) * factor
      var slope = isLaplace ? Eight() : difference
      if isLaplace {
        slope.replace(with: Eight(repeating: 1), where: difference .> 0)
        slope.replace(with: Eight(repeating: -1), where: difference .< 0)
      }
      slope.replace(with: Eight(), where: difference .!= difference)
      return slope * factor * scale
    }
    let patch = x.shape.count / x.shape.n
    let (clean, made, slopes) = (x.split, reconstruction.split, gradient.split)
    Parallel.run(chunks: x.shape.n) { k in
      let values = UnsafeRawPointer(clean.start + k * patch)
      let expected = UnsafeRawPointer(made.start + k * patch)
      let target = UnsafeMutableRawPointer(slopes.start + k * patch)
      let whole = patch / (size * c) * size * c
      for start in stride(from: 0, to: whole, by: size * c) {
        for v in 0..<c {
          let place = (start &+ v &* size) &* MemoryLayout<Float>.stride
          target.storeBytes(
            of: slope(
              values.loadUnaligned(fromByteOffset: place, as: Eight.self),
              expected.loadUnaligned(fromByteOffset: place, as: Eight.self), factors[v]),
            toByteOffset: place, as: Eight.self)
        }
      }
      for i in k * patch + whole..<(k + 1) * patch {
        slopes[i] =
          slope(Eight(repeating: clean[i]), Eight(repeating: made[i]), Eight(repeating: inverse[i % c]))[0]
      }
    }
  }

  /// Computes the nats per value and their gradients if every value has its own spread or none.
  private func valueNats(
    of x: Tensor, reconstruction: Tensor, scales: Tensor?, gradient: Tensor, scaleGradient: Tensor?, ranks: Ranks?
  ) throws -> Double {
    precondition(
      variance == .channel || (scales != nil && scaleGradient != nil), "a variance a pixel needs a network that has it")
    var values = [Double(x.values.count { !$0.isNaN })]
    try ranks?.sum(&values)
    let share = 1 / Float(max(1, values[0]))
    let patch = x.shape.count / x.shape.n
    let (clean, made, slopes) = (x.split, reconstruction.split, gradient.split)
    let (spreads, spreadSlopes) = (scales?.split, scaleGradient?.split)
    var sums = [Double](repeating: 0, count: x.shape.n)
    sums.withSplitBuffer { sums in
      Parallel.run(chunks: x.shape.n) { k in
        var sum = 0.0
        for i in k * patch..<(k + 1) * patch {
          let value = clean[i]
          if value.isNaN {
            slopes[i] = 0
            spreadSlopes?[i] = 0
            continue
          }
          let cost = likelihood.cost(of: value, reconstruction: made[i], spread: spreads?[i] ?? 1)
          sum += Double(cost.nats)
          slopes[i] = cost.slope * share
          spreadSlopes?[i] = cost.slopeByLogSpread * share
        }
        sums[k] = sum
      }
    }
    var total = [sums.reduce(0, +)]
    try ranks?.sum(&total)
    return total[0] / max(1, values[0])
  }
}

extension Objective {
  /// Decodes an objective; values that models of earlier versions do not store get the defaults of that time.
  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    kind = try values.decodeIfPresent(Kind.self, forKey: .kind) ?? .denoising
    likelihood = try values.decode(Likelihood.self, forKey: .likelihood)
    variance = try values.decodeIfPresent(Variance.self, forKey: .variance) ?? .channel
    divergenceWeights = try values.decode([Float].self, forKey: .divergenceWeights)
    warmUpSteps = try values.decode(Int.self, forKey: .warmUpSteps)
    freeNats = try values.decode(Double.self, forKey: .freeNats)
    largestSpread = try values.decode(Float.self, forKey: .largestSpread)
  }
}

extension VAE.Architecture {
  /// Gives the network the outputs that an objective needs.
  package mutating func suit(_ objective: Objective) {
    output = objective.likelihood == .bernoulli ? .probability : .intensity
    predictsScales = objective.variance == .pixel
  }
}
