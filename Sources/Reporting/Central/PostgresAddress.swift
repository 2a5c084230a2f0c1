import Files
import Foundation

/// The address of a PostgreSQL database, with its password kept separate: text that is shown, or given to a program as
/// an argument, must not contain the password.
package struct PostgresAddress: Sendable, Equatable {
  /// The URL without the password.
  package let url: String
  package let password: String?

  /// Secrets other than the password that a libpq URL can contain. Unlike the password, they cannot be passed to libpq
  /// in another way, so such a URL is refused.
  private static let secrets: Set<String> = [
    "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret",
  ]

  /// - Parameter text: a URL in libpq's format. Source: PostgreSQL 15, "Connection URIs", 34.1.1.2.
  /// - Throws: `NormaError` whose text contains no part of the URL, because any part could belong to the password.
  package init(_ text: String) throws(NormaError) {
    guard let scheme = ["postgresql://", "postgres://"].first(where: text.hasPrefix) else {
      throw Self.refusal("its value is no address of a PostgreSQL database", "Give postgresql://USER@HOST/DATABASE")
    }
    let rest = text.dropFirst(scheme.count)
    let authority = rest.prefix { !"/?#".contains($0) }
    // libpq ends a password at the first of these characters and shows the rest as a host.
    guard rest.count(where: { $0 == "@" }) == (authority.contains("@") ? 1 : 0)
    else {
      throw Self.refusal(
        "its value has an @ that separates nothing",
        "Write @ : / ? # % in a user or password as %40 %3A %2F %3F %23 %25")
    }
    var password: String?
    var shown = String(rest)
    if let at = authority.firstIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") {
      password = try Self.decoded(authority[authority.index(after: colon)..<at])
      shown = String(rest[..<colon] + rest[at...])
    }
    if let mark = shown.firstIndex(of: "?") {
      var kept: [Substring] = []
      for setting in shown[shown.index(after: mark)...].split(separator: "&") {
        let parts = setting.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = try Self.decoded(parts[0])
        guard !Self.secrets.contains(name) else {
          throw Self.refusal(
            "its value has \(name), which other users of this machine would see", "Leave it out, or name a service file"
          )
        }
        if name == "password" { password = try Self.decoded(parts.last!) } else { kept.append(setting) }
      }
      shown = shown[..<mark] + (kept.isEmpty ? "" : "?" + kept.joined(separator: "&"))
    }
    url = scheme + shown
    self.password = password?.isEmpty == true ? nil : password
  }

  private static func decoded(_ text: Substring) throws(NormaError) -> String {
    guard let plain = text.removingPercentEncoding, !plain.utf8.contains(0) else {
      throw refusal("its value has a % that begins no character", "Write % as %25")
    }
    return plain
  }

  private static func refusal(_ detail: String, _ remedy: String) -> NormaError {
    NormaError(subject: "--postgres", found: detail, remedy: remedy)
  }
}
