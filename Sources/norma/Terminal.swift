import Foundation

/// Progress and messages: a line that rewrites itself on a terminal, plain lines elsewhere. Results go to standard
/// output, everything else to standard error.
struct Terminal {
  static let isInteractive = isatty(STDERR_FILENO) != 0 && ProcessInfo.processInfo.environment["TERM"] != "dumb"

  private var lastPlainLine = Date.distantPast
  private var drawn = false
  /// Without a terminal a line every so often is enough.
  private static let secondsBetweenPlainLines = 10.0

  /// Shows a state that the next call replaces.
  ///
  /// - Parameter fraction: how much is done, in 0...1; draws a bar.
  mutating func update(_ text: String, fraction: Double, isLast: Bool = false) {
    if Self.isInteractive {
      let width = 24
      let filled = Int((min(max(fraction, 0), 1) * Double(width)).rounded())
      let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
      Self.write("\r\u{1B}[2K\(bar) \(text)")
      drawn = true
    } else if isLast || Date().timeIntervalSince(lastPlainLine) >= Self.secondsBetweenPlainLines {
      Self.write(String(format: "%3.0f %% ", fraction * 100) + text + "\n")
      lastPlainLine = Date()
    }
  }

  /// Ends the line that was being rewritten.
  mutating func finish() {
    if drawn { Self.write("\n") }
    drawn = false
  }

  mutating func say(_ text: String) {
    finish()
    Self.write(text + "\n")
  }

  static func complain(_ text: String) { write(text + "\n") }

  /// Nobody may be reading any more, which is no reason to end.
  private static func write(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }

  /// `1 min 05 s`, `12 s`, `2 h 03 min`.
  static func duration(_ seconds: Double) -> String {
    let s = Int(seconds.rounded())
    if s >= 3600 { return String(format: "%d h %02d min", s / 3600, s % 3600 / 60) }
    if s >= 60 { return String(format: "%d min %02d s", s / 60, s % 60) }
    return "\(s) s"
  }
}
