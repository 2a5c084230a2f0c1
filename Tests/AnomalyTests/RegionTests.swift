import Anomaly
import Compute
import Imaging
import Numerics
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
          rank: 1, x: 5, y: 1, width: 1, height: 2, areaPixels: 2, areaSquareMillimeters: 0.2, peak: 9, mean: 8.5,
          peakX: 5, peakY: 1),
        Region(
          rank: 2, x: 0, y: 0, width: 2, height: 2, areaPixels: 4, areaSquareMillimeters: 0.4, peak: 6, mean: 5.25,
          peakX: 1, peakY: 1),
        Region(
          rank: 3, x: 0, y: 4, width: 2, height: 2, areaPixels: 4, areaSquareMillimeters: 0.4, peak: 4, mean: 4,
          peakX: 0, peakY: 4),
      ])
  }

  @Test func `without a pixel size there is no area in millimeters`() {
    #expect(three.regions(above: 4, minimumArea: 2, pixelSize: nil).allSatisfy { $0.areaSquareMillimeters == nil })
  }

  @Test(arguments: [(1, [9, 7, 6, 4]), (2, [9, 6, 4]), (3, [6, 4]), (4, [6, 4]), (5, [])] as [(Int, [Double])])
  func `smaller groups than the least area are left out`(area: Int, peaks: [Double]) {
    let regions = three.regions(above: 4, minimumArea: Double(area), pixelSize: nil)
    #expect(regions.map(\.peak) == peaks)
    #expect(regions.map(\.rank) == Array(1...4).prefix(peaks.count).map { $0 })
  }

  /// Numbers of that size lie further apart than the level is found to.
  @Test func `the highest level of a map without measure is found too`() {
    #expect(map("11", "11").map { $0 * 3e7 }.highestLevel(withRegionOf: 4) > 2.9e7)
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
        Region(
          rank: 1, x: 0, y: 0, width: 3, height: 4, areaPixels: 4, areaSquareMillimeters: nil, peak: 3, mean: 3,
          peakX: 0, peakY: 0)
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
        Region(
          rank: 1, x: 0, y: 0, width: 2, height: 3, areaPixels: 6, areaSquareMillimeters: nil, peak: 2, mean: 2,
          peakX: 0, peakY: 0)
      ])
  }

  @Test func `of equal peaks the larger region comes first`() {
    let regions = map("7..77", ".....", "777..").regions(above: 1, minimumArea: 1, pixelSize: nil)
    #expect(regions.map(\.areaPixels) == [3, 2, 1])
  }

  @Test func `of equal peaks in a region the first in reading order is kept`() {
    let regions = map("...5.9", "555555", "9....9").regions(above: 1, minimumArea: 1, pixelSize: nil)
    #expect(regions.map(\.peakX) == [5])
    #expect(regions.map(\.peakY) == [0])
  }

  @Test(arguments: 0..<10 as Range<UInt64>) func `a peak is where its value is found`(seed: UInt64) {
    var random = RandomGenerator(seed: seed)
    let heat = Heatmap(width: 37, height: 29, values: (0..<37 * 29).map { _ in random.uniform() })
    let regions = heat.regions(above: 0.8, minimumArea: 1, pixelSize: nil)
    #expect(regions.count > 10)
    for region in regions {
      let place = heat.values.firstIndex { Double($0) == region.peak }
      #expect(place.map { [$0 % 37, $0 / 37] } == [region.peakX, region.peakY])
    }
  }

  /// The heatmap is as large as the scan also where the model's grid is coarser.
  @Test(arguments: [1, 2, 3]) func `peaks of a whole scan are pixels of its heatmap`(reduction: Int) throws {
    var model = try TinyStudy.model.get()
    model.preparation.reduction = reduction
    var scan = TinyStudy.scan(seed: 9, edge: 203)
    for y in 81..<101 { for x in 90..<112 { scan[x, y] += 80 } }
    let (layers, findings) = try Scorer(model, path: "", engine: Engine()).analyze(
      ScanGroup([scan], prepared: model.preparation.prepare([scan])), rate: 0.3)[0]
    #expect(findings.downsample == 1 && findings.downsampleY == 1)
    #expect(!findings.regions.isEmpty)
    for region in findings.regions {
      let (x, y) = (try #require(region.peakX), try #require(region.peakY))
      #expect(Double(layers.heatmap.values[y * 203 + x]) == region.peak)
    }
    #expect(findings.regionMasses.count == findings.regions.count)
    #expect(findings.regionMasses.allSatisfy { $0 > 0 })
  }

  /// Sizes of slides and of their levels, some of which do not divide.
  @Test(
    arguments: [
      (13, 13), (14, 13), (19, 13), (100_000, 50_000), (100_001, 25_000), (99_999, 25_000), (131_071, 65_536),
      (46_920, 2932), (35_003, 2187), (40_000, 13_333), (150_001, 100_001),
    ] as [(Int, Int)], [1, 3, 8])
  func `a heatmap's pixel is found again from the pixel of the scan`(sizes: (Int, Int), factor: Int) {
    let (full, level) = sizes
    let count = (level + factor - 1) / factor
    let downsample = Double(factor) * Double(full) / Double(level)
    var wrong: [Int] = []
    for place in 0..<count {
      let region = Region(
        rank: 1, x: place, y: place, width: 1, height: 1, areaPixels: 1, areaSquareMillimeters: nil, peak: 1, mean: 1,
        peakX: place, peakY: place)
      let scaled = region.scaled(x: downsample, y: downsample)
      guard let x = scaled.peakX, scaled.peakY == x, x < full, scaled.x..<scaled.x + scaled.width ~= x,
        Region.heatmapPixel(of: x, downsample: downsample) == place
      else {
        wrong.append(place)
        continue
      }
    }
    #expect(wrong == [])
  }

  @Test func `on a scan of the heatmap's size a peak stays where it is`() {
    let region = three.regions(above: 4, minimumArea: 2, pixelSize: nil)[0]
    #expect(region.scaled(x: 1, y: 1) == region)
  }

  @Test func `findings on a level keep how much smaller it is along each axis`() throws {
    let regions = three.regions(above: 4, minimumArea: 2, pixelSize: nil)
    let level = ScanResult.Findings(
      width: 8, height: 6, channels: 1, pixelSize: nil, score: 1, pValue: 1, regions: regions)
    let folder = try TemporaryFolder()
    let file = try TIFFFile(path: folder.write([Image(width: 33, height: 23, channels: 1)], as: "scan.tif"))
    let found = level.scaled(to: file.levels(of: file.scans[0])[0])
    #expect(found.downsample == 33.0 / 8 && found.downsampleY == 23.0 / 6)
    // 5 * 4.125 and 1 * 3.83 are begun by the pixels 20.6 and 3.8.
    #expect(found.regions.map(\.peakX) == [21, 5, 0])
    #expect(found.regions.map(\.peakY) == [4, 4, 16])
  }
}
