import Foundation
import Logging
import Reporting

/// How far a command is: a bar on a terminal, a line every few seconds elsewhere.
struct ProgressLine {
  private var lastLine = Date.distantPast
  private static let secondsBetweenLines = 10.0

  /// Shows a state that the next call replaces.
  ///
  /// - Parameters:
  ///   - fraction: how much is done, in 0...1.
  ///   - isLast: says so even where little time has passed since the last line.
  mutating func update(_ text: String, fraction: Double, isLast: Bool = false, metadata: Logger.Metadata = [:]) {
    if Terminal.isInteractive, LogFormat.current == .text {
      let width = 24
      let filled = Int((min(max(fraction, 0), 1) * Double(width)).rounded())
      let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
      Terminal.show("\(bar) \(PrintableText.escaped(text))")
    } else if isLast || Date().timeIntervalSince(lastLine) >= Self.secondsBetweenLines {
      Logger.norma.info("\(text)", metadata: metadata.merging(["progress": .stringConvertible(fraction)]) { $1 })
      lastLine = Date()
    }
  }
}
