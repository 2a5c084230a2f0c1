import Anomaly
import Foundation
import Imaging
import Numerics
import Testing

/// The texture of tiny healthy scans, one a case.
struct TinyTexture {
  let scale: TextureScale
  let reference: TextureReference

  init(scans: [Image] = (1...14).map { TinyStudy.scan(seed: UInt64($0)) }) {
    scale = TextureScale(of: scans.map { [.init(original: $0, image: $0, tissue: TissueMask(of: $0))] }) { _ in 1 }
    let scale = scale
    reference = TextureReference(of: scans.map { [Self.descriptor(of: $0, scale)] }, seed: 1)!
  }

  static func descriptor(of scan: Image, _ scale: TextureScale) -> TextureDescriptor {
    TextureDescriptor(of: [scan], scale: scale, units: scale.units(for: [(scan, TissueMask(of: scan))]))
  }

  func distance(of scan: Image) -> Double { reference.distance(of: Self.descriptor(of: scan, scale))! }
}

struct TextureTests {
  /// Places of the maps of the finest level: mean, dx, dy, Laplacian, energies of gradient, Laplacian, orientation,
  /// detail, dx, dy.
  private static let finest = 0..<10

  private func pyramid(_ width: Int, _ height: Int, _ value: (Int, Int) -> Float) -> [[Float]] {
    let values = (0..<width * height).map { value($0 % width, $0 / width) }
    let plane = Plane(width: width, height: height, values: values)
    return TexturePyramid(of: plane, levels: 6, cell: 8).cells.map(\.values)
  }

  @Test func `a uniform scan has its mean, and no energy at any scale`() {
    let cells = pyramid(64, 48) { _, _ in 3 }
    #expect(cells.count == TexturePyramid.areEnergies(levels: 6).count)
    for (map, isEnergy) in TexturePyramid.areEnergies(levels: 6).enumerated() where isEnergy {
      #expect(cells[map].allSatisfy { $0 == 0 })
    }
    #expect(cells[0].allSatisfy { abs($0 - 3) < 1e-5 })
  }

