import Files
import Threads

/// A file of a study as a report recorded it.
package struct RecordedFile: Sendable, Equatable {
  /// Relative to the study.
  package let path: String
  /// Hexadecimal.
  package let sha256: String

  package init(path: String, sha256: String) {
    self.path = path
    self.sha256 = sha256
  }
}

extension Study {
  /// Whether more than half of the files lie in this study, at the same paths and with the same contents. A study that
  /// was moved or renamed holds them; another study with equal names does not.
  package func holdsMost(of files: [RecordedFile]) -> Bool {
    let known = Set(cases.flatMap(\.files))
    let there = files.filter { known.contains($0.path) }
    guard 2 * there.count > files.count else { return false }
    let digests = Parallel.map(there.count) { Self.digest(ofFile: "\(path)/\(there[$0].path)") }
    return 2 * zip(there, digests).count { $0.sha256 == $1 } > files.count
  }
}
