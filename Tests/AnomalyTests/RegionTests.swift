import Anomaly
import Imaging
import Testing

/// A map drawn with a digit for each pixel; `.` is 0.
private func map(_ rows: String...) -> Heatmap {
  Heatmap(
    width: rows[0].count, height: rows.count,
    values: rows.joined().map { $0 == "." ? 0 : Float($0.wholeNumberValue!) })
}

struct RegionTests {
  private let three = map(
    "55......",
    "56...9..",
    ".....8..",
    "........",
    "44......",
    "44.....7")

  @Test func `regions come with their rank, box, area, peak and mean`() {
    let regions = three.regions(above: 4, minimumArea: 2, pixelSize: PixelSize(x: 500, y: 200))
    #expect(
      regions == [
        Region(
          rank: 1, x: 5, y: 1, width: 1, height: 2, areaPixels: 2, areaSquareMillimeters: 0.2, peak: 9, mean: 8.5),
        Region(
          rank: 2, x: 0, y: 0, width: 2, height: 2, areaPixels: 4, areaSquareMillimeters: 0.4, peak: 6, mean: 5.25),
        Region(
          rank: 3, x: 0, y: 4, width: 2, height: 2, areaPixels: 4, areaSquareMillimeters: 0.4, peak: 4, mean: 4),
      ])
  }

  @Test func `without a pixel size there is no area in millimeters`() {
    #expect(three.regions(above: 4, minimumArea: 2, pixelSize: nil).allSatisfy { $0.areaSquareMillimeters == nil })
  }

  @Test(arguments: [(1, [9, 7, 6, 4]), (2, [9, 6, 4]), (3, [6, 4]), (4, [6, 4]), (5, [])] as [(Int, [Double])])
  func `smaller groups than the least area are left out`(area: Int, peaks: [Double]) {
    let regions = three.regions(above: 4, minimumArea: area, pixelSize: nil)
    #expect(regions.map(\.peak) == peaks)
    #expect(regions.map(\.rank) == Array(1...4).prefix(peaks.count).map { $0 })
  }

  @Test func `a pixel at the threshold belongs to a region, one below does not`() {
    #expect(three.regions(above: 5, minimumArea: 1, pixelSize: nil).map(\.areaPixels) == [2, 1, 4])
    #expect(three.regions(above: 5.5, minimumArea: 1, pixelSize: nil).map(\.areaPixels) == [2, 1, 1])
    #expect(three.regions(above: 9.5, minimumArea: 1, pixelSize: nil) == [])
  }

  @Test func `diagonal neighbours are one region`() {
    let regions = map("3...", ".3..", "..3.", ".3..").regions(above: 3, minimumArea: 4, pixelSize: nil)
    #expect(
      regions == [
        Region(rank: 1, x: 0, y: 0, width: 3, height: 4, areaPixels: 4, areaSquareMillimeters: nil, peak: 3, mean: 3)
      ])
  }

  @Test func `regions at opposite borders do not join around the edge`() {
    let regions = map("3..3", "3..3", "....", "3333").regions(above: 3, minimumArea: 1, pixelSize: nil)
    #expect(regions.map(\.areaPixels) == [4, 2, 2])
    #expect(regions.map(\.x) == [0, 0, 3])
  }

  @Test func `a region may fill the map`() {
    #expect(
      map("22", "22", "22").regions(above: 1, minimumArea: 1, pixelSize: nil) == [
        Region(rank: 1, x: 0, y: 0, width: 2, height: 3, areaPixels: 6, areaSquareMillimeters: nil, peak: 2, mean: 2)
      ])
  }

  @Test func `of equal peaks the larger region comes first`() {
    let regions = map("7..77", ".....", "777..").regions(above: 1, minimumArea: 1, pixelSize: nil)
    #expect(regions.map(\.areaPixels) == [3, 2, 1])
  }

  /// 0.3 % of 1000 pixels are 3.
  @Test func `a scan's score is the mean of its highest pixels`() {
    var heat = Heatmap(width: 50, height: 20, values: [Float](repeating: -1, count: 1000))
    (heat.values[3], heat.values[500], heat.values[999], heat.values[7]) = (9, 6, 3, 2)
    #expect(heat.score == 6)
    #expect(map("1.5", "...").score == 5)
  }
}
