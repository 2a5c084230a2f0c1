import Anomaly
import Imaging

/// The pixels of a region on its heatmap.
struct RegionPixels: Sendable {
  /// Within the heatmap.
  let bounds: PixelRectangle
  /// `[bounds.height, bounds.width]`
  let isSet: [Bool]
}

/// Finds the pixels of regions of which the index knows the bounding box alone.
///
/// Groups at the level the regions were made with are the regions again. A heatmap that is held whole is grouped once; of
/// a larger one only the surroundings of each region are read.
struct RegionFinder {
  private let heatmap: ScanHeatmap
  private let level: Float
  private let whole: Window?

  private struct Window {
    let area: PixelRectangle
    let groups: ConnectedComponents
  }

  /// Pixels by which a box may miss its group on a heatmap that is smaller than its scan: boxes are recorded in whole
  /// pixels of the scan, and the scale along y is known but roughly.
  private static let tolerance = 1

  /// - Parameter threshold: the `z` that regions were grouped above.
  init(in heatmap: ScanHeatmap, threshold: Double) throws(ScanFault) {
    self.heatmap = heatmap
    level = Float(threshold)
    let area = PixelRectangle(x: 0, y: 0, width: heatmap.width, height: heatmap.height)
    whole =
      heatmap.width * heatmap.height <= ScanHeatmap.largestWhole ? try Self.window(area, of: heatmap, level) : nil
  }

  private static func window(
    _ area: PixelRectangle, of heatmap: ScanHeatmap, _ level: Float
  ) throws(ScanFault) -> Window {
    let isAbove = try heatmap.values(in: area).map { $0 >= level }
    return Window(area: area, groups: ConnectedComponents(of: isAbove, width: area.width, height: area.height))
  }

  /// - Returns: `nil` where the region is too large to be held.
  /// - Throws: `ScanFault` where there is no such region, so that index and heatmap are not of one analysis.
  func pixels(of region: Region) throws(ScanFault) -> RegionPixels? {
    let box = box(of: region)
    let window: Window
    if let whole {
      window = whole
    } else {
      // A group that reaches out of the window is cut there; with this margin it cannot pass for a whole one.
      let area = grown(box, by: Self.tolerance + 1)
      guard area.width > 0, area.height > 0 else { throw absence(of: region) }
      guard area.width * area.height <= ScanHeatmap.largestWhole else { return nil }
      window = try Self.window(area, of: heatmap, level)
    }
    let found = window.groups.components.indices.map { k in
      (k: k, misfit: Self.misfit(box, window.groups.components[k].bounds, origin: window.area))
    }.filter { $0.misfit.largest <= Self.tolerance }
    guard let best = found.min(by: { $0.misfit.sum < $1.misfit.sum }) else { throw absence(of: region) }
    return Self.pixels(of: best.k, in: window)
  }

  /// The recorded box in pixels of the heatmap.
  private func box(of region: Region) -> PixelRectangle {
    // Boxes were rounded outwards when they were scaled; the small number keeps whole ones from rounding errors.
    func first(_ place: Int, _ scale: Double) -> Int { Int((Double(place) / scale - 1e-6).rounded(.up)) }
    func end(_ place: Int, _ scale: Double) -> Int { Int((Double(place) / scale + 1e-6).rounded(.down)) }
    let (x, y) = (first(region.x, heatmap.scale.x), first(region.y, heatmap.scale.y))
    return PixelRectangle(
      x: x, y: y, width: end(region.x + region.width, heatmap.scale.x) - x,
      height: end(region.y + region.height, heatmap.scale.y) - y)
  }

  private func grown(_ box: PixelRectangle, by margin: Int) -> PixelRectangle {
    let (x, y) = (max(0, box.x - margin), max(0, box.y - margin))
    return PixelRectangle(
      x: x, y: y, width: min(heatmap.width, box.x + box.width + margin) - x,
      height: min(heatmap.height, box.y + box.height + margin) - y)
  }

  private static func misfit(
    _ box: PixelRectangle, _ bounds: PixelRectangle, origin: PixelRectangle
  ) -> (largest: Int, sum: Int) {
    let (x, y) = (bounds.x + origin.x, bounds.y + origin.y)
    let sides = [
      abs(x - box.x), abs(y - box.y), abs(x + bounds.width - box.x - box.width),
      abs(y + bounds.height - box.y - box.height),
    ]
    return (sides.max() ?? 0, sides.reduce(0, +))
  }

  private static func pixels(of k: Int, in window: Window) -> RegionPixels {
    let bounds = window.groups.components[k].bounds
    var isSet: [Bool] = []
    isSet.reserveCapacity(bounds.width * bounds.height)
    for y in bounds.y..<bounds.y + bounds.height {
      let first = y * window.area.width + bounds.x
      isSet += window.groups.labels[first..<first + bounds.width].map { $0 == Int32(k + 1) }
    }
    return RegionPixels(
      bounds: PixelRectangle(
        x: bounds.x + window.area.x, y: bounds.y + window.area.y, width: bounds.width, height: bounds.height),
      isSet: isSet)
  }

  private func absence(of region: Region) -> ScanFault {
    .heatmap(
      heatmap.path,
      "region \(region.rank), which the index has at \(region.x), \(region.y) with \(region.width)x\(region.height) "
        + "pixels, is not in it at z \(level)")
  }
}
