import Crypto
import Foundation

/// One of several parts of a study that are analyzed apart: on other machines, at other times.
///
/// Which part a case belongs to depends on its name and the number of parts alone, so that every machine finds its own
/// without asking, and cases that are added move no others.
package struct Shard: Sendable, Hashable, Codable {
  /// 1...count.
  package let number: Int
  package let count: Int

  package static let most = 100_000

  /// - Returns: `nil` where there is no such part.
  package init?(number: Int, of count: Int) {
    guard (1...Self.most).contains(count), (1...count).contains(number) else { return nil }
    (self.number, self.count) = (number, count)
  }

  /// - Parameter text: `3/8`, the third of eight.
  package init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let number = parts[0], let count = parts[1] else { return nil }
    self.init(number: number, of: count)
  }

  /// Whether a case belongs to this part: the first eight bytes of the SHA-256 of its name, as a big-endian number,
  /// leave the part's number, counted from 0, when divided by the number of parts.
  package func contains(caseNamed name: String) -> Bool {
    let digest = SHA256.hash(data: Data(name.utf8)).prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return digest % UInt64(count) == UInt64(number - 1)
  }
}

extension Shard: CustomStringConvertible {
  package var description: String { "\(number)/\(count)" }
}

/// What a run on a shard has to tell whoever puts the shards together.
package struct ShardFacts: Sendable, Equatable, Codable {
  package var shard: Shard
  /// Cases of the study that belong to it.
  package var cases: Int
  /// Scans that this run looked at piece by piece, and whole.
  package var slides = 0
  package var others = 0
  /// Why scores may say little at the resolution that was chosen.
  package var resolutionNote: String?

  package init(shard: Shard, cases: Int, resolutionNote: String?) {
    self.shard = shard
    self.cases = cases
    self.resolutionNote = resolutionNote
  }
}
