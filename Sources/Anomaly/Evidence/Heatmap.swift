import Imaging

/// How abnormal every pixel of a scan is, in calibrated units.
///
/// A value is the standard normal quantile `z` of the pixel's score among held-out healthy tissue: 2.33 is exceeded by
/// one healthy pixel in a hundred, 3.09 by one in a thousand. Zero outside tissue. Higher is more abnormal.
package struct Heatmap: Sendable, Equatable {
  package let width: Int
  package let height: Int
  /// `[height, width]`, row by row.
  package var values: [Float]

  package init(width: Int, height: Int, values: [Float]) {
    precondition(values.count == width * height, "\(values.count) values for \(width)x\(height)")
    self.width = width
    self.height = height
    self.values = values
  }
}

/// What the pages show of one scan; all layers have the scan's own width and height.
package struct ScanLayers: Sendable {
  /// Normalized intensities, nominally 0...1, `[height, width, channels]`.
  package var scan: Image
  /// What the model believes healthy tissue would look like here, same units as `scan`.
  package var reconstruction: Image
  package var heatmap: Heatmap
  /// What the model could not reconstruct, by `Score.residual`, in the same units as the heatmap.
  package var residual: Heatmap
  /// Which pixels are tissue, `[height, width]`; the others are neither scored nor shown as abnormal.
  package var tissue: [Bool]
  /// The scan as it was read; `nil` where it is not held whole.
  package var original: Image?
  /// How much each channel counts where one gray picture stands for all of them; not below 0, 1 in sum.
  package var emphasis: [Float]

  /// - Parameter weights: the direction a lesion is looked for in; `nil` counts all channels alike.
  package init(
    scan: Image, reconstruction: Image, heatmap: Heatmap, residual: Heatmap, tissue: [Bool], weights: [Float]? = nil
  ) {
    emphasis = EvidenceRule(channelWeights: weights).emphasis(channels: scan.channels)
    self.scan = scan
    self.reconstruction = reconstruction
    self.heatmap = heatmap
    self.residual = residual
    self.tissue = tissue
  }
}
