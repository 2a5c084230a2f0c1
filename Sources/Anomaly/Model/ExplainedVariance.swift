/// How much of the variation of tissue reconstructions reproduce: R², the coefficient of determination.
///
/// `R² = 1 - sum((x - r)²) / sum((x - m)²)`, where `x` is the intensity of a pixel of tissue, `r` its reconstruction
/// and `m` the mean of the tissue of its own patch in the same channel. Both sums run over the tissue of the patches of
/// all scans, for one channel or for all. R² is 1 for a perfect reconstruction and 0 for a uniform one of the right
/// mean; it is negative where a uniform one would be better.
///
/// The mean is the patch's own because where every scan is normalized by itself, differences between the means of scans
/// say nothing. The sums are pooled before they are divided, so that a nearly uniform patch, whose own ratio would have
/// no bound, counts no more than its pixels do.
package struct ExplainedVariance: Codable, Sendable, Equatable {
  /// Number of tissue values, channel by channel.
  private var counts: [Int]
  /// Sum of the squared differences of scan and reconstruction, channel by channel.
  private var residual: [Double]
  /// Sum of the squared deviations from the patch's mean, channel by channel.
  private var total: [Double]

  /// Tissue with a smaller variance is uniform, and R² is not defined; intensities are nominally 0...1.
  private static let leastVariance = 1e-9

  package init(channels: Int) {
    counts = [Int](repeating: 0, count: channels)
    residual = [Double](repeating: 0, count: channels)
    total = residual
  }

  /// Adds a patch.
  ///
  /// - Parameters:
  ///   - patch: intensities, `[pixels, channels]`; `NaN` where there is no data.
  ///   - reconstruction: same shape.
  ///   - isTissue: whether each pixel is tissue.
  package mutating func add(
    _ patch: UnsafeBufferPointer<Float>, reconstruction: UnsafeBufferPointer<Float>, isTissue: [Bool]
  ) {
    let channels = counts.count
    for c in 0..<channels {
      let places = isTissue.indices.filter { isTissue[$0] && !patch[$0 * channels + c].isNaN }
        .map { $0 * channels + c }
      guard !places.isEmpty else { continue }
      let mean = places.reduce(0.0) { $0 + Double(patch[$1]) } / Double(places.count)
      for i in places {
        let (value, difference) = (Double(patch[i]), Double(patch[i]) - Double(reconstruction[i]))
        residual[c] += difference * difference
        total[c] += (value - mean) * (value - mean)
      }
      counts[c] += places.count
    }
  }

  /// R² of every channel; `nil` where the channel's tissue is uniform.
  package var channels: [Double?] {
    counts.indices.map { Self.share(count: counts[$0], residual: residual[$0], total: total[$0]) }
  }

  /// R² of all channels together; `nil` where all tissue is uniform, or there is none.
  package var overall: Double? {
    Self.share(count: counts.reduce(0, +), residual: residual.reduce(0, +), total: total.reduce(0, +))
  }

  var isFinite: Bool { (residual + total).allSatisfy(\.isFinite) }

  func fits(channels: Int) -> Bool {
    counts.count == channels && residual.count == channels && total.count == channels
      && (residual + total).allSatisfy { $0.isFinite && $0 >= 0 } && counts.allSatisfy { $0 >= 0 }
  }

  private static func share(count: Int, residual: Double, total: Double) -> Double? {
    total > leastVariance * Double(count) ? 1 - residual / total : nil
  }
}
