internal import Glibc

/// Why a picture could not be read or written, and whose fault it is.
///
/// The message is a full sentence with the path, the page where there is one, what was found, what was expected and
/// what to do.
package struct ImagingError: ExplainedError, Equatable {
  package let fault: Fault
  package let path: String
  /// One-based page, where the fault lies in one.
  package let page: Int?
  /// What was found and what was expected, without the path.
  package let detail: String
  /// What the user can do.
  package let remedy: String

  package init(_ fault: Fault, path: String, page: Int? = nil, detail: String, remedy: String) {
    self.fault = fault
    self.path = path
    self.page = page
    self.detail = detail
    self.remedy = remedy
  }

  package var description: String {
    let place = page.map { "\(path) page \($0)" } ?? path
    return "\(place): \(detail). \(remedy)."
  }
}

extension ImagingError {
  static let reexport = "Re-export it"

  /// - Parameter code: as in `errno`.
  static func system(path: String, doing clause: String, code: Int32, remedy: String) -> ImagingError {
    ImagingError(
      .system, path: path, detail: "\(clause): \(String(cString: strerror(code)))",
      remedy: code == ENOSPC || code == EDQUOT ? "Free some space and run norma again" : remedy)
  }
}
