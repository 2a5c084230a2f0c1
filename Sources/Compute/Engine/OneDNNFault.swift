import Files

extension NormaError {
  /// A call into oneDNN that failed.
  ///
  /// - Parameters:
  ///   - call: the function of the C API.
  ///   - status: its answer, in oneDNN's own word: `out_of_memory`, `invalid_arguments`, `unimplemented`,
  ///     `runtime_error`.
  static func oneDNN(_ call: String, answered status: String) -> NormaError {
    NormaError(
      .system, subject: nil, found: "oneDNN's \(call) answered \(status), success was expected",
      remedy: status == "out_of_memory"
        ? "Give a smaller --batch-size, or a --memory-limit"
        : "This is a fault of norma; please report it with this line")
  }
}
