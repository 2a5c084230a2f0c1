import Imaging

/// A model or checkpoint file that cannot be used.
package struct ModelError: ExplainedError, Equatable {
  package let path: String
  /// What was found and what was expected.
  package let found: String
  package let remedy: String
  package let fault: Fault

  package init(path: String, found: String, remedy: String, fault: Fault = .input) {
    self.path = path
    self.found = found
    self.remedy = remedy
    self.fault = fault
  }

  package var description: String { "\(path): \(found). \(remedy)." }
}
