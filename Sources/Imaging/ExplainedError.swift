/// An error that tells the user whose fault it is, where it lies and what to do.
///
/// Its description is one or two full sentences that begin with the path.
package protocol ExplainedError: Error, Sendable, CustomStringConvertible {
  var fault: Fault { get }
  /// File or folder, as the user gave it or below what the user gave.
  var path: String { get }
  /// What the user can do, without the full stop.
  var remedy: String { get }
}

/// Whose fault an error is.
package enum Fault: String, Sendable {
  /// The file breaks its own format.
  case malformed
  /// The file is valid; norma cannot read it.
  case unsupported
  /// The file declares more than the limits allow.
  case limitExceeded
  /// What was given is sound, but not what is needed here: another path, file or option is expected.
  case input
  /// The operating system refused to open, read or write.
  case system
}
