import Files

extension NormaError {
  /// An error for a failed call of oneDNN.
  ///
  /// - Parameters:
  ///   - call: name of the function of the C API, or what it was to make.
  ///   - status: the status that the function returned, as oneDNN names it: `out_of_memory`, `invalid_arguments`, `unimplemented`,
  ///     `runtime_error`.
  static func oneDNN(_ call: String, answered status: String) -> NormaError {
    NormaError(
      .system, subject: nil, found: "oneDNN's \(call) answered \(status), success was expected",
      remedy: status == "out_of_memory"
        ? "Give a smaller --batch-size, or a --memory-limit"
        : "This is a fault of norma; please report it with this line")
  }
}
