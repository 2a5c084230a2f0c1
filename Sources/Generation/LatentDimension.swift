import Anomaly

/// One latent channel of a model: what can be turned while everything else stays.
package struct LatentDimension: Sendable, Equatable {
  /// One-based, over all stages, finest first; what a user calls it by.
  package let number: Int
  /// Of the network, 0 the finest.
  package let stage: Int
  /// Within its stage.
  package let channel: Int
  /// Pixels of a patch that a cell of the latent covers along either edge.
  package let cell: Int
  /// Divergence on held-out healthy scans, in nats a patch.
  package let divergence: Double
  /// Variance of the posterior's mean there; `nil` in models made before it was measured.
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

  /// Those that say most about a patch, the most informative first.
  package func mostInformative(_ count: Int) -> [LatentDimension] {
    Array(latentDimensions.sorted { ($0.divergence, $1.number) > ($1.divergence, $0.number) }.prefix(count))
  }
}
