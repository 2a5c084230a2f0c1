import Anomaly
import Imaging
import Testing

struct RegionMassTests {
  private static let z = Double(RegionMasses.level)

  /// Two groups above the level of 2.33: pixels of 5, 4 and 3, and one of 9.
  private let heat = Heatmap(
    width: 6, height: 3,
    values: [
      0, 5, 4, 0, 0, 0,
      0, 0, 3, 0, 0, 9,
      1, 2, 0, 0, 0, 0,
    ])

  /// Its peak is its first pixel.
  private func region(_ x: Int, _ y: Int, _ width: Int, _ height: Int, peak: Double) -> Region {
    Region(
      rank: 1, x: x, y: y, width: width, height: height, areaPixels: width * height, areaSquareMillimeters: nil,
      peak: peak, mean: peak, peakX: x, peakY: y)
  }

  @Test func `mass is what a group has above the level`() {
    let masses = RegionMasses(of: heat)
    #expect(abs(masses.mass(of: region(1, 0, 2, 1, peak: 5), factor: 1) - (12 - 3 * Self.z)) < 1e-5)
    #expect(abs(masses.mass(of: region(5, 1, 1, 1, peak: 9), factor: 1) - (9 - Self.z)) < 1e-5)
    #expect(masses.mass(of: region(1, 2, 1, 1, peak: 2), factor: 1) == 0)
  }

  @Test func `a healthy scan calibrates by its most massive group`() {
    func largest(_ heat: Heatmap) -> Double {
      let image = Image(width: heat.width, height: heat.height, channels: 1)
      let tissue = TissueMask(width: heat.width, height: heat.height, filledWith: true)
      return ScanExtremes(of: heat, in: PreparedScan(image: image, tissue: tissue)).regionMass
    }
    #expect(largest(heat) == 9 - Self.z)
    #expect(largest(Heatmap(width: 1, height: 1, values: [0])) == 0)
    // A region has the very mass that its scan would calibrate with, so that the two tie.
    #expect(RegionMasses(of: heat).mass(of: region(5, 1, 1, 1, peak: 9), factor: 1) == largest(heat))
  }

  @Test(arguments: [2, 3, 5]) func `regions of an enlarged map have the mass of their group on the grid`(factor: Int)
    throws
  {
    let map = Heatmap(Image(heat).resized(width: 6 * factor, height: 3 * factor))
    let masses = RegionMasses(of: heat)
    let regions = map.regions(above: 3.2, minimumArea: 1, pixelSize: nil)
    for region in regions {
      let (x, y) = (try #require(region.peakX), try #require(region.peakY))
      #expect(Double(map.values[y * map.width + x]) == region.peak)
    }
    let found = regions.map {
      masses.mass(of: $0, factor: factor)
    }
    #expect(found.count == 2)
    #expect(abs(found[0] - (9 - Self.z)) < 1e-5)
    #expect(abs(found[1] - (12 - 3 * Self.z)) < 1e-5)
  }

  /// Two groups whose boxes overlap have the same peak; each has the mass of its own.
  @Test func `a region's mass is its own where another with the same peak reaches into its box`() {
    let heat = Heatmap(
      width: 5, height: 3,
      values: [
        5, 0, 5, 0, 4,
        0, 0, 0, 0, 4,
        4, 4, 4, 4, 5,
      ])
    let regions = heat.regions(above: 3, minimumArea: 1, pixelSize: nil)
    let masses = RegionMasses(of: heat)
    #expect(regions.map(\.areaPixels) == [7, 1, 1])
    #expect(regions.map { [$0.peakX, $0.peakY] } == [[4, 2], [0, 0], [2, 0]])
    let expected = [29 - 7 * Self.z, 5 - Self.z, 5 - Self.z]
    for (region, mass) in zip(regions, expected) {
      #expect(abs(masses.mass(of: region, factor: 1) - mass) < 1e-5)
    }
  }

  @Test func `a region's p-value counts the healthy cases with as massive a group`() {
    let calibration = Calibration.sample(caseScores: [1], regionMasses: [0, 0, 1, 6, 8])
    let regions = heat.regions(above: 3, minimumArea: 1, pixelSize: nil)
    let masses = RegionMasses(of: heat).masses(of: regions, factor: 1)
    // Masses 6.67 and 5.02; one and two healthy cases have as much.
    #expect(Array(regions.map(\.peak).prefix(2)) == [9, 5])
    #expect(
      masses.prefix(2).map { calibration.pValue(ofRegionWithMass: $0, caseOf: 1, looksOdd: false) } == [
        2.0 / 6, 3.0 / 6,
      ])
  }

  @Test(
    arguments: [
      ("5mm2", "5mm2", 20), ("5mm²", "5mm2", 20), ("0.3 mm2", "0.3mm2", 2), ("12px", "12px", 12), ("2.5px", "2.5px", 3),
    ] as [(String, String, Int)])
  func `an area is a number of pixels where their size is known`(text: String, name: String, pixels: Int) throws {
    let area = try #require(RegionArea(text))
    #expect(area.description == name)
    #expect(area.pixels(ofSize: PixelSize(x: 500, y: 500)) == pixels)
    #expect(area.pixels(ofSize: nil) == (area.unit == .pixels ? pixels : nil))
  }

  @Test(arguments: ["", "5", "px", "-1px", "0mm2", "5cm2", "nanpx", "infmm2", "1e300px", "5 mm2 px"])
  func `anything else is no area`(text: String) { #expect(RegionArea(text) == nil) }
}
