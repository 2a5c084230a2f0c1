import Compute
import Numerics
import Threads

/// One update of the VAE: forward pass, loss, backward pass, Adam.
///
/// The batch is divided into parts, and each is computed from end to end by one thread. Threads that met after every
/// layer would wait for each other, and for a long time where other programs want the processors too.
package final class TrainingStep {
  /// This process's part of a batch.
  package let share: BatchShare
  private let adam: Adam
  private let objective: Objective
  private let ranks: Ranks?
  private let gradientSum: GradientSum?
  private let gradients: PartialGradients
  private let parts: [Part]
  private let whole: Maps
  /// Target of the reconstruction; `NaN` where there is no data.
  package let clean: Tensor

  /// Maps of some patches, `[n, h, w, c]`.
  private struct Maps {
    let corrupted: Tensor
    let reconstruction: Tensor
    let gradient: Tensor
    let scales: Tensor?
    let scaleGradient: Tensor?

    /// - Parameter tensor: makes a map.
    init(hasScales: Bool, _ tensor: () throws -> Tensor) rethrows {
      (corrupted, reconstruction, gradient) = (try tensor(), try tensor(), try tensor())
      (scales, scaleGradient) = hasScales ? (try tensor(), try tensor()) : (nil, nil)
    }

    /// Some of the patches, for the network that computes them.
    init(_ patches: Range<Int>, of whole: Maps, engine: Engine) throws {
      func part(_ map: Tensor) throws -> Tensor { try Tensor(patches, of: map, engine: engine) }
      corrupted = try part(whole.corrupted)
      reconstruction = try part(whole.reconstruction)
      gradient = try part(whole.gradient)
      scales = try whole.scales.map(part)
      scaleGradient = try whole.scaleGradient.map(part)
    }
  }

  /// Input of the encoder, without `NaN`.
  package var corrupted: Tensor { whole.corrupted }

  /// Count of multiplications and additions that convolutions have done so far, see `Engine.operations`.
  package var operations: Int { parts.reduce(0) { $0 + $1.network.engine.operations } }

  /// Some patches of the batch, and a copy of the network for them.
  private struct Part {
    let share: BatchShare
    let network: VAE
    let maps: Maps
  }

  /// - Parameters:
  ///   - shape: shape of a batch, `[n, h, w, c]`.
  ///   - ranks: the processes that share every batch, if there are several; all of them run every step.
  package init(
    network: VAE, adam: Adam, objective: Objective, shape: Shape, ranks: Ranks? = nil
  ) throws {
    self.ranks = ranks
    self.adam = adam
    self.objective = objective
    share = BatchShare(of: shape.n, in: ranks)
    gradientSum = ranks.map { GradientSum(network.parameters, over: $0) }
    let own = Shape(share.patches.count, shape.h, shape.w, shape.c)
    func tensor() throws -> Tensor { try Tensor(own, engine: network.engine) }
    clean = try tensor()
    let whole = try Maps(hasScales: network.architecture.predictsScales, tensor)
    let shares = share.parts
    parts = try zip(shares, network.followers(shares.count)).map { [share] part, network in
      Part(
        share: part, network: network, maps: try Maps(share.places(of: part), of: whole, engine: network.engine))
    }
    gradients = PartialGradients(network.parameters, copies: parts.map(\.network.parameters))
    self.whole = whole
  }

  /// Takes a step with the patches in `clean` and `corrupted`.
  ///
  /// - Parameters:
  ///   - seed: seed of the posterior's noise.
  ///   - spread: the likelihood's running spread, one number per channel; updated.
  /// - Returns: the loss and the norm of its gradient; where either is not finite, no weight was changed.
  package func run(
    learningRate: Float, seed: UInt64, spread: inout [Float]
  ) throws -> (terms: Objective.Terms, norm: Float) {
    let own = try Parallel.apart(parts) { part in
      // Every part draws the noise of the whole batch, and uses its own.
      var sampler: RandomGenerator? = RandomGenerator(seed: seed)
      let (network, maps) = (part.network, part.maps)
      maps.reconstruction.copy(from: try network.forward(maps.corrupted, sampling: &sampler, share: part.share))
      if let scales = network.scales { maps.scales?.copy(from: scales) }
      return network.divergences
    }
    let divergences = try meanDivergences(own)
    for part in parts { part.network.divergences = divergences }
    let terms = try objective.terms(
      of: clean, reconstruction: whole.reconstruction, scales: whole.scales, divergences: divergences,
      step: adam.step, spread: &spread, gradient: whole.gradient, scaleGradient: whole.scaleGradient, ranks: ranks)
    let shape = clean.shape
    let weights = objective.weights(step: adam.step, values: shape.count / shape.n, batch: share.batch)
    let freeNats = objective.freeNats
    func backward() throws {
      _ = try Parallel.apart(parts) { part in
        try part.network.backwardToParameters(
          part.maps.gradient, scaleGradient: part.maps.scaleGradient, divergenceWeights: weights, freeNats: freeNats)
      }
      try gradients.sum()
    }
    if let gradientSum { try gradientSum.sum(during: backward) } else { try backward() }
    return (terms, terms.loss.isFinite ? adam.update(learningRate: learningRate) : .nan)
  }

  /// The means of the divergences over the whole batch, since free nats apply to those.
  private func meanDivergences(_ own: [[[Double]]]) throws -> [[Double]] {
    let sizes = own[0].map(\.count)
    var sums = [Double](repeating: 0, count: sizes.reduce(0, +))
    for (part, divergences) in zip(parts, own) {
      for (k, nats) in divergences.joined().enumerated() { sums[k] += nats * part.share.weight }
    }
    try ranks?.sum(&sums)
    return sums.divided(into: sizes)
  }
}
