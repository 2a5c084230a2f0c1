import Files

/// One of several parts of a study that are analyzed separately: on different machines or at different times.
///
/// The part of a case depends only on its name and the number of parts. So every machine finds its own cases without
/// asking others, and adding cases never moves other cases to another part.
package struct Shard: Sendable, Hashable, Codable {
  /// The number of this part, in 1...count.
  package let number: Int
  package let count: Int

  package static let most = 100_000

  /// - Returns: `nil` if there is no such part.
  package init?(number: Int, of count: Int) {
    guard (1...Self.most).contains(count), (1...count).contains(number) else { return nil }
    (self.number, self.count) = (number, count)
  }

  /// - Parameter text: number and count, for example `3/8` for the third of eight parts.
  package init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let number = parts[0], let count = parts[1] else { return nil }
    self.init(number: number, of: count)
  }

  /// Whether a case belongs to this part. The first eight bytes of the SHA-256 of the case's name are read as a
  /// big-endian number. Its remainder modulo the number of parts is the part's number, counted from 0.
  package func contains(caseNamed name: String) -> Bool {
    let digest = Digest.of(name).prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return digest % UInt64(count) == UInt64(number - 1)
  }
}

extension Shard: CustomStringConvertible {
  package var description: String { "\(number)/\(count)" }
}

/// Facts about a run on a shard, which a merge of the shards needs.
package struct ShardFacts: Sendable, Equatable, Codable {
  package var shard: Shard
  /// Number of the study's cases that belong to this shard.
  package var cases: Int
  /// Number of scans that this run scored piece by piece.
  package var slides = 0
  /// Number of scans that this run scored whole.
  package var others = 0
  /// Why scores may mean little at the chosen resolution.
  package var resolutionNote: String?

  package init(shard: Shard, cases: Int, resolutionNote: String?) {
    self.shard = shard
    self.cases = cases
    self.resolutionNote = resolutionNote
  }
}
