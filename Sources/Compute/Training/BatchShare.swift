/// The patches of a batch that one of several processes, or of several threads of a process, computes.
package struct BatchShare: Sendable, Equatable {
  /// Number of patches in the whole batch.
  package let batch: Int
  /// Indices of this process's patches; at least one.
  package let patches: Range<Int>

  /// Splits a batch evenly: the shares of two processes differ by at most one patch.
  package init(of batch: Int, rank: Int = 0, ranks: Int = 1) {
    precondition(ranks <= batch, "\(batch) patches for \(ranks) processes")
    self.init(of: batch, patches: Self.part(rank, of: ranks, in: 0..<batch))
  }

  private init(of batch: Int, patches: Range<Int>) { (self.batch, self.patches) = (batch, patches) }

  private static func part(_ k: Int, of count: Int, in range: Range<Int>) -> Range<Int> {
    let low = range.lowerBound + range.count * k / count
    return low..<range.lowerBound + range.count * (k + 1) / count
  }

  /// The shares of the threads of one process: how many there are does not depend on how many threads there are, so that
  /// neither do sums over them.
  package var parts: [BatchShare] {
    let count = min(patches.count, Self.mostParts)
    return (0..<count).map { BatchShare(of: batch, patches: Self.part($0, of: count, in: patches)) }
  }

  /// Where the patches of one of the parts stand among this share's.
  package func places(of part: BatchShare) -> Range<Int> {
    part.patches.lowerBound - patches.lowerBound..<part.patches.upperBound - patches.lowerBound
  }

  /// More parts would let more processors take part, and cost more for weights that each part keeps in its own layout.
  private static let mostParts = 8

  package init(of batch: Int, in ranks: Ranks?) {
    self.init(of: batch, rank: ranks?.rank ?? 0, ranks: ranks?.count ?? 1)
  }

  /// This process's fraction of the batch, in 0...1.
  package var weight: Double { Double(patches.count) / Double(batch) }
}
