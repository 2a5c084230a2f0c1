import Files
internal import Glibc
import Synchronization

/// Standard output, which holds the results of commands. All of them are written here, and every write is checked.
///
/// A failed write does not stop a command, because its work, such as a report, may go on without a reader. What is
/// printed later is dropped, and `finish` says at the end that the output is incomplete.
enum StandardOutput {
  /// The value of `errno` of the first write that failed.
  private static let failure = Mutex<Int32?>(nil)

  /// Opens what the caller has closed of the three standard files, so that no file of norma's takes their numbers and
  /// receives what is printed. Writing to them fails.
  static func reserve() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
      _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
  }

  /// Lets a command that changes a report finish its work after the reader of its output has gone; `finish` then ends
  /// it. Commands that only read are ended at once by SIGPIPE.
  static func outlastReader() { signal(SIGPIPE, SIG_IGN) }

  static func write(_ text: String) {
    failure.withLock { failure in
      guard failure == nil else { return }
      var rest = Array(text.utf8)[...]
      while !rest.isEmpty {
        let written = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
        if written < 0, errno == EINTR { continue }
        guard written > 0 else {
          failure = errno
          return
        }
        rest = rest.dropFirst(written)
      }
    }
  }

  /// Closes standard output, which is when some file systems report that earlier writes failed.
  ///
  /// If its reader has gone, such as `head` in `norma cases REPORT | head`, and nothing else failed, this ends the
  /// process by SIGPIPE, as the system does for programs that know nothing of the signal: quietly, with status 141 in a
  /// shell.
  ///
  /// - Parameter status: exit status of the command.
  /// - Throws: `NormaError` if a part of what was printed could not be written.
  static func finish(_ status: Int32) throws(NormaError) {
    let code = failure.withLock { failure in
      if close(STDOUT_FILENO) != 0, failure == nil { failure = errno }
      return failure
    }
    guard let code else { return }
    if code == EPIPE {
      guard status == 0 else { return }
      signal(SIGPIPE, SIG_DFL)
      raise(SIGPIPE)
    }
    throw .system(
      "standard output", doing: "it cannot be written", code: code, remedy: "Send it to where it can be written")
  }
}
