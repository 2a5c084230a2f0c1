import Compute
import Imaging
import Numerics

/// Measures the loss on held-out healthy patches, how much the latents carry of them, and how much of them is
/// reconstructed. Patches and noise are the same every time.
struct HeldOutCheck {
  struct Result: Codable, Sendable, Equatable {
    /// `Objective.heldOutLoss` with one sample per latent, in nats per value.
    var loss: Double
    /// The loss without the divergence.
    var reconstruction: Double?
    /// Divergence of each latent channel, in nats per patch, stage by stage.
    var divergences: [[Double]]
    /// See `LatentActivity`, in the same order; `nil` where there is a single patch.
    var activity: [[Double]]?
    var explained: ExplainedVariance
    /// See `ModelKnowledge.spreadAtBound`.
    var spreadAtBound: [Double]?

    /// False where the network has diverged.
    var isFinite: Bool {
      loss.isFinite && (divergences + (activity ?? [])).joined().allSatisfy(\.isFinite) && explained.isFinite
    }

    /// The number of active latent channels; `nil` where activity was not measured.
    var activeLatents: Int? {
      activity.map { Collapse.activeChannels(divergences: divergences, activity: $0) }
    }
  }

  private let objective: Objective
  /// Patches as cut, `[n, edge, edge, c]`, `NaN` where there is no data. All batches have the same size.
  private let batches: [Tensor]
  /// Whether each pixel of each patch is tissue, `[edge * edge]`, batch by batch.
  private let tissue: [[[Bool]]]
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
    var tissue: [[[Bool]]] = []
    for first in stride(from: 0, to: count, by: n) {
      let batch = try Tensor(shape, engine: engine)
      var masks: [[Bool]] = []
      for k in 0..<n {
        let scan = scans[(first + k) * scans.count / count]
        let image = scan.image
        let grid = PatchGrid(width: image.width, height: image.height, patchSize: edge, overlap: 0)
        let patch = grid.count / 2
        grid.cut(
          image, into: UnsafeMutableBufferPointer(rebasing: batch.values[k * values..<(k + 1) * values]),
          patches: patch..<patch + 1)
        masks.append(PlantedScans.tissue(scan, grid, patch).values)
      }
      batches.append(batch)
      tissue.append(masks)
    }
    self.batches = batches
    self.tissue = tissue
  }

  /// - Parameter spread: spread of each channel as estimated in training.
  func measure(_ network: VAE, spread: [Float]) throws -> Result {
    var loss = 0.0
    var charge = 0.0
    var divergences: [[Double]] = []
    var activities = network.architecture.latents.map { LatentActivity(channels: $0) }
    let channels = network.architecture.channels
    var explained = ExplainedVariance(channels: channels)
    var bounded = BoundedSpread(channels: channels)
    var noise: RandomGenerator? = RandomGenerator(seed: 0xE1B0)
    var none: RandomGenerator?
    for (batch, masks) in zip(batches, tissue) {
      let values = batch.shape.count / batch.shape.n
      for i in input.values.indices { input.values[i] = batch.values[i].isNaN ? 0 : batch.values[i] }
      let sampled = try network.forward(input, sampling: &noise)
      loss += objective.heldOutLoss(
        of: batch, reconstruction: sampled, scales: network.scales, divergences: network.divergences, spread: spread)
      charge += objective.charge(for: network.divergences, values: values)
      // The rest is measured with the means passed through the stages, as scoring does; sampling would blur it.
      let expected = try network.forward(input, sampling: &none)
      let found = network.divergences
      divergences = divergences.isEmpty ? found : zip(divergences, found).map { zip($0, $1).map(+) }
      for (stage, posterior) in network.posteriors.enumerated() {
        guard let posterior else { continue }
        activities[stage].add(UnsafeBufferPointer(posterior.values), patches: batch.shape.n)
      }
      for (k, isTissue) in masks.enumerated() {
        func patch(_ tensor: Tensor) -> UnsafeBufferPointer<Float> {
          UnsafeBufferPointer(rebasing: tensor.values[k * values..<(k + 1) * values])
        }
        explained.add(patch(batch), reconstruction: patch(expected), isTissue: isTissue)
        if let scales = network.scales { bounded.add(patch(scales), isTissue: isTissue) }
      }
    }
    let scale = 1 / Double(batches.count)
    let active = zip(network.architecture.latents, activities).map { $0 > 0 ? $1.values : [] }
    return Result(
      loss: loss * scale, reconstruction: (loss - charge) * scale,
      divergences: divergences.map { $0.map { $0 * scale } },
      activity: active.contains { $0 == nil } ? nil : active.compactMap { $0 }, explained: explained,
      spreadAtBound: network.architecture.predictsScales ? bounded.shares : nil)
  }
}

/// Counts the values whose predicted spread is at its upper bound.
private struct BoundedSpread {
  private var counts: [Int]
  private var atBound: [Int]

  init(channels: Int) {
    counts = [Int](repeating: 0, count: channels)
    atBound = counts
  }

  /// - Parameter scales: spread of every value of a patch, `[pixels, channels]`.
  mutating func add(_ scales: UnsafeBufferPointer<Float>, isTissue: [Bool]) {
    for pixel in isTissue.indices where isTissue[pixel] {
      for c in counts.indices {
        counts[c] += 1
        if OutputMap.isAtBound(scales[pixel * counts.count + c]) { atBound[c] += 1 }
      }
    }
  }

  var shares: [Double] { zip(atBound, counts).map { Double($0) / Double(max(1, $1)) } }
}
