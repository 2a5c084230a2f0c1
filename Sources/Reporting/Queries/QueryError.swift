/// Why a query cannot be asked.
///
/// The message is a full sentence with the option, the place in it, what was found, what was expected and what to do.
package struct QueryError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The option as it is typed: `--where`.
  package let option: String
  /// Where in the option's value, the first character being 1; `nil` where it is all of it.
  package let position: Int?
  package let detail: String
  package let remedy: String

  package init(option: String, position: Int? = nil, detail: String, remedy: String) {
    self.option = option
    self.position = position
    self.detail = detail
    self.remedy = remedy
  }

  package var description: String {
    "\(option)\(position.map { ", character \($0)" } ?? ""): \(detail). \(remedy)."
  }
}
