/// Measures how much the posterior means of latent channels vary with the data.
///
/// The activity of a channel is the variance of its posterior mean over patches at one position of the patch, averaged
/// over all positions: `A = mean over positions p of Cov_x(E[u_p | x])`. A channel that varies from position to
/// position but is the same for every patch says nothing about a patch; its activity is 0.
/// Source: Burda et al. 2016, arXiv:1509.00519, section 5.2, where a unit has one position.
package struct LatentActivity {
  private var patches = 0
  private let channels: Int
  /// Mean over the patches so far, and sum of squared deviations from it, `[positions, channels]`.
  private var means: [Double] = []
  private var squares: [Double] = []

  package init(channels: Int) { self.channels = channels }

  /// Adds the posteriors of some patches.
  ///
  /// - Parameters:
  ///   - statistics: `[patches, positions, 2 * channels]`: the means of all channels, then their log-variances.
  ///   - count: number of patches.
  package mutating func add(_ statistics: UnsafeBufferPointer<Float>, patches count: Int) {
    let positions = statistics.count / (count * 2 * channels)
    if means.isEmpty {
      means = [Double](repeating: 0, count: positions * channels)
      squares = means
    }
    for patch in 0..<count {
      patches += 1
      for position in 0..<positions {
        for c in 0..<channels {
          let value = Double(statistics[(patch * positions + position) * 2 * channels + c])
          let i = position * channels + c
          // Source: Welford 1962, doi:10.1080/00401706.1962.10490022.
          let shift = value - means[i]
          means[i] += shift / Double(patches)
          squares[i] += shift * (value - means[i])
        }
      }
    }
  }

  /// The activity of each channel; `nil` for fewer than two patches, which have no variance.
  package var values: [Double]? {
    guard patches > 1 else { return nil }
    let positions = means.count / max(channels, 1)
    return (0..<channels).map { c in
      stride(from: c, to: squares.count, by: channels).reduce(0.0) { $0 + squares[$1] }
        / Double((patches - 1) * positions)
    }
  }
}
