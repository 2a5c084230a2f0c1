import Foundation

/// The user ended a command by a signal, and what it had done is kept.
struct Stopped: Error, CustomStringConvertible {
  let signal: Int32
  /// Path, what is kept and how to go on, as sentences.
  let description: String

  /// As shells have it of programs that a signal ended: 130 for Ctrl-C, 143 for `kill`.
  var exitStatus: Int32 { 128 + signal }

  static func name(of signal: Int32) -> String { signal == SIGINT ? "SIGINT" : "SIGTERM" }
}
