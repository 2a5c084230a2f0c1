/// How the pages draw a scan with several channels.
package enum ScanDisplay: String, Sendable, Equatable, Codable {
  /// Three channels as one colour picture, for photographs and stained slides.
  case color
  /// Each channel as a separate gray picture, for MR sequences.
  case channels
}
