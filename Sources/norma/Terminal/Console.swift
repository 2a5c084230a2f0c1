import Foundation
import Logging
import Reporting
import Workflows

/// Shows a command's progress, its messages while it runs, and its result.
final class Console {
  private var lastLine = Date.distantPast
  /// The shares that were done of late, by which the time that is left is judged: an analysis that goes on passes over
  /// what it has done before in no time.
  private var recent: [(date: Date, fraction: Double)] = []
  private static let secondsBetweenLines = 10.0

  /// Shows an event of a workflow: progress as a bar on a terminal and as a line every few seconds elsewhere,
  /// everything else as messages.
  func show(_ event: WorkflowEvent) {
    switch event {
    case .progress(let progress): show(progress)
    case .notice(let text): Logger.norma.notice("\(text)")
    case .warning(let text): Logger.norma.warning("\(text)")
    case .leftOut(let fault): Logger.norma.warning("left out: \(fault)", metadata: Logger.facts(of: fault))
    case .failed(let error, let caseName, let scan):
      var facts = Logger.facts(of: error)
      if let caseName { facts["case"] = "\(caseName)" }
      if let scan { facts["scan"] = "\(scan)" }
      Logger.norma.error("\(error)", metadata: facts)
    }
  }

  /// Shows the progress of a command that runs no workflow.
  func show(_ text: String, fraction: Double) { show(.progress(text, fraction)) }

  private func show(_ progress: WorkflowEvent.Progress) {
    note(progress.fraction)
    if Terminal.isInteractive, LogFormat.current == .text {
      let width = 24
      let filled = Int((min(max(progress.fraction, 0), 1) * Double(width)).rounded())
      let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
      let percent = Int(min(max(progress.fraction, 0), 1) * 100)
      Terminal.show("\(bar) \(percent) % \(PrintableText.escaped(progress.text))\(remainder(of: progress))")
      if progress.isLast { Terminal.endLine() }
    } else if progress.isLast || Date().timeIntervalSince(lastLine) >= Self.secondsBetweenLines {
      var facts: Logger.Metadata = ["progress": .stringConvertible(progress.fraction)]
      if let caseName = progress.caseName { facts["case"] = "\(caseName)" }
      if let scan = progress.scan { facts["scan"] = "\(scan)" }
      Logger.norma.info("\(progress.text)\(remainder(of: progress))", metadata: facts)
      lastLine = Date()
    }
  }

  private func note(_ fraction: Double) {
    let now = Date()
    // A share that falls belongs to another activity.
    if let last = recent.last, fraction < last.fraction { recent = [] }
    guard recent.last.map({ now.timeIntervalSince($0.date) > Self.secondsBetweenNotes }) ?? true else { return }
    recent.append((now, fraction))
    while recent.count > 2, now.timeIntervalSince(recent[1].date) > Self.secondsToJudge { recent.removeFirst() }
  }

  /// The time that is left, once it can be told, as the end of a line; empty before.
  private func remainder(of progress: WorkflowEvent.Progress) -> String {
    if let seconds = progress.secondsLeft { return ", \(PageText.duration(seconds)) left" }
    // Programs that read messages judge by the share that is done.
    guard !progress.isLast, LogFormat.current == .text, let first = recent.first else { return "" }
    let (seconds, done) = (Date().timeIntervalSince(first.date), progress.fraction - first.fraction)
    guard seconds >= Self.secondsToJudge / 2, done > 0 else { return "" }
    return ", \(PageText.duration(seconds * (1 - progress.fraction) / done)) left"
  }

  private static let secondsToJudge = 30.0
  private static let secondsBetweenNotes = 0.5

  /// Prints a result to standard output, below the output so far.
  func print(_ lines: String..., terminator: String = "\n") {
    Terminal.endLine()
    StandardOutput.write(lines.joined(separator: "\n") + terminator)
  }
}
