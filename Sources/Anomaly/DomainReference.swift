import Compute

/// How the cases of the training study look: what a study to analyze is compared with. Stored in the model file.
package struct DomainReference: Codable, Sendable, Equatable {
  package let channels: Int
  /// Keys of the features, in the order of the appearances' values.
  package let features: [String]
  /// One appearance a case; those of the training cases lack what depends on the model, which knows these cases.
  package let training: [Appearance]
  package let heldOut: [Appearance]

  package init(channels: Int, training: [Appearance], heldOut: [Appearance]) {
    self.channels = channels
    features = AppearanceFeature.all(channels: channels).map(\.key)
    self.training = training
    self.heldOut = heldOut
  }

  /// Whether its parts, read from a file, fit each other.
  func fits(channels c: Int) -> Bool {
    channels == c && (training + heldOut).allSatisfy { $0.values.count == features.count }
  }

  /// Whether it speaks of the features that this norma measures; those of another version cannot be compared.
  var isCurrent: Bool { features == AppearanceFeature.all(channels: channels).map(\.key) }
}

extension Scorer {
  /// How the cases of a training set look, to the trained network too.
  func domainReference(of set: TrainingSet) throws(ComputeError) -> DomainReference {
    var heldOut: [Appearance] = []
    for member in set.heldOut {
      let reconstructions = try reconstructions(of: member.scans)
      heldOut.append(
        Appearance(of: zip(member.scans, reconstructions).compactMap { $0.appearance(reconstruction: $1) }))
    }
    return DomainReference(
      channels: set.preparation.channels, training: set.training.map { Appearance(of: $0.scans) }, heldOut: heldOut)
  }
}
