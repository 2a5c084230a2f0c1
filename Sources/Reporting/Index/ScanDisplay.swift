/// How the pages draw a scan of several channels.
package enum ScanDisplay: String, Sendable, Equatable, Codable {
  /// Three channels as one colour picture, as photographs and stained slides want it.
  case color
  /// Every channel as a gray picture of its own, as MR sequences want it.
  case channels
}
