import Foundation
import Synchronization

/// Standard error: a line that is rewritten in place on a terminal, plain lines elsewhere. Results go to standard
/// output.
enum Terminal {
  static let isInteractive = isatty(STDERR_FILENO) != 0 && ProcessInfo.processInfo.environment["TERM"] != "dumb"

  /// Whether a line is shown that the next one replaces.
  private static let isRewriting = Mutex(false)

  /// Shows a line that the next one replaces; call it only on a terminal.
  static func show(_ line: String) {
    isRewriting.withLock {
      write("\r\u{1B}[2K" + line)
      $0 = true
    }
  }

  /// Writes a whole line below the line that was being rewritten.
  static func writeLine(_ line: String) {
    isRewriting.withLock {
      write(($0 ? "\n" : "") + line + "\n")
      $0 = false
    }
  }

  /// Ends the line that was being rewritten.
  static func endLine() {
    isRewriting.withLock {
      if $0 { write("\n") }
      $0 = false
    }
  }

  /// Errors are ignored: it is no reason to end if nobody reads standard error any more.
  private static func write(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }
}
