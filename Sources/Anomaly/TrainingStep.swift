import Compute

/// One update of the VAE: forwards, loss, backwards, Adam.
package final class TrainingStep {
  private let network: VAE
  private let adam: Adam
  private let objective: Objective
  private let gradient: Tensor
  private let scaleGradient: Tensor?

  /// - Parameter shape: of a batch, `[n, h, w, c]`.
  package init(network: VAE, adam: Adam, objective: Objective, shape: Shape) throws(ComputeError) {
    self.network = network
    self.adam = adam
    self.objective = objective
    gradient = try Tensor(shape, engine: network.engine)
    scaleGradient = network.architecture.predictsScales ? try Tensor(shape, engine: network.engine) : nil
  }

  /// - Parameters:
  ///   - clean: what is to be reconstructed; `NaN` where there is no data.
  ///   - corrupted: what the encoder sees, without `NaN`.
  ///   - seed: of the posterior's noise.
  ///   - spread: the likelihood's running spread, a number a channel, updated.
  /// - Returns: the loss, and the norm of its gradient; where either is not finite, no weight was changed.
  package func run(
    clean: Tensor, corrupted: Tensor, learningRate: Float, seed: UInt64, spread: inout [Float]
  ) throws(ComputeError) -> (terms: Objective.Terms, norm: Float) {
    var sampler: RandomGenerator? = RandomGenerator(seed: seed)
    let shape = clean.shape
    let reconstruction = try network.forward(corrupted, sampling: &sampler)
    let terms = objective.terms(
      of: clean, reconstruction: reconstruction, scales: network.scales, divergences: network.divergences,
      step: adam.step, spread: &spread, gradient: gradient, scaleGradient: scaleGradient)
    try network.backward(
      gradient, scaleGradient: scaleGradient,
      divergenceWeights: objective.weights(step: adam.step, values: shape.count / shape.n, batch: shape.n),
      freeNats: objective.freeNats)
    return (terms, terms.loss.isFinite ? adam.update(learningRate: learningRate) : .nan)
  }
}
