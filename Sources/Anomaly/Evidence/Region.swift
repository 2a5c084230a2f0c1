/// A connected group of pixels at or above the calibrated threshold, in scan pixels.
package struct Region: Sendable, Equatable, Codable {
  /// One-based, by peak.
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
  /// The pixel of the peak; of equal peaks the first in reading order. Where the heatmap is smaller than the scan, see
  /// `heatmapPixel`. `nil` where an older norma found the region.
  package var peakX: Int?
  package var peakY: Int?
  /// Share of held-out healthy scans that show as massive a region anywhere, in 0...1; `nil` where the model cannot tell.
  package var pValue: Double?
  /// `pValue` adjusted for all scans of the report, in 0...1; `nil` until they are all known.
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
  /// The same in pixels that are smaller by these factors.
  ///
  /// - Parameters:
  ///   - x: at least 1, as is `y`.
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

  /// The column of a heatmap that a column of its scan belongs to, or the row.
  ///
  /// For the pixel of a peak it is exactly the pixel where the peak was found.
  ///
  /// - Parameter downsample: pixels of the scan that one of the heatmap's covers along that axis.
  package static func heatmapPixel(of place: Int, downsample: Double) -> Int { Int(Double(place) / downsample) }

  /// The first column of the scan that belongs to a column of the heatmap, or the row.
  private static func scanPixel(of place: Int, downsample: Double) -> Int {
    var pixel = Int(Double(place) * downsample)
    // A fraction of a pixel, or an error of rounding, is missing at most.
    while heatmapPixel(of: pixel, downsample: downsample) < place { pixel += 1 }
    return pixel
  }
}