  @Test func `of a ramp the derivatives are its slopes`() {
    let cells = pyramid(64, 64) { 0.5 * Float($0) - 0.25 * Float($1) }
    // A cell in the middle is far from the edges.
    let found = Self.finest.map { cells[$0][3 * 8 + 3] }
    let expected: [Float] = [found[0], 0.5, -0.25, 0, 0.3125, 0, 0, 0, 0.25, 0.0625]
    for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-4, "\(found)") }
  }

  @Test func `levels that a scan is too small for are left out`() {
    let cells = pyramid(20, 12) { x, y in Float((x * 7 + y * 3) % 5) }
    #expect(!cells[0].isEmpty && !cells[10].isEmpty)
    #expect(cells[21...].allSatisfy { $0.isEmpty })
    #expect(pyramid(5, 5) { _, _ in 1 }.allSatisfy { $0.isEmpty })
  }

  @Test func `gain and offset of a study change no distance`() {
    func changed(_ scan: Image) -> Image {
      var result = scan
      for i in result.samples.indices { result.samples[i] = 40 * scan.samples[i] - 300 }
      return result
    }
    let scans = (1...14).map { TinyStudy.scan(seed: UInt64($0)) }
    let (plain, other) = (TinyTexture(scans: scans), TinyTexture(scans: scans.map(changed)))
    let scan = TinyStudy.scan(seed: 50)
    #expect(abs(plain.distance(of: scan) - other.distance(of: changed(scan))) < 1e-2 * plain.distance(of: scan))
  }

  @Test func `cases that differ in gain are measured in their own intensities`() {
    func scans(gain: (Int) -> Float) -> [Image] {
      (1...14).map { k in
        var random = RandomGenerator(seed: UInt64(k))
        let samples = (0..<48 * 48).map { _ in gain(k) * (100 + 10 * random.normal()) }
        return Image(width: 48, height: 48, channels: 1, samples: samples)
      }
    }
    #expect(TinyTexture(scans: scans { 1 + Float($0 % 5) }).scale.study == nil)
    #expect(TinyTexture(scans: scans { _ in 1 }).scale.study?.count == 1)
  }

  @Test func `a change all over a scan is far out, though no place of it is`() {
    let texture = TinyTexture()
    let healthy = (60..<80).map { texture.distance(of: TinyStudy.scan(seed: $0)) }
    var random = RandomGenerator(seed: 4)
    for seed in 80..<85 as Range<UInt64> {
      var scan = TinyStudy.scan(seed: seed)
      for i in scan.samples.indices where scan.samples[i] > 0 { scan.samples[i] += 4 * random.normal() }
      #expect(texture.distance(of: scan) > healthy.max()!)
    }
  }

  /// Against the textbook formula: inverse of the ridged correlation matrix.
  @Test func `the distance is that of Mahalanobis`() throws {
    var random = RandomGenerator(seed: 3)
    let rows = (0..<12).map { _ in (0..<5).map { _ in random.normal() } }
    let reference = try #require(TextureReference(of: rows.map { [TextureDescriptor(grids: [$0])] }, seed: 1))
    let mean = (0..<5).map { k in rows.reduce(0.0) { $0 + Double($1[k]) } / 12 }
    let deviation = (0..<5).map { k in
      (rows.reduce(0.0) { $0 + pow(Double($1[k]) - mean[k], 2) } / 12).squareRoot()
    }
    func standard(_ row: [Float]) -> [Double] { (0..<5).map { (Double(row[$0]) - mean[$0]) / deviation[$0] } }
    let z = rows.map(standard)
    var ridged = [[Double]](repeating: [Double](repeating: 0, count: 5), count: 5)
    for i in 0..<5 {
      for row in z { for j in 0..<5 { ridged[i][j] += row[i] * row[j] / 12 } }
      ridged[i][i] += 0.5
    }
    let inverse = SquareMatrix.inverse(ridged)
    let whitening = SquareMatrix.lowerInverse(SquareMatrix.cholesky(ridged))
    let squared = SquareMatrix.product(whitening.indices.map { i in whitening.map { $0[i] } }, whitening)
    #expect(zip(squared.joined(), inverse.joined()).allSatisfy { abs($0 - $1) < 1e-9 * max(1, abs($1)) })
    let other: [Float] = [0.3, -1.2, 2, 0.1, -0.4]
    let own = standard(other)
    var square = 0.0
    for i in 0..<5 { for j in 0..<5 { square += own[i] * inverse[i][j] * own[j] } }
    #expect(abs(reference.distance(of: TextureDescriptor(grids: [other]))! - square.squareRoot()) < 1e-4)
  }

  @Test func `scans with finer texture than the model sees are measured on a finer grid too`() {
    let scans = (1...8).map { TinyStudy.scan(seed: UInt64($0), edge: 96) }
    func scale(reducedBy factor: Int) -> TextureScale {
      let cases = scans.map { scan in
        let image = scan.reduced(by: factor)
        return [TextureScale.Sample(original: scan, image: image, tissue: TissueMask(of: image))]
      }
      return TextureScale(of: cases) { _ in factor }
    }
    #expect(scale(reducedBy: 1).grids.map(\.refinement) == [1])
    #expect(scale(reducedBy: 2).grids.map(\.refinement) == [1, 2])
  }

  @Test func `the distance over two grids is the geometric mean of theirs`() throws {
    var random = RandomGenerator(seed: 9)
    let rows = (0..<10).map { _ in (0..<2).map { _ in (0..<3).map { _ in random.normal() } } }
    func distance(_ grids: Range<Int>) throws -> Double {
      let reference = try #require(
        TextureReference(of: rows.map { [TextureDescriptor(grids: Array($0[grids]))] }, seed: 1))
      return reference.distance(of: TextureDescriptor(grids: Array([[1, 2, 0], [0, -1, 3]][grids])))!
    }
    let (both, first, second) = (try distance(0..<2), try distance(0..<1), try distance(1..<2))
    #expect(abs(both - (first * second).squareRoot()) < 1e-6)
  }

  /// The figures are those of scipy.stats.combine_pvalues by Fisher's method.
  @Test(
    arguments: [
      ([2.5, 0.5], 2.199959984874761), ([5, 1], 4.794761132057478), ([-1, -2], -2.12398269181869),
      ([12, 3], 12.179818321225474), ([1.5, 1.5, 1.5], 2.2400629243230408), ([1.25], 1.25),
    ] as [([Double], Double)])
  func `improbable values make a product that is less probable`(z: [Double], expected: Double) {
    #expect(abs(NormalDistribution.product(of: z) - expected) < 1e-8)
    #expect(NormalDistribution.product(of: [1e9, .infinity]).isFinite)
    #expect(NormalDistribution.product(of: [-1e9, -1e9]).isFinite)
  }

  @Test func `features of whole scans count as much as all grids of texture`() throws {
    var random = RandomGenerator(seed: 12)
    let cases = (0..<20).map { _ in
      var descriptor = TextureDescriptor(grids: (0..<2).map { _ in (0..<6).map { _ in random.normal() } })
      descriptor.features = (0..<9).map { _ in random.normal() }
      return [descriptor]
    }
    func logarithms(_ cases: [[TextureDescriptor]]) throws -> [Double] {
      try #require(TextureReference.crossFitted(to: cases, seed: 1)).distances.map { log($0[0]) }
    }
    func standardized(_ values: [Double]) -> [Double] {
      let mean = values.reduce(0, +) / 20
      let spread = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 20).squareRoot()
      return values.map { ($0 - mean) / spread }
    }
    let texture = standardized(try logarithms(cases.map { $0.map { TextureDescriptor(grids: $0.grids) } }))
    let features = standardized(try logarithms(cases.map { $0.map { TextureDescriptor(grids: [$0.features!]) } }))
    for (found, (a, b)) in zip(try logarithms(cases), zip(texture, features)) {
      #expect(abs(found - NormalDistribution.product(of: [a, b])) < 1e-4)
    }
    // A scan of which only the texture is known is compared by that.
    let found = try #require(TextureReference.crossFitted(to: cases, seed: 1)).reference
    let whole = try #require(TextureReference(of: cases.map { $0.map { TextureDescriptor(grids: $0.grids) } }, seed: 1))
    let known = try logarithms(cases.map { $0.map { TextureDescriptor(grids: $0.grids) } })
    let (low, high) = (TextureDescriptor(grids: cases[0][0].grids), TextureDescriptor(grids: cases[1][0].grids))
    let mean = known.reduce(0, +) / 20
    let spread = (known.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 20).squareRoot()
    for scan in [low, high] {
      let expected = (log(whole.distance(of: scan)!) - mean) / spread
      #expect(abs(log(found.distance(of: scan)!) - expected) < 1e-4)
    }
  }

  @Test func `each case is measured by what others show, and all are learned from`() throws {
    var random = RandomGenerator(seed: 8)
    let cases = (0..<30).map { k in
      (0..<(k == 3 ? 2 : 1)).map { _ in TextureDescriptor(grids: [(0..<12).map { _ in random.normal() }]) }
    }
    let found = try #require(TextureReference.crossFitted(to: cases, seed: 1))
    #expect(found.reference == TextureReference(of: cases, seed: 1))
    #expect(found.distances.map(\.count) == cases.map(\.count))
    let rest = cases.indices.filter { !(3...5).contains($0) }.map { cases[$0] }
    let others = try #require(TextureReference(of: rest, seed: 1))
    #expect(found.distances[3] == cases[3].map { others.distance(of: $0)! })
    #expect(found.distances[5] == cases[5].map { others.distance(of: $0)! })
    // A case that was learned from seems nearer than it is.
    func mean(_ values: [[Double]]) -> Double { values.joined().reduce(0, +) }
    #expect(mean(cases.map { $0.map { found.reference.distance(of: $0)! } }) < 0.9 * mean(found.distances))
  }

  @Test func `where the rest of the cases has too few scans, texture is not measured`() {
    func cases(_ counts: [Int]) -> [[TextureDescriptor]] {
      counts.map { count in (0..<count).map { _ in TextureDescriptor(grids: [[1, 2]]) } }
    }
    #expect(TextureReference.crossFitted(to: cases([Int](repeating: 1, count: 8)), seed: 1) == nil)
    #expect(TextureReference.crossFitted(to: cases([Int](repeating: 1, count: 9)), seed: 1) != nil)
    #expect(TextureReference.crossFitted(to: cases([1, 12]), seed: 1) == nil)
    #expect(TextureReference.crossFitted(to: cases([8, 8]), seed: 1) != nil)
  }

  @Test func `too few scans say nothing`() {
    #expect(TextureReference(of: (0..<7).map { [TextureDescriptor(grids: [[Float($0)]])] }, seed: 1) == nil)
  }

  /// A scan that lacks numbers must not seem more alike than it is, and one that lacks all of them says nothing.
  @Test func `a small scan is compared by the numbers that it has`() throws {
    let rows = (0..<9).map { [TextureDescriptor(grids: [[Float($0), Float($0 * 5 % 9)]])] }
    let reference = try #require(TextureReference(of: rows, seed: 1))
    func distance(_ values: [Float]) -> Double? { reference.distance(of: TextureDescriptor(grids: [values])) }
    let half = try #require(distance([9, .nan]))
    #expect(try #require(distance([9, 4])) < half)
    #expect(distance([.nan, .nan]) == nil)
    let score = TextureScore(of: [[1], [2], [3]], others: [1, 2, 3], detection: 1)
    #expect(score.score(of: []) == 2)
  }

  /// The score of a case whose whole lies one standard deviation above the healthy mean.
  private func score(_ worstPlace: Double, among places: [Double], detection: Double) throws -> Double {
    let distances = places.indices.map { [exp(Double($0 % 3 - 1))] }
    let calibration = Calibration(
      extremes: places.map { [ScanExtremes(score: $0, regionLevel: 1, regionMass: 1)] },
      textures: distances, detection: detection)
    var findings = ScanResult.Findings(
      width: 8, height: 8, channels: 1, pixelSize: nil, score: worstPlace, pValue: 1, regions: [])
    findings.textureDistance = exp(1)
    let scan = ScanResult(name: "s", path: "s", page: nil, sha256: nil, outcome: .done(findings))
    return try #require(
      CaseJudge(calibration, rate: 0.5, shift: nil).verdict(on: "c", scans: [scan]).score?.value)
  }

  private static let places = (0..<12).map { 2 + 0.1 * Double($0) }

  @Test func `the worst place adds as much as its score finds planted lesions, and takes nothing away`() throws {
    func score(_ worstPlace: Double, _ detection: Double) throws -> Double {
      try self.score(worstPlace, among: Self.places, detection: detection)
    }
    let whole = try score(-5, 1)
    for detection in [0.3, 0.5] { #expect(try abs(score(9, detection) - whole) < 1e-9) }
    #expect(try abs(score(2.5, 1) - whole) < 1e-9)
    let (little, much) = (try score(4, 0.6), try score(4, 0.9))
    #expect(little > whole && much > little)
    #expect(try score(5, 0.9) > much && score(1e6, 0.9).isFinite)
  }

  /// Product of the probabilities: a normal one, and that of an exponential tail with an estimated scale.
  @Test func `the score is the normal quantile of both probabilities together`() throws {
    let found = try score(3.6, among: Self.places, detection: 1)
    let mean = Self.places.reduce(0, +) / 12
    let unit = (Self.places.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 11).squareRoot()
    // The four highest lie 0.1 to 0.4 above the next; 12 wholes of -1, 0 and 1, four each.
    let z = 1 / (8.0 / 11).squareRoot()
    let product = 0.5 * erfc(z / 2.0.squareRoot()) * pow(1 + (3.6 - 2.7) / 1.0, -4)
    #expect(abs(found - (mean - unit * NormalDistribution.quantile(product))) < 1e-6)
  }

  @Test func `one healthy case with an extreme place does not hide what is abnormal as a whole`() throws {
    let extreme = Self.places.dropLast() + [9]
    let place = try score(9, among: Array(extreme), detection: 0.75)
    let whole = try score(2, among: Array(extreme), detection: 0.75)
    let unit = Self.places.max()! - Self.places.min()!
    #expect(place - whole < 3 * unit, "\(place), \(whole)")
  }

  @Test func `a model keeps its texture, and a damaged one is refused`() throws {
    let folder = try TemporaryFolder()
    for (k, name) in (TinyStudy.cases + ["gus", "hal"]).enumerated() {
      for part in 0..<3 { try folder.write([TinyStudy.scan(seed: UInt64(k * 3 + part))], as: "\(name)/\(part).tif") }
    }
    let set = try TinyStudy.trainingSet(in: folder)
    let model = try TinyStudy.trainer(set, TinyStudy.settings(epochs: 1)).run(toolVersion: "1") { _ in }
    let texture = try #require(model.texture)
    #expect(model.calibrations.values.allSatisfy { $0.texture != nil })
    let path = folder.path + "/model.safetensors"
    try model.save(to: path)
    let read = try Model(path: path)
    #expect(read.texture == texture && read.preparation == model.preparation && read.calibrations == model.calibrations)
    #expect(read.weights.keys.allSatisfy { !$0.hasPrefix("texture") })
    var damaged = model
    damaged.texture = nil
    try damaged.save(to: path)
    do {
      _ = try Model(path: path)
      Issue.record("a model without its texture was read")
    } catch {
      #expect("\(error)".contains("its preparation or calibration does not fit its 1 channel. Copy the file again"))
    }
  }
}
