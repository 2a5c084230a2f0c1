import Compute

/// Numbers that compare a batch's pixels with healthy tissue without a network: the score network's further inputs.
package struct TissueStatistics {
  /// See `ChannelExpectation.fill`.
  let deviations: Tensor?
  /// See `LocalTexture.fill`.
  package let texture: Tensor?
  private let preparation: Preparation

  /// - Parameters:
  ///   - scans: shape of the batch, `[n, h, w, c]`.
  ///   - takesDeviations: whether deviations are computed, where there is an expectation.
  ///   - takesTexture: whether texture is computed, where it was learned.
  package init(
    _ preparation: Preparation, of scans: Shape, takesDeviations: Bool = true, takesTexture: Bool = true,
    engine: Engine
  ) throws {
    self.preparation = preparation
    deviations = takesDeviations && preparation.expectation != nil ? try Tensor(scans, engine: engine) : nil
    texture =
      takesTexture && preparation.localTexture != nil
      ? try Tensor(Shape(scans.n, scans.h, scans.w, LocalTexture.count), engine: engine) : nil
  }

  /// - Parameters:
  ///   - scans: normalized intensities without `NaN`, `[n, h, w, c]`.
  ///   - depth: distance below the tissue's surface in pixels, `[n, h, w]`; 0 outside tissue.
  ///   - units: those of each scan.
  func fill(of scans: Tensor, depth: UnsafeBufferPointer<Float>, units: [SharedUnits?]) {
    if let deviations { preparation.expectation?.fill(deviations, of: scans, depth: depth) }
    if let texture { preparation.localTexture?.fill(texture, of: scans, depth: depth, units: units) }
  }
}
