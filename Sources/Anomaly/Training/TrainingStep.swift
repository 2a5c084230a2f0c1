import Compute
import Numerics

/// One update of the VAE: forward pass, loss, backward pass, Adam.
package final class TrainingStep {
  private let network: VAE
  private let adam: Adam
  private let objective: Objective
  /// `ranks` are the processes that share a batch, `share` the patches that belong to this process.
  private let ranks: Ranks?
  private let share: BatchShare
  private let gradientSum: GradientSum?
  private let gradient: Tensor
  private let scaleGradient: Tensor?

  /// - Parameters:
  ///   - shape: shape of a batch, `[n, h, w, c]`.
  ///   - ranks: the processes that share every batch, if there are several; all of them run every step.
  package init(
    network: VAE, adam: Adam, objective: Objective, shape: Shape, ranks: Ranks? = nil
  ) throws {
    self.ranks = ranks
    share = BatchShare(of: shape.n, in: ranks)
    gradientSum = ranks.map { GradientSum(network.parameters, over: $0) }
    let shape = Shape(share.patches.count, shape.h, shape.w, shape.c)
    self.network = network
    self.adam = adam
    self.objective = objective
    gradient = try Tensor(shape, engine: network.engine)
    scaleGradient = network.architecture.predictsScales ? try Tensor(shape, engine: network.engine) : nil
  }

  /// - Parameters:
  ///   - clean: target of the reconstruction for this process's patches; `NaN` where there is no data.
  ///   - corrupted: input of the encoder, without `NaN`.
  ///   - seed: seed of the posterior's noise.
  ///   - spread: the likelihood's running spread, one number per channel; updated.
  /// - Returns: the loss and the norm of its gradient; where either is not finite, no weight was changed.
  package func run(
    clean: Tensor, corrupted: Tensor, learningRate: Float, seed: UInt64, spread: inout [Float]
  ) throws -> (terms: Objective.Terms, norm: Float) {
    var sampler: RandomGenerator? = RandomGenerator(seed: seed)
    let shape = clean.shape
    let reconstruction = try network.forward(corrupted, sampling: &sampler, share: share)
    try shareDivergences()
    let terms = try objective.terms(
      of: clean, reconstruction: reconstruction, scales: network.scales, divergences: network.divergences,
      step: adam.step, spread: &spread, gradient: gradient, scaleGradient: scaleGradient,
      ranks: ranks)
    let weights = objective.weights(step: adam.step, values: shape.count / shape.n, batch: share.batch)
    func backward() throws {
      try network.backwardToParameters(
        gradient, scaleGradient: scaleGradient, divergenceWeights: weights, freeNats: objective.freeNats)
    }
    if let gradientSum { try gradientSum.sum(during: backward) } else { try backward() }
    return (terms, terms.loss.isFinite ? adam.update(learningRate: learningRate) : .nan)
  }

  /// Replaces the divergences of this process by the means over the whole batch, since free nats apply to those.
  private func shareDivergences() throws {
    guard let ranks else { return }
    let own = network.divergences
    var sums = own.joined().map { $0 * share.weight }
    try ranks.sum(&sums)
    network.divergences = sums.divided(into: own.map(\.count))
  }
}
