/// The patches of a batch that one of several processes, or of several threads of a process, computes.
package struct BatchShare: Sendable, Equatable {
  /// Number of patches in the whole batch.
  package let batch: Int
  /// Indices of this process's patches; at least one.
  package let patches: Range<Int>

  /// Splits a batch evenly: the shares of two processes differ by at most one patch.
  package init(of batch: Int, rank: Int = 0, ranks: Int = 1) {
    precondition(ranks <= batch, "\(batch) patches for \(ranks) processes")
    self.batch = batch
    patches = batch * rank / ranks..<batch * (rank + 1) / ranks
  }

  private init(of batch: Int, patches: Range<Int>) { (self.batch, self.patches) = (batch, patches) }

  /// The shares of the threads of one process: how many there are does not depend on how many threads there are, so that
  /// neither do sums over them.
  package var parts: [BatchShare] {
    let count = min(patches.count, Self.mostParts)
    return (0..<count).map { k in
      let (low, high) = (patches.count * k / count, patches.count * (k + 1) / count)
      return BatchShare(of: batch, patches: patches.lowerBound + low..<patches.lowerBound + high)
    }
  }

  /// More parts would let more processors take part, and cost more for weights that each part keeps in its own layout.
  private static let mostParts = 8

  package init(of batch: Int, in ranks: Ranks?) {
    self.init(of: batch, rank: ranks?.rank ?? 0, ranks: ranks?.count ?? 1)
  }

  /// This process's fraction of the batch, in 0...1.
  package var weight: Double { Double(patches.count) / Double(batch) }
}
