import Foundation

/// Parses the times of reviews: ISO 8601 in UTC, as browsers and the index write them.
enum ReviewTime {
  /// The time as the index stores it: `2026-11-25T22:00:00Z`, or `2026-11-25T22:00:00.25Z` if it has a fraction of a
  /// second. `nil` if the text is not a time in UTC.
  static func normalized(_ text: String) -> String? {
    guard let match = text.wholeMatch(of: /([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?Z/),
      let date = try? Date("\(match.1)Z", strategy: .iso8601),
      // `Date` reads the thirtieth of February as a day in March; such a time is refused.
      date.formatted(.iso8601) == "\(match.1)Z"
    else { return nil }
    var fraction = match.2 ?? ""
    while fraction.hasSuffix("0") { fraction.removeLast() }
    return "\(match.1)\(fraction == "." ? "" : fraction)Z"
  }
}
