/// An error that tells the user what could not be done, why, and what to do.
///
/// The message is one or two full sentences: the subject, the page if there is one, what was found, what was expected
/// and what to do.
package struct NormaError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kind of error, which tells whose fault it is.
  package enum Kind: String, Sendable {
    /// The file breaks its own format.
    case malformed
    /// The file is valid, but norma cannot read it.
    case unsupported
    /// The file declares more than the limits allow.
    case limitExceeded
    /// The input is valid but not the one needed here: another path, file or option is expected.
    case input
    /// The operating system, or a library below norma, refused.
    case system
  }

  package let kind: Kind
  /// File, folder or option, as the user gave it, or a path below the one given; `nil` if the error concerns none.
  package let subject: String?
  /// One-based page, if the error concerns one.
  package let page: Int?
  /// The clause that says what was found and what was expected, without the subject.
  package let found: String
  /// The sentence that says what the user can do, without the full stop.
  package let remedy: String

  package init(_ kind: Kind = .input, subject: String?, page: Int? = nil, found: String, remedy: String) {
    self.kind = kind
    self.subject = subject
    self.page = page
    self.found = found
    self.remedy = remedy
  }

  package var description: String { quoted + "." }

  /// The sentences without the last full stop, to stand at the end of another error's.
  package var quoted: String {
    let place = subject.map { $0 + (page.map { " page \($0)" } ?? "") + ": " } ?? ""
    return "\(place)\(found). \(remedy)"
  }
}
