import Anomaly
import Compute
import Imaging
import Numerics
import Testing

struct RowComponentsTests {
  private func components(of values: [Float], width: Int, level: Float) -> RowComponents {
    var result = RowComponents(level: level)
    for first in stride(from: 0, to: values.count, by: width) {
      Array(values[first..<first + width]).withUnsafeBufferPointer { row in result.add(row: row) { first + $0 } }
    }
    return result
  }

  @Test(arguments: 0..<20 as Range<UInt64>, [Float(0.3), 0.5, 0.8])
  func `groups are those of the whole picture`(seed: UInt64, level: Float) {
    var random = RandomGenerator(seed: seed)
    let (width, height) = (1 + random.integer(below: 40), 1 + random.integer(below: 40))
    let values = (0..<width * height).map { _ in random.uniform() }
    let whole = ConnectedComponents(of: Plane(width: width, height: height, values: values.map { $0 >= level }))
    let groups = components(of: values, width: width, level: level).groups
      .sorted { ($0.peakPlace.y, $0.peakPlace.x) < ($1.peakPlace.y, $1.peakPlace.x) }
    #expect(groups.count == whole.components.count)
    for group in groups {
      let label = whole.labels[group.peakPlace.x, group.peakPlace.y]
      let members = values.indices.filter { whole.labels.values[$0] == label }
      let bounds = whole.components[Int(label) - 1].bounds
      #expect(group.pixels == members.count)
      #expect(abs(group.sum - members.reduce(0) { $0 + Double(values[$1]) }) < 1e-9)
      #expect(group.peak == members.map { values[$0] }.max())
      #expect(group.peakTag == group.peakPlace.y * width + group.peakPlace.x)
      #expect(
        bounds
          == PixelRectangle(
            x: group.left, y: group.top, width: group.right - group.left + 1, height: group.bottom - group.top + 1))
    }
  }

  @Test(
    arguments: [
      ([3, 0, 3, 1, 1, 1], (0, 0)), ([0, 0, 3, 3, 0, 1, 1, 1, 1], (0, 2)), ([1, 0, 3, 1, 1, 3], (0, 2)),
      ([0, 1, 3, 3, 1, 1], (0, 2)),
    ] as [([Float], (Int, Int))])
  func `of equal peaks the first in reading order is kept`(values: [Float], place: (Int, Int)) {
    let groups = components(of: values, width: 3, level: 1).groups
    #expect(groups.map { [$0.peakPlace.y, $0.peakPlace.x] } == [[place.0, place.1]])
    #expect(groups.first?.peakTag == place.0 * 3 + place.1)
  }

  @Test func `a label of the last row names the group it ends up in`() {
    // A comb whose teeth are joined below: the second tooth's label is given up.
    let level: Float = 1
    var comb = RowComponents(level: level)
    [Float(2), 0, 3, 0].withUnsafeBufferPointer { comb.add(row: $0) }
    let second = comb.label(atX: 2)
    #expect(comb.label(atX: 1) == -1 && comb.label(atX: 3) == -1)
    #expect(comb.label(atX: 0) != second)
    [Float(1), 1, 1, 0].withUnsafeBufferPointer { comb.add(row: $0) }
    #expect(comb.groups.count == 1)
    #expect(comb.group(of: second).pixels == 5)
    #expect(comb.group(of: second).peak == 3)
  }
}
