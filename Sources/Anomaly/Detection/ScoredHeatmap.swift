import Imaging

/// A heatmap at a scan's own size, and the scan's score.
package struct ScoredHeatmap: Sendable {
  package let heatmap: Heatmap
  /// See `ScanScore`.
  package let score: Double

  /// - Parameters:
  ///   - heat: heatmap of a scan on the model's grid.
  ///   - prepared: the scan on the model's grid.
  ///   - image: the scan at its own size.
  init(_ heat: Heatmap, of prepared: PreparedImage, over image: Image) {
    heatmap = heat.enlarged(by: prepared.factor, over: image)
    score = ScanScore(of: heat, in: prepared.scan).value
  }

  /// - Parameter depth: distance of the heatmap's pixels to the tissue's edge; 0 outside tissue.
  init(_ heatmap: Heatmap, depth: Plane<Float>) {
    self.heatmap = heatmap
    var score = ScanScore()
    score.add(heatmap, depth: depth)
    self.score = score.value
  }
}

extension Heatmap {
  /// The heatmap at the scan's own size.
  func enlarged(by factor: Int, over scan: Image) -> Heatmap {
    Heatmap(Image(self).enlarged(by: factor, over: scan))
  }
}
