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

  /// - Parameter tissue: which pixels of the scan are tissue, `[height, width]`.
  init(_ heatmap: Heatmap, tissue: [Bool]) {
    self.heatmap = heatmap
    var score = ScanScore()
    score.add(heatmap.values) { tissue[$0] }
    self.score = score.value
  }
}

extension Heatmap {
  /// The heatmap at the scan's own size.
  func enlarged(by factor: Int, over scan: Image) -> Heatmap {
    let grid = Image(width: width, height: height, channels: 1, samples: values)
    return Heatmap(width: scan.width, height: scan.height, values: grid.enlarged(by: factor, over: scan).samples)
  }
}

extension TissueMask {
  /// This mask enlarged by `factor` to the size of `scan`, `[height, width]`. The mask was found on that scan reduced
  /// by `factor`.
  func enlarged(by factor: Int, over scan: Image) -> [Bool] {
    (0..<scan.height).flatMap { y in (0..<scan.width).map { x in isTissue[y / factor * width + x / factor] } }
  }
}
