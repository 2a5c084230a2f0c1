import Imaging

/// The abnormality of every pixel of a scan, in calibrated units.
///
/// A value is the standard normal quantile `z` of the pixel's score among held-out healthy tissue: one healthy pixel in
/// a hundred exceeds 2.33, one in a thousand 3.09. Values are 0 outside tissue. Higher values are more abnormal.
package typealias Heatmap = Plane<Float>

/// The layers of one scan that the pages show; all layers have the scan's own width and height.
package struct ScanLayers: Sendable {
  /// Normalized intensities, nominally 0...1, `[height, width, channels]`.
  package var scan: Image
  /// The model's estimate of how healthy tissue would look here, same units as `scan`.
  package var reconstruction: Image
  package var heatmap: Heatmap
  /// Heatmap of the score `Score.residual`, in the same units as `heatmap`.
  package var residual: Heatmap
  /// Which pixels are tissue; the others are neither scored nor shown as abnormal.
  package var tissue: TissueMask
  /// The scan as it was read; `nil` where it is not held whole.
  package var original: Image?
  /// Weight of each channel in a gray picture that shows all channels; not below 0, 1 in sum.
  package var emphasis: [Float]

  /// - Parameter weights: the direction in which a lesion is expected to shift the channels; `nil` weights all channels
  ///   alike.
  package init(
    scan: Image, reconstruction: Image, heatmap: Heatmap, residual: Heatmap, tissue: TissueMask,
    weights: [Float]? = nil
  ) {
    emphasis = EvidenceRule(channelWeights: weights).emphasis(channels: scan.channels)
    self.scan = scan
    self.reconstruction = reconstruction
    self.heatmap = heatmap
    self.residual = residual
    self.tissue = tissue
  }
}
