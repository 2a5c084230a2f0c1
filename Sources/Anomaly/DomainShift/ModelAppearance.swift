import Foundation
import Imaging
import Numerics

extension PreparedScan {
  /// The scan's appearance, including the features that depend on the model.
  ///
  /// - Parameters:
  ///   - maps: maps of this scan.
  ///   - latents: reference that the scan's encoding is compared with; `nil` in models made before it was stored.
  package func appearance(maps: InferenceMaps, latents: LatentReference?) -> Appearance? {
    guard var result = appearance else { return nil }
    let c = image.channels
    let reconstruction = maps.reconstruction
    for (place, feature) in AppearanceFeature.all(channels: c).enumerated() {
      if feature.kind == .encoding, let latents, !maps.encoding.isEmpty {
        result.values[place] = log(latents.distance(of: maps.encoding) + 1e-3)
      }
      guard feature.kind == .residual else { continue }
      var differences: [Float] = []
      for pixel in tissue.values.indices where tissue.values[pixel] {
        let i = pixel * c + (feature.channel ?? 0)
        let difference = abs(image.samples[i] - reconstruction.samples[i])
        if difference.isFinite { differences.append(difference) }
      }
      // The added term is a hundredth of the usual residual. It keeps the logarithm finite for a channel that is
      // reconstructed perfectly.
      result.values[place] =
        differences.count < Appearance.fewestPixels ? nil : log(Double(differences.median()) + 3e-4)
    }
    return result
  }
}
