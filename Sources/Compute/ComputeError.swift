/// A call into oneDNN that failed.
package struct ComputeError: Error, Sendable, CustomStringConvertible, Equatable {
  /// The function of the C API.
  package let call: String
  /// Its status, in oneDNN's own word: `out_of_memory`, `invalid_arguments`, `unimplemented`, `runtime_error`.
  package let status: String

  package var description: String {
    if self == .interrupted { return "norma was asked to end. Run the same command again." }
    if self == .lost { return "A process that was started together with this one is gone. Run the same command again." }
    let remedy =
      status == "out_of_memory"
      ? "Lower --batch-size or --patch-size." : "This is a fault of norma; please report it with this line."
    return "oneDNN's \(call) answered \(status), success was expected. \(remedy)"
  }
}
