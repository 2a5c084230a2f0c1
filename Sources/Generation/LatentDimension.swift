import Anomaly

/// One latent channel of a model, which can be changed while everything else stays the same.
package struct LatentDimension: Sendable, Equatable {
  /// Number by which users name the dimension: one-based over all stages, finest first.
  package let number: Int
  /// Stage of the network; 0 is the finest.
  package let stage: Int
  /// Channel within the stage.
  package let channel: Int
  /// Edge of a cell of the latent, in pixels of a patch.
  package let cell: Int
  /// Divergence on held-out healthy scans, in nats per patch.
  package let divergence: Double
  /// Variance of the posterior's mean on these scans; `nil` in models made before norma measured it.
  package let activity: Double?

  /// See `Collapse`.
  package var isActive: Bool {
    divergence > Collapse.leastNats && activity.map { $0 > Collapse.leastActivity } ?? true
  }
}

extension Model {
  /// All latent channels, in the order of their numbers.
  package var latentDimensions: [LatentDimension] {
    var result: [LatentDimension] = []
    for (stage, count) in architecture.latents.enumerated() {
      for channel in 0..<count {
        result.append(
          LatentDimension(
            number: result.count + 1, stage: stage, channel: channel, cell: architecture.blockSize << stage,
            divergence: record.divergences[stage][channel], activity: record.activity?[stage][channel]))
      }
    }
    return result
  }

  /// The `count` dimensions with the largest divergence, most informative first.
  package func mostInformative(_ count: Int) -> [LatentDimension] {
    Array(latentDimensions.sorted { ($0.divergence, $1.number) > ($1.divergence, $0.number) }.prefix(count))
  }
}
