import Imaging

/// Two baselines that detect lesions without any training. They are reported next to the model's own figures.
///
/// `plain`: channels divided by the 99th percentile of the case's foreground, weighted, summed and smoothed; a reader
/// would try this first. `standardized`: the model's own chain from standardization on, applied to the scan instead of
/// the residual. The difference between it and the model is what the network adds.
package struct BaselineScores: Sendable {
  private let model: Model
  private let weights: [Float]
  private static let smoothing: Float = 4

  /// - Parameter weights: channel weights of the plain baseline; `nil` takes the model's weights, or equal ones.
  package init(model: Model, weights: [Float]?) {
    self.model = model
    self.weights =
      weights ?? model.book.rule.channelWeights
      ?? [Float](repeating: 1, count: model.preparation.channels)
  }

  /// - Parameter images: the scans of one case, as read.
  /// - Returns: heatmaps of the scans' own sizes; `standardized` in `z`, `plain` in shares of the 99th percentile.
  package func scores(of images: [Image]) -> (plain: [ScoredHeatmap], standardized: [ScoredHeatmap]) {
    let rule = model.book.rule
    guard !images.isEmpty else { return ([], []) }
    let coarse = Normalization(method: .percentile(99), scope: .wholeCase)
    let shared = coarse.parameters(of: images)
    let prepared = model.preparation.prepare(images)
    let plain = zip(images, prepared).map { raw, prepared in
      let image = coarse.apply(shared, to: raw)
      var map = Heatmap(width: image.width, height: image.height, filledWith: 0)
      for pixel in map.values.indices {
        var sum: Float = 0
        for c in 0..<image.channels { sum += weights[c % weights.count] * image.samples[pixel * image.channels + c] }
        let signed = rule.polarity == .bright ? sum : rule.polarity == .dark ? -sum : abs(sum)
        map.values[pixel] = signed.isNaN ? 0 : signed
      }
      return ScoredHeatmap(
        map.blurred(sigma: Self.smoothing),
        depth: prepared.scan.depth.enlarged(by: prepared.factor, width: raw.width, height: raw.height))
    }
    let standardized = zip(images, prepared).map { image, prepared in
      ScoredHeatmap(model.book.untrained(of: prepared.scan), of: prepared, over: image)
    }
    return (plain, standardized)
  }
}
