import Compute
import Numerics

/// One update of the VAE: forwards, loss, backwards, Adam.
package final class TrainingStep {
  private let network: VAE
  private let adam: Adam
  private let objective: Objective
  /// The processes that share a batch, and which of its patches are this one's.
  private let ranks: Ranks?
  private let share: BatchShare
  private let gradientSum: GradientSum?
  private let gradient: Tensor
  private let scaleGradient: Tensor?

  /// - Parameters:
  ///   - shape: of a batch, `[n, h, w, c]`.
  ///   - ranks: processes that share every batch, where there are several; all of them run every step.
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
  ///   - clean: what is to be reconstructed; `NaN` where there is no data. Of this process's patches.
  ///   - corrupted: what the encoder sees, without `NaN`.
  ///   - seed: of the posterior's noise.
  ///   - spread: the likelihood's running spread, a number a channel, updated.
  /// - Returns: the loss, and the norm of its gradient; where either is not finite, no weight was changed.
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

  /// What is free of divergence is so by the mean of the whole batch.
  private func shareDivergences() throws {
    guard let ranks else { return }
    let own = network.divergences
    var sums = own.joined().map { $0 * share.weight }
    try ranks.sum(&sums)
    network.divergences = sums.divided(into: own.map(\.count))
  }
}
