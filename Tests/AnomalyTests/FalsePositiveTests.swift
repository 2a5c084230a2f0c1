import Anomaly
import Compute
import Foundation
import Imaging
import Numerics
import Testing
import Threads

/// Counts that a binomial number of this size and rate leaves with 1 in 2000 at either end.
func binomialInterval(_ n: Int, _ rate: Double) -> ClosedRange<Int> {
  var cumulative = 0.0
  var logTerm = Double(n) * log(1 - rate)
  var (low, high) = (-1, n)
  for k in 0...n {
    cumulative += exp(logTerm)
    if low < 0, cumulative > 0.0005 { low = k }
    if cumulative >= 0.9995 {
      high = k
      break
    }
    logTerm += log(Double(n - k) / Double(k + 1)) + log(rate / (1 - rate))
  }
  return low...high
}

/// Deals a pool out again and again, into healthy ones to calibrate on and one to test; counts how often that is
/// flagged.
///
/// However the pool is spread, the one tested is equally likely to be any of those dealt out: flags are independent
/// with a rate of `floor(rate (n + 1)) / (n + 1)` where there are no ties.
private func countFlags<Element>(
  of pool: [Element], splits: Int, healthy n: Int, seed: UInt64,
  isFlagged: (Element, ArraySlice<Element>) throws -> Bool
) rethrows -> Int {
  var random = RandomGenerator(seed: seed)
  var count = 0
  for _ in 0..<splits {
    let order = pool.shuffled(using: &random)
    if try isFlagged(order[n], order[..<n]) { count += 1 }
  }
  return count
}

/// `scipy.stats.binom(n, rate).interval(0.999)` of scipy 1.17.1.
@Test(arguments: [(20, 0.3, 0...13), (200, 0.05, 2...21), (400, 0.05, 7...36), (20_000, 0.1, 1862...2141)])
func `the binomial interval is scipy's`(n: Int, rate: Double, expected: ClosedRange<Int>) {
  #expect(binomialInterval(n, rate) == expected)
}

struct ScoreFalsePositiveTests {
  static let rates = [0.05, 0.1, 0.2]
  /// One more than a multiple of 20, so that a slip of one score shows.
  static let healthy = 40
  static let splits = 20_000

  enum Spread: CaseIterable {
    case uniform, lognormal, heavyTailed, twoGroups

    func pool(_ count: Int) -> [Double] {
      var random = RandomGenerator(seed: 11)
      return (0..<count).map { k in
        switch self {
        case .uniform: Double(random.uniform())
        case .lognormal: Double(exp(random.normal()))
        case .heavyTailed: Double(random.normal()) / Double(abs(random.normal()) + 1e-6)
        case .twoGroups: Double(random.normal()) + (k % 5 == 0 ? 8 : 0)
        }
      }
    }
  }

  private static func flags(
    _ spread: Spread, rate: Double, isFlagged: (Double, [Double]) -> Bool
  ) -> Int {
    countFlags(of: spread.pool(60), splits: splits, healthy: healthy, seed: 3) { isFlagged($0, $1.sorted()) }
  }

  @Test(arguments: Spread.allCases, rates)
  func `cases are flagged at the stated rate, however scores are spread`(spread: Spread, rate: Double) {
    let count = Self.flags(spread, rate: rate) { Calibration.pValue($0, among: $1) <= rate + 1e-12 }
    #expect(binomialInterval(Self.splits, rate).contains(count), "\(count) of \(Self.splits)")
  }

  /// The same splits find out a threshold that is off by one score.
  @Test(arguments: Spread.allCases, rates)
  func `without the tested score in its own p-value the rate would be missed`(spread: Spread, rate: Double) {
    let count = Self.flags(spread, rate: rate) { score, healthy in
      Double(healthy.count { $0 >= score }) / Double(healthy.count) <= rate + 1e-12
    }
    #expect(!binomialInterval(Self.splits, rate).contains(count), "\(count) of \(Self.splits)")
  }

  @Test(arguments: rates) func `ties make flags rarer, never more frequent`(rate: Double) {
    let pool = Spread.lognormal.pool(60).map { ($0 * 3).rounded() }
    let count = countFlags(of: pool, splits: Self.splits, healthy: Self.healthy, seed: 4) {
      Calibration.pValue($0, among: $1.sorted()) <= rate + 1e-12
    }
    #expect(count <= binomialInterval(Self.splits, rate).upperBound)
  }
}

/// Phantoms scored by what a blur cannot reproduce: no network, but real heatmaps, scores and regions.
private enum BlurredPhantoms {
  struct Scan {
    var heat: Heatmap
    var score: Double
    var level: Double
    var mass: Double
  }

  static let cases: [[Scan]] = {
    let preparation = Preparation(
      normalization: Normalization(method: .robust, scope: .scan), reduction: 1, channels: 1)
    return Parallel.map(60) { k in
      preparation.prepare(Phantom(seed: UInt64(7000 + k), hasLesions: false).slices.map(\.image)).map { scan($0.scan) }
    }
  }()

