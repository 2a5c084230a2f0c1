import Files

extension NormaError {
  /// The error for a condition that norma cannot understand.
  ///
  /// - Parameter position: the place of the fault in the condition, where the first character is 1; `nil` if the fault
  ///   is in the whole condition.
  static func condition(position: Int? = nil, found: String, remedy: String) -> NormaError {
    NormaError(
      subject: "--where" + (position.map { ", character \($0)" } ?? ""), found: found, remedy: remedy)
  }
}
