import Imaging

/// The outline of a group of pixels, along the pixels' edges.
///
/// Pixels of a group may be connected only by corners, which no simple ring can express. So each part that is connected
/// by sides becomes one polygon. A ring never passes a point twice, and rings touch each other only in single points,
/// which is valid by OGC 06-103r4, 6.1.11.
package struct RegionOutline: Sendable, Equatable {
  /// A corner of pixels. `(0, 0)` is the upper left corner of the first pixel.
  package struct Corner: Sendable, Equatable {
    package var x: Int
    package var y: Int
  }

  /// A polygon of rings. A ring lists each corner where it turns once, so no three consecutive corners are on one line.
  package struct Polygon: Sendable, Equatable {
    /// The outer ring. Its area by the shoelace formula is positive: the ring is clockwise on a screen, and
    /// counterclockwise if y points up.
    package var exterior: [Corner]
    /// The rings of holes, in the opposite direction to the exterior.
    package var holes: [[Corner]]
  }

  package let polygons: [Polygon]

  /// - Parameter isSet: which pixels belong to the group.
  package init(of isSet: Plane<Bool>) {
    let tracer = Tracer(ConnectedComponents(of: isSet, connectivity: .four))
    polygons = tracer.polygons()
  }

  fileprivate init(polygons: [Polygon]) { self.polygons = polygons }

  /// The outline of the same pixels as polygons without holes. The group is cut into vertical strips, so that a cut
  /// runs along or through every hole.
  package static func withoutHoles(of isSet: Plane<Bool>) -> RegionOutline {
    let whole = RegionOutline(of: isSet)
    var cuts = [0]
    let spans = whole.polygons.flatMap(\.holes).map { hole in
      (first: hole.map(\.x).min() ?? 0, last: hole.map(\.x).max() ?? 0)
    }
    // Each cut is at the last place that the next hole allows, which gives the fewest cuts.
    for span in spans.sorted(by: { $0.last < $1.last }) where span.first > cuts.last! { cuts.append(span.last) }
    guard cuts.count > 1 else { return whole }
    var polygons: [Polygon] = []
    for (left, right) in zip(cuts, cuts.dropFirst() + [isSet.width]) {
      let columns = PixelRectangle(x: left, y: 0, width: right - left, height: isSet.height)
      let part = RegionOutline(of: isSet.cropped(to: columns))
      polygons += part.polygons.map { polygon in
        Polygon(exterior: polygon.exterior.map { Corner(x: $0.x + left, y: $0.y) }, holes: [])
      }
    }
    return RegionOutline(polygons: polygons)
  }
}

/// Walks along the borders of parts. The part is on its right, as seen on a screen.
private struct Tracer {
  /// Headings, in the order of right turns.
  private enum Heading: Int {
    case east, south, west, north

    var step: (x: Int, y: Int) {
      switch self {
      case .east: (1, 0)
      case .south: (0, 1)
      case .west: (-1, 0)
      case .north: (0, -1)
      }
    }

    func turned(_ quarters: Int) -> Heading { Heading(rawValue: (rawValue + quarters) & 3)! }
  }

  private let parts: ConnectedComponents

  init(_ parts: ConnectedComponents) { self.parts = parts }

  /// The label of the part that a pixel belongs to; 0 outside the parts and outside the picture.
  private func part(_ x: Int, _ y: Int) -> Int32 {
    x >= 0 && y >= 0 && x < parts.labels.width && y < parts.labels.height ? parts.labels[x, y] : 0
  }

  func polygons() -> [RegionOutline.Polygon] {
    var polygons = parts.components.map { _ in RegionOutline.Polygon(exterior: [], holes: []) }
    // Marks pixels whose upper side a ring follows. Every ring follows the upper side of at least one pixel.
    var isWalked = [Bool](repeating: false, count: parts.labels.values.count)
    for y in 0..<parts.labels.height {
      for x in 0..<parts.labels.width {
        let label = part(x, y)
        guard label != 0, part(x, y - 1) == 0, !isWalked[y * parts.labels.width + x] else { continue }
        let ring = ring(from: RegionOutline.Corner(x: x, y: y), marking: &isWalked)
        let k = Int(label) - 1
        // In reading order, the first pixel of a part is on the part's exterior.
        if polygons[k].exterior.isEmpty { polygons[k].exterior = ring } else { polygons[k].holes.append(ring) }
      }
    }
    return polygons
  }

  /// Walks along one ring.
  ///
  /// - Parameter start: the upper left corner of a pixel that has no pixel of its part above it.
  private func ring(from start: RegionOutline.Corner, marking isWalked: inout [Bool]) -> [RegionOutline.Corner] {
    var ring: [RegionOutline.Corner] = []
    var heading = Heading.east
    var place = start
    repeat {
      if heading == .east { isWalked[place.y * parts.labels.width + place.x] = true }
      place.x += heading.step.x
      place.y += heading.step.y
      let next = next(at: place, heading)
      if next != heading { ring.append(place) }
      heading = next
    } while place != start || heading != .east
    return ring
  }

  private func next(at place: RegionOutline.Corner, _ heading: Heading) -> Heading {
    let (x, y) = (place.x, place.y)
    // The pixels around the corner, clockwise from the upper left. The pixels ahead then have the same offset from
    // every heading's raw value.
    let around = [part(x - 1, y - 1), part(x, y - 1), part(x, y), part(x - 1, y)]
    let left = around[(heading.rawValue + 1) & 3]
    let right = around[(heading.rawValue + 2) & 3]
    if left == 0 { return right == 0 ? heading.turned(1) : heading }
    // Two pixels may touch only at this corner. If they belong to one part, the space that they enclose becomes a
    // separate hole. If they belong to two parts, each part keeps its own ring.
    let own = around[(heading.rawValue + 3) & 3]
    return right == 0 && left != own ? heading.turned(1) : heading.turned(3)
  }
}
