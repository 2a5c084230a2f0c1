import Anomaly
import Imaging
import Numerics
import Testing

struct NeighbouringSlicesTests {
  private static let edge = 40

  /// Scans of a case; each is a mixture of smooth fields that lie `step` apart along a line of fields.
  private static func scans(_ count: Int, step: Float, seed: UInt64, series: String?, stride: Int = 1) -> [PreparedScan]
  {
    var random = RandomGenerator(seed: seed)
    let fields = (0...Int(Float(count) * step) + 1).map { _ in
      NoiseField.smooth(cells: 5, edge: edge, using: &random)
    }
    return (0..<count).map { k in
      let place = Float(k) * step
      let (first, share) = (Int(place), place - Float(Int(place)))
      let samples = (0..<edge * edge).map { i in
        0.5 + 0.1 * ((1 - share) * fields[first][i] + share * fields[first + 1][i])
      }
      var scan = PreparedScan(
        image: Image(width: edge, height: edge, channels: 1, samples: samples),
        tissue: TissueMask(width: edge, height: edge, filledWith: true))
      scan.place = series.map { SlicePlace(series: $0, number: k * stride, step: 1) }
      return scan
    }
  }

  @Test func `slices that change little from one to the next are neighbours`() {
    let cases = (UInt64(0)..<6).map { Self.scans(9, step: 0.3, seed: $0, series: "case\($0)") }
    #expect(NeighbouringSlices.areFound(in: cases))
  }

  @Test func `fields that show different tissue are no neighbours`() {
    let cases = (UInt64(0)..<6).map { Self.scans(9, step: 1, seed: $0, series: "case\($0)") }
    #expect(!NeighbouringSlices.areFound(in: cases))
  }

  /// Radiographs in one pose all resemble each other, in whatever order they were taken.
  @Test func `scans that all resemble each other are no neighbours`() {
    let cases = (UInt64(0)..<6).map { Self.scans(9, step: 0.01, seed: $0, series: "case\($0)") }
    #expect(!NeighbouringSlices.areFound(in: cases))
  }

  @Test func `scans without a number in their names are no neighbours`() {
    let cases = (UInt64(0)..<6).map { Self.scans(9, step: 0.3, seed: $0, series: nil) }
    #expect(!NeighbouringSlices.areFound(in: cases))
  }

  @Test func `a map is averaged with its neighbours in the series, where they show tissue`() {
    var scans = Self.scans(3, step: 0.3, seed: 1, series: "a")
    scans[2].place = SlicePlace(series: "b", number: 2, step: 1)
    var tissue = TissueMask(width: Self.edge, height: Self.edge, filledWith: true)
    for i in 0..<Self.edge { tissue.values[i] = false }
    var bare = PreparedScan(image: scans[0].image, tissue: tissue)
    bare.place = scans[0].place
    let maps = [4, 8, 100].map { Plane<Float>(width: Self.edge, height: Self.edge, filledWith: $0) }
    let smoothed = NeighbouringSlices.smoothed(maps, of: [bare, scans[1], scans[2]])
    #expect(smoothed[0][5, 20] == Float(4 * 2 + 8) / 3)
    #expect(smoothed[1][5, 20] == Float(8 * 2 + 4) / 3)
    #expect(smoothed[1][5, 0] == 8)
    #expect(smoothed[2][5, 20] == 100)
  }

  @Test func `slices with a gap between them are no neighbours`() {
    var scans = Self.scans(3, step: 0.3, seed: 1, series: "a")
    scans[2].place = SlicePlace(series: "a", number: 40, step: 1)
    #expect(NeighbouringSlices.neighbours(of: 1, in: scans) == [0])
    let cases = (UInt64(0)..<6).map { Self.scans(9, step: 0.3, seed: $0, series: "case\($0)", stride: 2) }
    #expect(!NeighbouringSlices.areFound(in: cases))
  }

  @Test func `files whose names differ in their last number are a series, and so are pages`() {
    let names = [
      "case/slice_1.tif", "case/slice_3.tif", "case/slice_10.tif", "case/t1_3_flair.tif", "case/left.tif",
      "case/20241128001.tif", "case/20241128002.tif", "slice_1.tif", "slice_2.tif", "other/slice_2.tif",
    ]
    let places = SlicePlace.places(of: names.map { ($0, nil) })
    let slices = [1, 3, 10].map { SlicePlace(series: "case/slice_#", number: $0, step: 2) }
    #expect(places == slices + [SlicePlace?](repeating: nil, count: names.count - 3))
    #expect(places[0]?.steps(to: slices[1]) == 1 && places[1]?.steps(to: slices[2]) == 4)
    #expect(
      SlicePlace.places(of: [("case/stack.tif", 4), ("case/stack.tif", 5)])
        == [4, 5].map { SlicePlace(series: "case/stack.tif", number: $0, step: 1) })
  }
}
