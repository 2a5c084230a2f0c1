internal import Glibc

/// The user ended a command with a signal; the work done until then is kept.
package struct Stopped: Error, Sendable, CustomStringConvertible {
  /// The number of the signal.
  package let signal: Int32
  /// Sentences that say the path, what is kept, and how to go on.
  package let description: String

  package init(signal: Int32, description: String = "norma was asked to end. Run the same command again.") {
    self.signal = signal
    self.description = description
  }

  /// The exit status that shells report for a program that a signal ended: 130 for Ctrl-C, 143 for `kill`.
  package var exitStatus: Int32 { 128 + signal }

  package static func name(of signal: Int32) -> String { signal == SIGINT ? "SIGINT" : "SIGTERM" }
}
