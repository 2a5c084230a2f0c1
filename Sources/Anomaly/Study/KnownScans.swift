import Files
import Imaging

/// The files that a model learned from or was calibrated on, by the beginnings of their digests, so that they are known
/// again under any name. It is kept in the model; it tells nothing of what the files show.
package struct KnownScans: Codable, Sendable, Equatable {
  /// So many digits tell a million files from each other.
  private static let digits = 16

  private var files: Set<String> = []

  init() {}

  package init(from decoder: any Decoder) throws {
    files = Set(try decoder.singleValueContainer().decode([String].self))
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(files.sorted())
  }

  mutating func add(sha256: String?) { if let sha256 { files.insert(String(sha256.prefix(Self.digits))) } }

  /// Whether at least half of a case's files are known.
  ///
  /// - Parameter digests: SHA-256 of the files of the case, hexadecimal.
  package func holds(_ digests: [String]) -> Bool {
    !digests.isEmpty && 2 * digests.count { files.contains(String($0.prefix(Self.digits))) } >= digests.count
  }
}

extension SourceScan {
  /// A digest of the pixels, or of the file of a slide; `nil` for a scan that could not be read or shows one value only,
  /// as many scans do.
  var contentDigest: String? {
    guard case .success(let content) = content else { return nil }
    switch content {
    case .slide: return sha256
    case .image(let image):
      guard !image.hasAtMost(1) else { return nil }
      var digest = Digest()
      image.samples.withUnsafeBytes { digest.add($0) }
      return "\(image.width)x\(image.height) " + digest.finish().hexadecimal
    }
  }
}
