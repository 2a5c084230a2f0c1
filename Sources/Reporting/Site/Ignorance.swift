/// The box on every page of a report whose model has not learned enough.
struct Ignorance: Sendable {
  /// Why, as sentences.
  let reasons: [String]

  /// - Returns: `nil` where the model has learned enough.
  init?(_ reasons: [String]) {
    guard !reasons.isEmpty else { return nil }
    self.reasons = reasons
  }
}
