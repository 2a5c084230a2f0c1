internal import Glibc

extension NormaError {
  package static let reexport = "Re-export it"

  /// An error for a failed call of the operating system.
  ///
  /// - Parameter code: the value of `errno`.
  package static func system(_ path: String, doing clause: String, code: Int32, remedy: String) -> NormaError {
    switch code {
    case ENOSPC: diskFull(path)
    case EDQUOT: diskFull(path, found: "your share of the disk, its quota, is full")
    case EMFILE, ENFILE:
      NormaError(
        .system, subject: path, found: "\(clause): \(String(cString: strerror(code)))",
        remedy: "Allow more open files (ulimit -n), and run the command again; what was finished is kept")
    default: NormaError(.system, subject: path, found: "\(clause): \(String(cString: strerror(code)))", remedy: remedy)
    }
  }

  /// An error for a file for which the disk has no room.
  package static func diskFull(_ path: String, found: String = "the disk is full") -> NormaError {
    NormaError(
      .system, subject: path, found: found,
      remedy: "Free some space and run the command again; what was finished is kept")
  }
}