  private static func scan(_ prepared: PreparedScan) -> Scan {
    let image = prepared.image
    let blurred = image.blurred(sigma: 6)
    let depth = prepared.tissue.depth.values
    var residual = Image(width: image.width, height: image.height, channels: 1)
    for i in depth.indices where depth[i] > 12 { residual.samples[i] = 20 * abs(image.samples[i] - blurred.samples[i]) }
    let heat = Heatmap(residual.blurred(sigma: 2))
    let extremes = ScanExtremes(of: heat, in: prepared)
    return Scan(
      heat: heat, score: extremes.score, level: extremes.regionLevel, mass: extremes.regionMass)
  }
}

struct PhantomFalsePositiveTests {
  static let rates = [0.05, 0.1, 0.2]
  static let healthy = 40
  static let splits = 400

  private func flags(
    rate: Double, seed: UInt64, isFlagged: ([BlurredPhantoms.Scan], Calibration) -> Bool,
    scans: @escaping ([BlurredPhantoms.Scan]) -> [BlurredPhantoms.Scan]
  ) throws -> Int {
    countFlags(of: BlurredPhantoms.cases, splits: Self.splits, healthy: Self.healthy, seed: seed) {
      let calibration = Calibration(
        extremes: $1.map {
          scans($0).map { ScanExtremes(score: $0.score, regionLevel: $0.level, regionMass: $0.mass) }
        })
      return isFlagged($0, calibration)
    }
  }

  @Test(arguments: rates) func `healthy phantoms are flagged at the stated rate`(rate: Double) throws {
    let count = try flags(rate: rate, seed: 1) { item, calibration in
      let pValue = Calibration.pValue(
        calibration.cases.comparable(item.map(\.score).max()!, ofScans: item.count), among: calibration.caseScores)
      return calibration.isFlagged(pValue: pValue, rate: rate)
    } scans: {
      $0
    }
    #expect(binomialInterval(Self.splits, rate).contains(count), "\(count) of \(Self.splits)")
  }

  /// With a scan a case, as many healthy scans show a region anywhere as the rate says.
  @Test(arguments: rates) func `healthy phantoms show regions at the stated rate`(rate: Double) throws {
    let count = try flags(rate: rate, seed: 2) { item, calibration in
      !item[1].heat.regions(
        above: calibration.regionThreshold(rate: rate), minimumArea: Double(calibration.minimumRegionArea),
        pixelSize: nil
      ).isEmpty
    } scans: {
      [$0[1]]
    }
    #expect(binomialInterval(Self.splits, rate).contains(count), "\(count) of \(Self.splits)")
  }

  /// Sought at so low a level that nearly every scan shows regions.
  @Test(arguments: rates) func `healthy phantoms show regions of small p-value at the stated rate`(rate: Double) throws
  {
    let count = try flags(rate: rate, seed: 3) { item, calibration in
      let heat = item[1].heat
      let found = heat.regions(above: Double(RegionMasses.level), minimumArea: 1, pixelSize: nil)
      return RegionMasses(of: heat).masses(of: found, factor: 1).contains {
        calibration.pValue(ofRegionWithMass: $0, caseOf: 1, looksOdd: false) <= rate + 1e-12
      }
    } scans: {
      [$0[1]]
    }
    #expect(binomialInterval(Self.splits, rate).contains(count), "\(count) of \(Self.splits)")
  }

  /// All scans of the healthy cases calibrate, as norma has it. Slices of a head are alike, so that the scans are fewer
  /// than they seem: the rate can be missed by a case's share of the calibration.
  @Test(arguments: rates) func `with several scans a case regions are no more frequent by more than a case's share`(
    rate: Double
  ) throws {
    let count = try flags(rate: rate, seed: 5) { item, calibration in
      !item[1].heat.regions(
        above: calibration.regionThreshold(rate: rate), minimumArea: Double(calibration.minimumRegionArea),
        pixelSize: nil
      ).isEmpty
    } scans: {
      $0
    }
    #expect(count <= binomialInterval(Self.splits, rate + 1 / Double(Self.healthy + 1)).upperBound)
  }

  /// Six scans of 41 instead of two reach such a threshold: the splits are many enough to find that out.
  @Test func `a region threshold a few healthy scans too low would be found out`() throws {
    let rate = 0.05
    let count = try flags(rate: rate, seed: 2) { item, calibration in
      let tooLow = calibration.regionLevels[calibration.regionLevels.count - 6].nextUp
      return !item[1].heat.regions(above: tooLow, minimumArea: Double(calibration.minimumRegionArea), pixelSize: nil)
        .isEmpty
    } scans: {
      [$0[1]]
    }
    #expect(count > binomialInterval(Self.splits, rate).upperBound, "\(count) of \(Self.splits)")
  }
}

