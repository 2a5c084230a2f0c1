import Imaging
import Numerics
import Reporting
import Testing

struct RegionOutlineTests {
  /// `#` belongs to the group.
  private struct Grid {
    let width: Int
    let height: Int
    let isSet: [Bool]

    init(_ rows: String...) {
      (width, height) = (rows[0].count, rows.count)
      isSet = rows.joined().map { $0 == "#" }
    }

    init(width: Int, height: Int, isSet: [Bool]) { (self.width, self.height, self.isSet) = (width, height, isSet) }

    private var pixels: Plane<Bool> { Plane(width: width, height: height, values: isSet) }
    var outline: RegionOutline { RegionOutline(of: pixels) }
    var withoutHoles: RegionOutline { .withoutHoles(of: pixels) }
  }

  private func places(_ ring: [RegionOutline.Corner]) -> [[Int]] { ring.map { [$0.x, $0.y] } }

  /// By the shoelace formula.
  private func area(_ ring: [RegionOutline.Corner]) -> Int {
    zip(ring, ring.dropFirst() + ring.prefix(1)).reduce(0) { $0 + $1.0.x * $1.1.y - $1.1.x * $1.0.y } / 2
  }

  /// Pixels inside an odd number of rings: those whose left side is passed by an odd number of upright edges.
  private func filled(_ outline: RegionOutline, width: Int, height: Int) -> [Bool] {
    var isSet = [Bool](repeating: false, count: width * height)
    for ring in outline.polygons.flatMap({ [$0.exterior] + $0.holes }) {
      for (a, b) in zip(ring, ring.dropFirst() + ring.prefix(1)) where a.x == b.x {
        for y in min(a.y, b.y)..<max(a.y, b.y) {
          for x in a.x..<width { isSet[y * width + x].toggle() }
        }
      }
    }
    return isSet
  }

  /// Every point of the ring, also between its corners.
  private func points(_ ring: [RegionOutline.Corner]) -> [SIMD2<Int>] {
    zip(ring, ring.dropFirst() + ring.prefix(1)).flatMap { a, b in
      let (from, to) = (SIMD2(a.x, a.y), SIMD2(b.x, b.y))
      let length = max(abs(to.x &- from.x), abs(to.y &- from.y))
      return (0..<length).map { from &+ (to &- from) / length &* $0 }
    }
  }

  private func check(_ outline: RegionOutline, _ grid: Grid) {
    #expect(filled(outline, width: grid.width, height: grid.height) == grid.isSet)
    for polygon in outline.polygons {
      #expect(area(polygon.exterior) > 0)
      #expect(polygon.holes.allSatisfy { area($0) < 0 })
      for ring in [polygon.exterior] + polygon.holes {
        let points = points(ring)
        #expect(Set(points).count == points.count, "the ring \(ring) passes a point twice")
        #expect(ring.count >= 4)
      }
    }
    let total = outline.polygons.flatMap { [$0.exterior] + $0.holes }.reduce(0) { $0 + area($1) }
    #expect(total == grid.isSet.count { $0 })
  }

  @Test func `a pixel is a square that runs clockwise on the screen`() {
    let polygons = Grid("...", ".#.", "...").outline.polygons
    #expect(polygons.map { places($0.exterior) } == [[[2, 1], [2, 2], [1, 2], [1, 1]]])
    #expect(polygons.allSatisfy { $0.holes.isEmpty })
  }

  @Test func `an L at the border has six corners`() {
    let grid = Grid("#..", "#..", "###")
    #expect(
      grid.outline.polygons.map { places($0.exterior) } == [[[1, 0], [1, 2], [3, 2], [3, 3], [0, 3], [0, 0]]])
    check(grid.outline, grid)
  }

  @Test func `a ring has a hole that runs the other way`() throws {
    let grid = Grid("####", "#..#", "####")
    let polygon = try #require(grid.outline.polygons.first)
    #expect(polygon.holes.count == 1)
    #expect(area(polygon.exterior) == 12 && area(polygon.holes[0]) == -2)
    check(grid.outline, grid)
  }

  @Test func `pixels that touch at a corner become two polygons`() {
    let grid = Grid("#.", ".#")
    #expect(grid.outline.polygons.count == 2)
    check(grid.outline, grid)
  }

  @Test func `what a corner closes off is a hole that touches the exterior`() {
    let grid = Grid("##.", "#.#", "###")
    #expect(grid.outline.polygons.map(\.holes.count) == [1])
    check(grid.outline, grid)
  }

  @Test func `holes that touch at a corner stay two`() {
    let grid = Grid("####", "#.##", "##.#", "####")
    #expect(grid.outline.polygons.map(\.holes.count) == [2])
    check(grid.outline, grid)
  }

  @Test func `a part within a hole is a polygon of its own`() {
    let grid = Grid("#####", "#...#", "#.#.#", "#...#", "#####")
    #expect(grid.outline.polygons.map(\.holes.count) == [1, 0])
    check(grid.outline, grid)
  }

  @Test func `a cut beside its hole leaves two polygons without any`() {
    let grid = Grid("####", "#..#", "####")
    #expect(grid.withoutHoles.polygons.map(\.holes.count) == [0, 0])
    check(grid.withoutHoles, grid)
  }

  @Test(arguments: [0.15, 0.4, 0.5, 0.6, 0.85] as [Float])
  func `rings are simple and give back every pixel of noise`(share: Float) {
    var random = RandomGenerator(seed: 7)
    for size in 1...12 {
      let (width, height) = (size + 3, 2 * size)
      let grid = Grid(width: width, height: height, isSet: (0..<width * height).map { _ in random.uniform() < share })
      check(grid.outline, grid)
      check(grid.withoutHoles, grid)
      #expect(grid.withoutHoles.polygons.allSatisfy { $0.holes.isEmpty })
    }
  }

  @Test func `nothing has no outline`() { #expect(Grid("..", "..").outline.polygons.isEmpty) }
}
