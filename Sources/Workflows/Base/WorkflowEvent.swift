import Anomaly

/// An event that a workflow reports while it runs. The program that runs the workflow decides what its user sees.
package enum WorkflowEvent: Sendable {
  case progress(Progress)
  /// A sentence that may interest the user.
  case notice(String)
  case warning(String)
  /// A scan that is not used; the workflow continues with the others.
  case leftOut(ScanFault)
  /// A scan or file that failed; the workflow continues with the others.
  case failed(any Error, caseName: String? = nil, scan: String? = nil)

  package struct Progress: Sendable {
    /// The current activity, in a few words.
    package var text: String
    /// The share that is done, in 0...1.
    package var fraction: Double
    /// Whether this is the last progress of its kind; a display shows it even if little time has passed.
    package var isLast = false
    /// Time to the end in seconds, where the workflow knows it.
    package var secondsLeft: Double?
    package var caseName: String?
    package var scan: String?
  }

  package static func progress(
    _ text: String, _ fraction: Double, isLast: Bool = false, secondsLeft: Double? = nil, caseName: String? = nil,
    scan: String? = nil
  ) -> WorkflowEvent {
    .progress(
      Progress(
        text: text, fraction: fraction, isLast: isLast, secondsLeft: secondsLeft, caseName: caseName, scan: scan))
  }

  /// Progress with the text `case 3 of 16: name`.
  static func beginning(_ name: String, _ index: Int, of count: Int) -> WorkflowEvent {
    .progress("case \(index + 1) of \(count): \(name)", Double(index) / Double(count), caseName: name)
  }
}

/// Called with each event of a workflow, on the thread that runs it.
package typealias WorkflowObserver = (WorkflowEvent) -> Void

/// An error in the command line that only a look at the inputs could reveal.
package struct UsageError: Error, CustomStringConvertible {
  package let description: String
}
