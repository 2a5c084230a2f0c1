import Files

extension NormaError {
  /// A condition that cannot be asked.
  ///
  /// - Parameter position: where in the condition, the first character being 1; `nil` where it is all of it.
  static func condition(position: Int? = nil, found: String, remedy: String) -> NormaError {
    NormaError(
      subject: "--where" + (position.map { ", character \($0)" } ?? ""), found: found, remedy: remedy)
  }
}
