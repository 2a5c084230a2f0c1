internal import Glibc

extension NormaError {
  package static let reexport = "Re-export it"

  /// An error for a failed call of the operating system.
  ///
  /// - Parameter code: the value of `errno`.
  package static func system(_ path: String, doing clause: String, code: Int32, remedy: String) -> NormaError {
    NormaError(
      .system, subject: path, found: "\(clause): \(String(cString: strerror(code)))",
      remedy: code == ENOSPC || code == EDQUOT ? "Free some space and run norma again" : remedy)
  }
}
