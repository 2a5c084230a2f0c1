/// The patches of a batch that one of several processes computes.
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

  package init(of batch: Int, in ranks: Ranks?) {
    self.init(of: batch, rank: ranks?.rank ?? 0, ranks: ranks?.count ?? 1)
  }

  /// This process's fraction of the batch, in 0...1.
  package var weight: Double { Double(patches.count) / Double(batch) }
}
