import Compute
import Imaging
import Numerics

/// Measures the loss on held-out healthy patches, and how much the latents carry of them. Patches and noise are the
/// same every time.
struct HeldOutCheck {
  struct Result: Codable, Sendable, Equatable {
    /// `Objective.heldOutLoss` with one sample per latent, in nats per value.
    var loss: Double
    /// The loss without the divergence.
    var reconstruction: Double?
    /// Divergence of each latent channel, in nats per patch, stage by stage.
    var divergences: [[Double]]
    /// Variance of each latent channel's posterior mean over all positions of all patches.
    var activity: [[Double]]

    /// False where the network has diverged.
    var isFinite: Bool { loss.isFinite && (divergences + activity).joined().allSatisfy(\.isFinite) }
  }

  private let objective: Objective
  /// Patches as cut, `[n, edge, edge, c]`, `NaN` where there is no data. All batches have the same size.
  private let batches: [Tensor]
  private let input: Tensor

  private static let patches = 64
  private static let largestBatch = 16

  init(_ set: TrainingSet, architecture: VAE.Architecture, objective: Objective, engine: Engine) throws {
    self.objective = objective
    let scans = set.heldOut.flatMap(\.views)
    let edge = architecture.patchSize
    let n = min(Self.largestBatch, scans.count)
    let count = min(Self.patches, scans.count) / n * n
    let shape = Shape(n, edge, edge, architecture.channels)
    let values = shape.count / n
    input = try Tensor(shape, engine: engine)
    var batches: [Tensor] = []
    for first in stride(from: 0, to: count, by: n) {
      let batch = try Tensor(shape, engine: engine)
      for k in 0..<n {
        let image = scans[(first + k) * scans.count / count].image
        let grid = PatchGrid(width: image.width, height: image.height, patchSize: edge, overlap: 0)
        let patch = grid.count / 2
        grid.cut(
          image, into: UnsafeMutableBufferPointer(rebasing: batch.values[k * values..<(k + 1) * values]),
          patches: patch..<patch + 1)
      }
      batches.append(batch)
    }
    self.batches = batches
  }

  /// - Parameter spread: spread of each channel as estimated in training.
  func measure(_ network: VAE, spread: [Float]) throws -> Result {
    var loss = 0.0
    var charge = 0.0
    var divergences: [[Double]] = []
    var moments: [[(count: Double, sum: Double, squares: Double)]] = []
    var noise: RandomGenerator? = RandomGenerator(seed: 0xE1B0)
    var none: RandomGenerator?
    for batch in batches {
      for i in input.values.indices { input.values[i] = batch.values[i].isNaN ? 0 : batch.values[i] }
      let sampled = try network.forward(input, sampling: &noise)
      loss += objective.heldOutLoss(
        of: batch, reconstruction: sampled, scales: network.scales, divergences: network.divergences, spread: spread)
      charge += objective.charge(for: network.divergences, values: batch.shape.count / batch.shape.n)
      // Activity is measured with the means passed through the stages; the sampling above would blur it.
      _ = try network.forward(input, sampling: &none)
      let found = network.divergences
      divergences = divergences.isEmpty ? found : zip(divergences, found).map { zip($0, $1).map(+) }
      if moments.isEmpty { moments = found.map { $0.map { _ in (0, 0, 0) } } }
      for (stage, posterior) in network.posteriors.enumerated() {
        guard let posterior else { continue }
        let k = posterior.shape.c / 2
        for pixel in 0..<posterior.shape.pixels {
          for c in 0..<k {
            let mean = Double(posterior.values[pixel * 2 * k + c])
            moments[stage][c].count += 1
            moments[stage][c].sum += mean
            moments[stage][c].squares += mean * mean
          }
        }
      }
    }
    let scale = 1 / Double(batches.count)
    return Result(
      loss: loss * scale, reconstruction: (loss - charge) * scale,
      divergences: divergences.map { $0.map { $0 * scale } },
      activity: moments.map { stage in
        stage.map { max(0, $0.squares / $0.count - ($0.sum / $0.count) * ($0.sum / $0.count)) }
      })
  }
}
