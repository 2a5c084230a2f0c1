import Anomaly

/// The shape of a region in pixels of its scan at full size. `(0, 0)` is the upper left corner of the first pixel.
struct RegionShape: Sendable {
  /// The source of a shape.
  enum Source: String, Sendable {
    case heatmap
    /// The shape is only the region's box, because the region is too large to hold its pixels in memory.
    case boundingBox = "bounding box"
  }

  /// The rings of each polygon, with the exterior first. The first point of a ring is repeated as its last point. Rings
  /// have the same directions as in `RegionOutline`.
  let polygons: [[[SIMD2<Double>]]]
  let source: Source

  /// - Parameters:
  ///   - pixels: the region's pixels on the heatmap; `nil` if there are too many.
  ///   - hasHoles: whether polygons may have holes; otherwise a region with holes becomes several polygons.
  init(of region: Region, _ pixels: RegionPixels?, on heatmap: ScanHeatmap, of scan: ExportScan, hasHoles: Bool = true)
  {
    let size = SIMD2(Double(scan.width), Double(scan.height))
    func point(_ x: Double, _ y: Double) -> SIMD2<Double> {
      // A heatmap may extend past the scan's edge by part of a pixel, so points are clamped to the scan. They are
      // rounded to a thousandth of a pixel.
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
      ? RegionOutline(of: pixels.isSet)
      : RegionOutline.withoutHoles(of: pixels.isSet)
    func closed(_ ring: [RegionOutline.Corner]) -> [SIMD2<Double>] {
      (ring + ring.prefix(1)).map { point(Double($0.x + bounds.x) * scale.x, Double($0.y + bounds.y) * scale.y) }
    }
    polygons = outline.polygons.map { [closed($0.exterior)] + $0.holes.map(closed) }
    source = .heatmap
  }

  /// The area in pixels of the scan, without holes.
  var area: Double { polygons.joined().reduce(0) { $0 + Self.signedArea(of: $1) } }

  /// The area of a ring by the shoelace formula. The area of a hole is negative, because its ring has the opposite
  /// direction.
  private static func signedArea(of ring: [SIMD2<Double>]) -> Double {
    zip(ring, ring.dropFirst()).reduce(0) { $0 + ($1.0.x * $1.1.y - $1.1.x * $1.0.y) / 2 }
  }
}
