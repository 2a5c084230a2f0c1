import Anomaly

/// A resolution at which scans are analyzed instead of the model's own.
package struct Resolution: Sendable {
  package var level: Int?
  package var micrometersPerPixel: Double?

  package init(level: Int? = nil, micrometersPerPixel: Double? = nil) {
    self.level = level
    self.micrometersPerPixel = micrometersPerPixel
  }

  /// - Returns: the preparation with this resolution instead of its own.
  func applied(to preparation: Preparation) -> Preparation {
    var result = preparation
    if let level { (result.level, result.micrometersPerPixel) = (level, nil) }
    if let micrometersPerPixel { (result.level, result.micrometersPerPixel) = (nil, micrometersPerPixel) }
    return result
  }

  /// A sentence that warns of less meaningful scores; `nil` where the model's own resolution is the same.
  func note(on preparation: Preparation) -> String? {
    guard applied(to: preparation) != preparation else { return nil }
    return
      "The model was calibrated on scans at \(preparation.gridDescription); this run looked at another resolution, where "
      + "p-values and flags say little."
  }
}
