import Foundation

/// Times of reviews: ISO 8601 in UTC, as browsers and the index write them.
enum ReviewTime {
  /// The time as the index holds it: `2026-11-25T22:00:00Z`, or `2026-11-25T22:00:00.25Z` where there are parts of a
  /// second; `nil` for what is no time in UTC.
  static func normalized(_ text: String) -> String? {
    guard let match = text.wholeMatch(of: /([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?Z/),
      let date = try? Date("\(match.1)Z", strategy: .iso8601),
      // The thirtieth of February is read as a day in March.
      date.formatted(.iso8601) == "\(match.1)Z"
    else { return nil }
    var fraction = match.2 ?? ""
    while fraction.hasSuffix("0") { fraction.removeLast() }
    return "\(match.1)\(fraction == "." ? "" : fraction)Z"
  }
}