/// Healthy patients, scored by what a blur cannot reproduce and by their texture: no network, but real scans, of unlike
/// number and from several scanners.
private enum HealthyPatients {
  struct Scan {
    var extremes: ScanExtremes
    var distance: Double
  }

  /// Patients whose texture the others are compared with; they are neither calibrated on nor judged.
  private static let known = 15

  static let cases: Result<[[Scan]], any Error> = Result {
    let study = try Study(path: RealScans.path + "/lgg/train")
    var random = RandomGenerator(seed: 21)
    let images = study.cases.shuffled(using: &random).map { item in
      study.scans(of: item, reading: ScanReading(channels: 3)).compactMap(\.image)
    }
    var preparation = Preparation(
      normalization: Normalization(method: .robust, scope: .scan), reduction: 2, channels: 3)
    let samples = images.prefix(known).map { images in
      let reduced = images.map { $0.reduced(by: 2) }
      return zip(images, zip(reduced, Normalization.tissue(of: reduced))).map {
        TextureScale.Sample(original: $0, image: $1.0, tissue: $1.1)
      }
    }
    preparation.texture = TextureScale(of: samples) { _ in 2 }
    let prepared = images.map { preparation.prepare($0).filter { $0.nothingToScore == nil }.map(\.scan) }
    let reference = TextureReference(of: prepared.prefix(known).map { $0.compactMap(\.texture) }, seed: 1)!
    return prepared.dropFirst(known).map { scans in
      scans.map { Scan(extremes: extremes(of: $0), distance: reference.distance(of: $0.texture!)!) }
    }
  }

  private static func extremes(of scan: PreparedScan) -> ScanExtremes {
    let image = scan.image
    let blurred = image.blurred(sigma: 6)
    var heat = Heatmap(width: image.width, height: image.height, filledWith: 0)
    let depth = scan.tissue.depth.values
    for i in depth.indices where depth[i] > 6 {
      for c in 0..<3 { heat.values[i] += 10 * abs(image.samples[3 * i + c] - blurred.samples[3 * i + c]) }
    }
    return ScanExtremes(of: heat.blurred(sigma: 2), in: scan)
  }

  static func verdict(on item: [Scan], among healthy: [[Scan]], rate: Double) -> CaseResult {
    let calibration = Calibration(
      extremes: healthy.map { $0.map(\.extremes) }, textures: healthy.map { $0.map(\.distance) })
    let scans = item.enumerated().map { k, scan in
      let region = Region(
        rank: 1, x: 0, y: 0, width: 4, height: 4, areaPixels: 16, areaSquareMillimeters: nil, peak: 5, mean: 4)
      var findings = ScanResult.Findings(
        width: 8, height: 8, channels: 3, pixelSize: nil, score: scan.extremes.score,
        pValue: calibration.scanPValue(scan.extremes.score), regions: [region])
      findings.regionMasses = [scan.extremes.regionMass]
      findings.textureDistance = scan.distance
      return ScanResult(name: "\(k)", path: "\(k).tif", page: nil, sha256: nil, outcome: .done(findings))
    }
    return CaseJudge(calibration, rate: rate, shift: nil).verdict(on: "case", scans: scans)
  }
}

@Suite(.enabled(if: RealScans.hasBrains, "skipped: no brain MR slices in \(RealScans.path); set NORMA_DATA"))
struct PatientFalsePositiveTests {
  private static let splits = 400

  private func count(rate: Double, seed: UInt64, isPositive: (CaseResult) -> Bool) throws -> Int {
    try countFlags(of: HealthyPatients.cases.get(), splits: Self.splits, healthy: 20, seed: seed) {
      isPositive(HealthyPatients.verdict(on: $0, among: Array($1), rate: rate))
    }
  }

  @Test(arguments: [0.05, 0.1, 0.2]) func `healthy patients are flagged no more often than stated`(rate: Double) throws
  {
    let flagged = try count(rate: rate, seed: 1) { $0.flagged }
    #expect(flagged <= binomialInterval(Self.splits, rate).upperBound, "\(flagged) of \(Self.splits)")
    // The rule is not bought with never flagging anything.
    #expect(flagged >= binomialInterval(Self.splits, rate / 3).lowerBound, "\(flagged) of \(Self.splits)")
  }

  @Test(arguments: [0.05, 0.2])
  func `healthy patients show regions and scans of a small p-value no more often than it says`(rate: Double) throws {
    let regions = try count(rate: rate, seed: 2) { result in
      result.findings.contains { $0.regions[0].pValue! <= rate + 1e-12 }
    }
    #expect(regions <= binomialInterval(Self.splits, rate).upperBound, "regions: \(regions) of \(Self.splits)")
    var random = RandomGenerator(seed: 4)
    let scans = try count(rate: rate, seed: 3) { result in
      result.findings[random.integer(below: result.findings.count)].pValue <= rate + 1e-12
    }
    #expect(scans <= binomialInterval(Self.splits, rate).upperBound, "scans: \(scans) of \(Self.splits)")
  }
}
