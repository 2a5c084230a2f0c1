import Anomaly
import Imaging

/// The heatmap pixels that belong to a region.
struct RegionPixels: Sendable {
  /// Bounding box of the pixels, within the heatmap.
  let bounds: PixelRectangle
  /// Which pixels of the box belong to the region.
  let isSet: Plane<Bool>
}

/// Finds the pixels of regions on a heatmap. A region is the connected group of pixels that contains its peak.
///
/// A small heatmap is read whole and its pixels are grouped once. For a larger heatmap only the surroundings of each
/// region are read.
struct HeatmapRegions {
  private let heatmap: ScanHeatmap
  private let threshold: Double
  private let whole: Window?
  /// Number of heatmap pixels by which a region's box may be off if the heatmap is smaller than its scan, because older
  /// versions of norma recorded only the scale along x.
  private let margin: Double

  private struct Window {
    let area: PixelRectangle
    let heat: Heatmap
    let groups: ConnectedComponents
  }

  /// - Parameter threshold: pixels at or above this `z` were grouped into regions.
  init(in heatmap: ScanHeatmap, threshold: Double) throws(ScanFault) {
    self.heatmap = heatmap
    self.threshold = threshold
    margin = heatmap.scale == SIMD2(1, 1) ? 0 : 1
    let area = PixelRectangle(x: 0, y: 0, width: heatmap.width, height: heatmap.height)
    whole =
      heatmap.width * heatmap.height <= ScanHeatmap.largestWhole
      ? try Self.window(area, of: heatmap, threshold) : nil
  }

  private static func window(
    _ area: PixelRectangle, of heatmap: ScanHeatmap, _ threshold: Double
  ) throws(ScanFault) -> Window {
    let heat = try heatmap.values(in: area)
    return Window(area: area, heat: heat, groups: ConnectedComponents(of: heat.isInRegion(threshold: threshold)))
  }

  /// - Returns: `nil` if the region is too large to hold in memory.
  /// - Throws: `ScanFault` if the heatmap lacks the region's peak: then the index and the heatmap come from different
  ///   analyses.
  func pixels(of region: Region) throws(ScanFault) -> RegionPixels? {
    let window: Window
    if let whole {
      window = whole
    } else {
      let area = surroundings(of: region)
      guard area.width > 0, area.height > 0 else { throw absence(of: region) }
      guard area.width * area.height <= ScanHeatmap.largestWhole else { return nil }
      window = try Self.window(area, of: heatmap, threshold)
    }
    guard let peak = peak(of: region, in: window), Double(window.heat.values[peak]) == region.peak,
      window.groups.labels.values[peak] > 0
    else { throw absence(of: region) }
    return Self.pixels(ofGroup: window.groups.labels.values[peak], in: window)
  }

  /// The region's box in heatmap pixels, enlarged by the margin.
  private func surroundings(of region: Region) -> PixelRectangle {
    func span(_ first: Int, _ length: Int, _ scale: Double, _ count: Int) -> (first: Int, length: Int) {
      let limit = Double(count)
      let begin = min(max(0, (Double(first) / scale).rounded(.down) - margin), limit)
      let end = min((Double(first + length) / scale).rounded(.up) + margin, limit)
      return (Int(begin), Int(end - begin))
    }
    let (x, y) = (
      span(region.x, region.width, heatmap.scale.x, heatmap.width),
      span(region.y, region.height, heatmap.scale.y, heatmap.height)
    )
    return PixelRectangle(x: x.first, y: y.first, width: x.length, height: y.length)
  }

  /// The index of the region's peak among the values of a window; `nil` if the peak is not there.
  private func peak(of region: Region, in window: Window) -> Int? {
    let area = window.area
    if let x = region.peakX, let y = region.peakY {
      guard let pixel = heatmap.pixel(atX: x, y: y), area.x..<area.x + area.width ~= pixel.x,
        area.y..<area.y + area.height ~= pixel.y
      else { return nil }
      return (pixel.y - area.y) * area.width + pixel.x - area.x
    }
    // Older versions of norma recorded only the peak's value and the region's box.
    let box = surroundings(of: region)
    for y in box.y..<box.y + box.height {
      for x in box.x..<box.x + box.width {
        let place = (y - area.y) * area.width + x - area.x
        let label = Int(window.groups.labels.values[place])
        guard label > 0, Double(window.heat.values[place]) == region.peak else { continue }
        if box.holds(window.groups.components[label - 1].bounds, at: area) { return place }
      }
    }
    return nil
  }

  private static func pixels(ofGroup label: Int32, in window: Window) -> RegionPixels {
    let bounds = window.groups.components[Int(label) - 1].bounds
    return RegionPixels(
      bounds: PixelRectangle(
        x: bounds.x + window.area.x, y: bounds.y + window.area.y, width: bounds.width, height: bounds.height),
      isSet: window.groups.labels.cropped(to: bounds).map { $0 == label })
  }

  private func absence(of region: Region) -> ScanFault {
    .heatmap(
      heatmap.path,
      "region \(region.rank), which the index has at \(region.x), \(region.y) with \(region.width)x\(region.height) "
        + "pixels, is not in it at z \(Float(threshold))")
  }
}

extension PixelRectangle {
  /// Whether this rectangle contains another one.
  ///
  /// - Parameter origin: the rectangle whose upper left corner is the origin of `other`'s coordinates.
  fileprivate func holds(_ other: PixelRectangle, at origin: PixelRectangle) -> Bool {
    let (left, top) = (other.x + origin.x, other.y + origin.y)
    return left >= x && top >= y && left + other.width <= x + width && top + other.height <= y + height
  }
}
