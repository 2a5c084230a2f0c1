import Imaging

/// What the model could not reconstruct of one scan, on the model's grid.
struct Residual: Sendable {
  let width: Int
  let height: Int
  let channels: Int
  /// Scan minus reconstruction, smoothed and standardized within the scan, `[height, width, channels]`.
  private(set) var values: [Float]
  /// Distance to the tissue's edge in pixels; 0 where nothing is scored.
  let depth: [Float]

  /// - Parameters:
  ///   - scan: on the model's grid.
  ///   - reconstruction: same size; `nil` takes the scan itself, which is what an untrained baseline looks at.
  init(of scan: PreparedScan, reconstruction: Image?, rule: EvidenceRule) {
    width = scan.image.width
    height = scan.image.height
    channels = scan.image.channels
    var difference = scan.image
    for i in difference.samples.indices {
      let value = difference.samples[i] - (reconstruction?.samples[i] ?? 0)
      difference.samples[i] = value.isNaN ? 0 : value
    }
    values = rule.smoothing > 0 ? difference.blurred(sigma: rule.smoothing).samples : difference.samples
    let channels = self.channels
    depth = scan.tissue.depth.enumerated().map { pixel, depth in
      let hasData = (0..<channels).allSatisfy { !scan.image.samples[pixel * channels + $0].isNaN }
      return depth > rule.erosion && hasData ? depth : 0
    }
    standardize()
  }

  /// Minus its median, over its median absolute deviation, channel by channel, over the scored pixels of this scan.
  ///
  /// Scanners, protocols and the height of a slice shift whole scans; a lesion is what stands out within one. Robust
  /// against lesions that fill less than half of the tissue. The factor 1.4826 makes the deviation that of a Gaussian.
  private mutating func standardize() {
    let scored = depth.indices.filter { depth[$0] > 0 }
    guard !scored.isEmpty else { return }
    for c in 0..<channels {
      var chosen = scored.map { values[$0 * channels + c] }
      let median = chosen.median()
      for i in chosen.indices { chosen[i] = abs(chosen[i] - median) }
      // A channel that the model reconstructs perfectly (a constant one, say) has no spread and is not blown up.
      let spread = max(1.4826 * chosen.median(), 1e-3)
      for pixel in depth.indices {
        values[pixel * channels + c] = (values[pixel * channels + c] - median) / spread
      }
    }
  }
}
