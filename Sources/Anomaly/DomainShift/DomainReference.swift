/// The appearances of the training study's cases, with which a study to analyze is compared. Stored in the model file.
package struct DomainReference: Codable, Sendable, Equatable {
  package let channels: Int
  /// Keys of the features, in the order of the appearances' values.
  package let features: [String]
  /// One appearance per case. Those of the training cases lack the features that depend on the model, because the model
  /// has seen these cases.
  package let training: [Appearance]
  package let heldOut: [Appearance]

  package init(channels: Int, training: [Appearance], heldOut: [Appearance]) {
    self.channels = channels
    features = AppearanceFeature.all(channels: channels).map(\.key)
    self.training = training
    self.heldOut = heldOut
  }

  /// The values of a feature over all cases where it is defined.
  func values(of feature: Int) -> [Double] { (training + heldOut).compactMap { $0.values[feature] } }

  /// Whether all parts, read from a file, fit each other.
  func fits(channels c: Int) -> Bool {
    channels == c && (training + heldOut).allSatisfy { $0.values.count == features.count }
  }

  /// Whether it holds the features that this norma measures; those of another version cannot be compared.
  var isCurrent: Bool { features == AppearanceFeature.all(channels: channels).map(\.key) }
}
