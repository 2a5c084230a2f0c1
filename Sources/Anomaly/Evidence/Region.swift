/// A connected group of pixels at or above the calibrated threshold, in scan pixels.
package struct Region: Sendable, Equatable, Codable {
  /// One-based rank, by peak.
  package var rank: Int
  /// Bounding box, top left corner and size.
  package var x: Int
  package var y: Int
  package var width: Int
  package var height: Int
  package var areaPixels: Int
  /// `nil` where the pixel size is unknown.
  package var areaSquareMillimeters: Double?
  /// Largest and mean heatmap value inside, as `z`.
  package var peak: Double
  package var mean: Double
  /// Pixel with the largest heatmap value; if several are equal, the first in reading order. If the heatmap is smaller
  /// than the scan, `heatmapPixel` converts it. `nil` if an older norma found the region.
  package var peakX: Int?
  package var peakY: Int?
  /// Share of held-out healthy cases that show a region at least as massive in any scan, in 0...1; `nil` until all
  /// scans of the case are known. See `Calibration.pValue(ofRegionWithMass:caseOf:)`.
  package var pValue: Double?
  /// `pValue` adjusted for all cases of the report, in 0...1; `nil` until all of them are known.
  package var qValue: Double?

  package init(
    rank: Int, x: Int, y: Int, width: Int, height: Int, areaPixels: Int, areaSquareMillimeters: Double?,
    peak: Double, mean: Double, peakX: Int? = nil, peakY: Int? = nil, pValue: Double? = nil, qValue: Double? = nil
  ) {
    self.rank = rank
    self.x = x
    self.y = y
    self.width = width
    self.height = height
    self.areaPixels = areaPixels
    self.areaSquareMillimeters = areaSquareMillimeters
    self.peak = peak
    self.mean = mean
    self.peakX = peakX
    self.peakY = peakY
    self.pValue = pValue
    self.qValue = qValue
  }
}

extension Region {
  /// The same region in pixels that are smaller by the factors `x` and `y`.
  ///
  /// - Parameters:
  ///   - x: factor along x; at least 1, like `y`.
  package func scaled(x: Double, y: Double) -> Region {
    var scaled = self
    (scaled.x, scaled.y) = (Int(Double(self.x) * x), Int(Double(self.y) * y))
    scaled.width = Int((Double(self.x + width) * x).rounded(.up)) - scaled.x
    scaled.height = Int((Double(self.y + height) * y).rounded(.up)) - scaled.y
    scaled.areaPixels = Int((Double(areaPixels) * x * y).rounded())
    scaled.peakX = peakX.map { Self.scanPixel(of: $0, downsample: x) }
    scaled.peakY = peakY.map { Self.scanPixel(of: $0, downsample: y) }
    return scaled
  }

  /// The column (or row) of a heatmap that a column (or row) of its scan belongs to.
  ///
  /// For the pixel of a peak, the result is exactly the pixel where the peak was found.
  ///
  /// - Parameter downsample: number of the scan's pixels that one pixel of the heatmap covers along that axis.
  package static func heatmapPixel(of place: Int, downsample: Double) -> Int { Int(Double(place) / downsample) }

  /// The first column (or row) of the scan that belongs to a column (or row) of the heatmap.
  private static func scanPixel(of place: Int, downsample: Double) -> Int {
    var pixel = Int(Double(place) * downsample)
    // `pixel` is too small by at most a fraction of a pixel or a rounding error.
    while heatmapPixel(of: pixel, downsample: downsample) < place { pixel += 1 }
    return pixel
  }
}
