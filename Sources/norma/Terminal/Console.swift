import Foundation
import Logging
import Reporting
import Workflows

/// Shows a command's progress, its messages while it runs, and its result.
final class Console {
  private var lastLine = Date.distantPast
  /// When the activity at hand began, and the share that was done then.
  private var beginning = (date: Date(), fraction: 0.0)
  private var lastFraction = 0.0
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
    // A share that falls belongs to another activity.
    if progress.fraction < lastFraction { beginning = (Date(), progress.fraction) }
    lastFraction = progress.fraction
    if Terminal.isInteractive, LogFormat.current == .text {
      let width = 24
      let filled = Int((min(max(progress.fraction, 0), 1) * Double(width)).rounded())
      let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
      Terminal.show("\(bar) \(standing(progress)) \(PrintableText.escaped(progress.text))")
      if progress.isLast { Terminal.endLine() }
    } else if progress.isLast || Date().timeIntervalSince(lastLine) >= Self.secondsBetweenLines {
      var facts: Logger.Metadata = ["progress": .stringConvertible(progress.fraction)]
      if let caseName = progress.caseName { facts["case"] = "\(caseName)" }
      if let scan = progress.scan { facts["scan"] = "\(scan)" }
      let text = LogFormat.current == .text ? "\(standing(progress)): \(progress.text)" : progress.text
      Logger.norma.info("\(text)", metadata: facts)
      lastLine = Date()
    }
  }

  /// The share that is done and, once it can be told, the time that is left.
  private func standing(_ progress: WorkflowEvent.Progress) -> String {
    let share = "\(Int(min(max(progress.fraction, 0), 1) * 100)) %"
    let (seconds, done) = (Date().timeIntervalSince(beginning.date), progress.fraction - beginning.fraction)
    guard !progress.isLast, seconds >= Self.secondsToJudge, done >= Self.shareToJudge else { return share }
    return "\(share), \(PageText.duration(seconds * (1 - progress.fraction) / done)) left"
  }

  /// The rest of an activity is told from its beginning; less of it tells too little.
  private static let secondsToJudge = 5.0
  private static let shareToJudge = 0.02

  /// Prints a result to standard output, below the output so far.
  func print(_ lines: String..., terminator: String = "\n") {
    Terminal.endLine()
    StandardOutput.write(lines.joined(separator: "\n") + terminator)
  }
}
