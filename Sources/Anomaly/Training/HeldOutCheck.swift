import Compute
import Imaging
import Numerics
import Threads

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

  private static let patches = 64
  /// A thread computes a whole batch, see `Parallel.apart`.
  private static let largestBatch = 4

  init(_ set: TrainingSet, architecture: VAE.Architecture, objective: Objective, engine: Engine) throws {
    self.objective = objective
    let scans = set.heldOut.flatMap(\.views)
    let edge = architecture.patchSize
    let n = min(Self.largestBatch, scans.count)
    let count = min(Self.patches, scans.count) / n * n
    let shape = Shape(n, edge, edge, architecture.channels)
    let values = shape.count / n
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
    let architecture = network.architecture
    let lanes = try network.followers(min(Parallel.threads, batches.count)).map { try Lane($0, as: batches[0].shape) }
    let patches = batches.map { ReadBuffer(UnsafeBufferPointer($0.values)) }
    let found = try withExtendedLifetime(batches) {
      try Parallel.apart(lanes, count: batches.count) { [objective] lane, k in
        try lane.measure(patches[k], number: k, objective: objective, spread: spread)
      }
    }
    var divergences = found[0].divergences.map { $0.map { _ in 0.0 } }
    var activities = architecture.latents.map { LatentActivity(channels: $0) }
    var explained = ExplainedVariance(channels: architecture.channels)
    var bounded = BoundedSpread(channels: architecture.channels)
    for (k, batch) in found.enumerated() {
      divergences = zip(divergences, batch.divergences).map { zip($0, $1).map(+) }
      let n = batches[k].shape.n
      for (stage, posterior) in batch.posteriors.enumerated() where !posterior.isEmpty {
        posterior.withUnsafeBufferPointer { activities[stage].add($0, patches: n) }
      }
      for (patch, isTissue) in tissue[k].enumerated() {
        let values = batches[k].shape.count / n
        func part(_ all: UnsafeBufferPointer<Float>) -> UnsafeBufferPointer<Float> {
          UnsafeBufferPointer(rebasing: all[patch * values..<(patch + 1) * values])
        }
        batch.reconstruction.withUnsafeBufferPointer {
          explained.add(
            part(UnsafeBufferPointer(batches[k].values)), reconstruction: part($0), isTissue: isTissue)
        }
        batch.scales?.withUnsafeBufferPointer { bounded.add(part($0), isTissue: isTissue) }
      }
    }
    let loss = found.reduce(0) { $0 + $1.loss }
    let charge = found.reduce(0) { $0 + $1.charge }
    let scale = 1 / Double(batches.count)
    let active = zip(network.architecture.latents, activities).map { $0 > 0 ? $1.values : [] }
    return Result(
      loss: loss * scale, reconstruction: (loss - charge) * scale,
      divergences: divergences.map { $0.map { $0 * scale } },
      activity: active.contains { $0 == nil } ? nil : active.compactMap { $0 }, explained: explained,
      spreadAtBound: network.architecture.predictsScales ? bounded.shares : nil)
  }
}

/// A copy of the network, and buffers, with which one thread measures batches.
private final class Lane {
  struct Found: Sendable {
    /// The loss and its part for the divergence.
    var loss: Double
    var charge: Double
    /// The rest is measured with the means passed through the stages, as scoring does; sampling would blur it.
    var divergences: [[Double]]
    /// Empty where a stage has no latent.
    var posteriors: [[Float]]
    var reconstruction: [Float]
    var scales: [Float]?
  }

  private let network: VAE
  private let clean: Tensor
  private let input: Tensor

  init(_ network: VAE, as shape: Shape) throws {
    self.network = network
    clean = try Tensor(shape, engine: network.engine)
    input = try Tensor(shape, engine: network.engine)
  }

  /// - Parameters:
  ///   - batch: patches as cut.
  ///   - number: of the batch; batches draw different noise.
  func measure(
    _ batch: ReadBuffer<Float>, number: Int, objective: Objective, spread: [Float]
  ) throws -> Found {
    for i in 0..<batch.count {
      clean.values[i] = batch[i]
      input.values[i] = batch[i].isNaN ? 0 : batch[i]
    }
    var noise: RandomGenerator? = RandomGenerator(seed: 0xE1B0 + UInt64(number))
    let sampled = try network.forward(input, sampling: &noise)
    let loss = objective.heldOutLoss(
      of: clean, reconstruction: sampled, scales: network.scales, divergences: network.divergences, spread: spread)
    let charge = objective.charge(for: network.divergences, values: clean.shape.count / clean.shape.n)
    var none: RandomGenerator?
    let expected = try network.forward(input, sampling: &none)
    return Found(
      loss: loss, charge: charge, divergences: network.divergences,
      posteriors: network.posteriors.map { $0.map { Array($0.values) } ?? [] },
      reconstruction: Array(expected.values), scales: network.scales.map { Array($0.values) })
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
