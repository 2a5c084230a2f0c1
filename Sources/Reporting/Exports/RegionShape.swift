import Anomaly

/// The shape of a region in pixels of its scan at full size; `(0, 0)` is the upper left corner of the first pixel.
struct RegionShape: Sendable {
  /// Where a shape comes from.
  enum Source: String, Sendable {
    case heatmap
    /// The region is too large for its pixels to be held.
    case boundingBox = "bounding box"
  }

  /// Rings of each polygon, the exterior first; the first point of a ring is repeated as its last. Their direction is that
  /// of `RegionOutline`.
  let polygons: [[[SIMD2<Double>]]]
  let source: Source

  /// - Parameters:
  ///   - pixels: on the heatmap; `nil` where there are too many.
  ///   - hasHoles: whether polygons may have holes; else there are more polygons.
  init(of region: Region, _ pixels: RegionPixels?, on heatmap: ScanHeatmap, of scan: ExportScan, hasHoles: Bool = true)
  {
    let size = SIMD2(Double(scan.width), Double(scan.height))
    func point(_ x: Double, _ y: Double) -> SIMD2<Double> {
      // A heatmap may reach past the scan's edge by part of a pixel. A thousandth of a pixel is no shape.
      (SIMD2(min(x, size.x), min(y, size.y)) * 1000).rounded(.toNearestOrAwayFromZero) / 1000
    }
    guard let pixels else {
      let (left, top) = (Double(region.x), Double(region.y))
      let (right, bottom) = (left + Double(region.width), top + Double(region.height))
      polygons = [
        [[point(left, top), point(right, top), point(right, bottom), point(left, bottom), point(left, top)]]
      ]
      source = .boundingBox
      return
    }
    let (bounds, scale) = (pixels.bounds, heatmap.scale)
    let outline =
      hasHoles
      ? RegionOutline(of: pixels.isSet, width: bounds.width, height: bounds.height)
      : RegionOutline.withoutHoles(of: pixels.isSet, width: bounds.width, height: bounds.height)
    func closed(_ ring: [RegionOutline.Corner]) -> [SIMD2<Double>] {
      (ring + ring.prefix(1)).map { point(Double($0.x + bounds.x) * scale.x, Double($0.y + bounds.y) * scale.y) }
    }
    polygons = outline.polygons.map { [closed($0.exterior)] + $0.holes.map(closed) }
    source = .heatmap
  }

  /// In pixels of the scan, holes left out.
  var area: Double { polygons.joined().reduce(0) { $0 + Self.signedArea(of: $1) } }

  /// By the shoelace formula; holes run the other way round and count as negative.
  private static func signedArea(of ring: [SIMD2<Double>]) -> Double {
    zip(ring, ring.dropFirst()).reduce(0) { $0 + ($1.0.x * $1.1.y - $1.1.x * $1.0.y) / 2 }
  }
}
