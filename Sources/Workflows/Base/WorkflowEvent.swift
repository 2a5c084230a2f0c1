import Anomaly

/// What a workflow tells while it runs. The program that runs it decides what its user sees.
package enum WorkflowEvent: Sendable {
  case progress(Progress)
  /// A sentence that a user may want to know.
  case notice(String)
  case warning(String)
  /// A scan that is not used, while the work goes on with the others.
  case leftOut(ScanFault)
  /// A scan or file that failed, while the work goes on with the others.
  case failed(any Error, caseName: String? = nil, scan: String? = nil)

  package struct Progress: Sendable {
    /// What is being done, in a few words.
    package var text: String
    /// How much is done, in 0...1.
    package var fraction: Double
    /// The last of its kind: a display says it even where little time has passed.
    package var isLast = false
    package var caseName: String?
    package var scan: String?
  }

  package static func progress(
    _ text: String, _ fraction: Double, isLast: Bool = false, caseName: String? = nil, scan: String? = nil
  ) -> WorkflowEvent {
    .progress(Progress(text: text, fraction: fraction, isLast: isLast, caseName: caseName, scan: scan))
  }

  /// `case 3 of 16: name`
  static func beginning(_ name: String, _ index: Int, of count: Int) -> WorkflowEvent {
    .progress("case \(index + 1) of \(count): \(name)", Double(index) / Double(count), caseName: name)
  }
}

/// Hears what a workflow tells, on the thread that runs it.
package typealias WorkflowObserver = (WorkflowEvent) -> Void

/// The command line asks for what cannot be done, which only a look at the inputs could tell.
package struct UsageError: Error, CustomStringConvertible {
  package let description: String
}
