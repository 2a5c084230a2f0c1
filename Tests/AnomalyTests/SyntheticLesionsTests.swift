import Anomaly
import Compute
import Imaging
import Numerics
import Testing

struct NoiseFieldTests {
  /// The deviation is scaled to 1 about zero, exactly but for roundings of sums in `Float`. The mean of a field varies
  /// with the few independent blobs it has; over 400 fields of at least 16 blobs its standard error is at most 0.0125.
  @Test(arguments: [4, 8, 16])
  func `a field has mean 0 and deviation 1`(cells: Int) {
    var random = RandomGenerator(seed: 1)
    var means = 0.0
    for _ in 0..<400 {
      let field = NoiseField.smooth(cells: cells, edge: 64, using: &random)
      #expect(field.count == 64 * 64)
      let square = field.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(field.count)
      #expect(abs(square - 1) < 1e-4)
      means += field.reduce(0.0) { $0 + Double($1) } / Double(field.count) / 400
    }
    #expect(abs(means) < 0.05)
  }

  /// Mean square of the step to the next pixel: of the spline's blobs `edge / cells` pixels wide it falls with the
  /// square of their width, so halving the cells should about quarter it.
  @Test func `fewer cells make larger blobs`() {
    func roughness(_ cells: Int) -> Float {
      var random = RandomGenerator(seed: 2)
      return (0..<50).reduce(0) { sum, _ in
        let field = NoiseField.smooth(cells: cells, edge: 64, using: &random)
        return sum
          + (0..<64).reduce(0) { sum, y in
            sum + (1..<64).reduce(0) { $0 + pow(field[y * 64 + $1] - field[y * 64 + $1 - 1]) }
          }
      }
    }
    func pow(_ x: Float) -> Float { x * x }
    for cells in [4, 8] {
      let ratio = roughness(2 * cells) / roughness(cells)
      #expect(ratio > 2.5 && ratio < 6, "\(cells) cells: \(ratio)")
    }
  }

  @Test(arguments: [(1, 1), (1, 64), (9, 16), (64, 16)])
  func `any grid gives finite numbers`(cells: Int, edge: Int) {
    var random = RandomGenerator(seed: 3)
    for _ in 0..<200 {
      let field = NoiseField.smooth(cells: cells, edge: edge, using: &random)
      #expect(field.count == edge * edge)
      #expect(field.allSatisfy { $0.isFinite })
    }
  }
}

struct SyntheticLesionsTests {
  private static let edge = 32

  /// A patch of three channels with a tissue disk and a column of missing data through it, before and after.
  private struct Planted {
    var before: [Float]
    var after: [Float]
    var tissue: [UInt8]
    var lesion: [Bool]

    init(seed: UInt64, rule: EvidenceRule? = nil) {
      let edge = SyntheticLesionsTests.edge
      var random = RandomGenerator(seed: seed)
      before = (0..<edge * edge * 3).map { _ in 0.5 + 0.1 * random.normal() }
      tissue = (0..<edge * edge).map { i in
        let (x, y) = (i % edge - edge / 2, i / edge - edge / 2)
        return x * x + y * y < 196 ? 1 : 0
      }
      for y in 0..<edge { before[(y * edge + 12) * 3 + 1] = .nan }
      var patch = before
      let tissue = tissue
      let generator = SyntheticLesions(edge: edge, channels: 3, range: 0...1.5)
      lesion = patch.withUnsafeMutableBufferPointer { patch in
        tissue.withUnsafeBufferPointer { generator.plant(into: patch, tissue: $0, along: rule, using: &random) }
      }
      after = patch
    }

    /// Largest change of a pixel over the channels; 0 where none of them has changed.
    func change(_ pixel: Int) -> Float {
      (0..<3).reduce(0) { largest, c in
        let difference = abs(after[pixel * 3 + c] - before[pixel * 3 + c])
        return difference.isNaN ? largest : max(largest, difference)
      }
    }
  }

  @Test func `lesions are planted in tissue alone`() {
    for seed in 0..<300 as Range<UInt64> {
      let planted = Planted(seed: seed)
      for pixel in planted.tissue.indices where planted.tissue[pixel] == 0 {
        #expect(!planted.lesion[pixel])
        #expect(planted.change(pixel) == 0)
      }
    }
  }

  @Test func `every pixel of the mask is visibly changed`() {
    var marked = 0
    for seed in 0..<300 as Range<UInt64> {
      let planted = Planted(seed: seed)
      for pixel in planted.lesion.indices where planted.lesion[pixel] {
        marked += 1
        // Visible is a change of more than 0.03, here measured as a difference of rounded sums.
        #expect(planted.change(pixel) > 0.0299)
      }
    }
    // On average a lesion fills a few percent of a disk of 616 pixels.
    #expect(marked > 300 * 6)
  }

  @Test func `missing data stays missing, and nothing else goes missing`() {
    for seed in 0..<300 as Range<UInt64> {
      let planted = Planted(seed: seed)
      #expect(planted.before.map(\.isNaN) == planted.after.map(\.isNaN))
    }
  }

  @Test func `changed values stay in the normalized range`() {
    for seed in 0..<300 as Range<UInt64> {
      let planted = Planted(seed: seed)
      for (before, after) in zip(planted.before, planted.after) where after != before && !after.isNaN {
        #expect(after >= min(0, before) && after <= max(1.5, before))
      }
    }
  }

  @Test(arguments: [(EvidenceRule.Polarity.bright, 1), (.dark, -1)] as [(EvidenceRule.Polarity, Float)])
  func `a rule's direction and polarity give the sign of the shift`(polarity: EvidenceRule.Polarity, sign: Float) {
    for seed in 0..<300 as Range<UInt64> {
      let planted = Planted(seed: seed, rule: EvidenceRule(channelWeights: [1, -0.5, 0], polarity: polarity))
      for pixel in planted.lesion.indices {
        for (c, direction) in [(0, sign), (1, -sign)] {
          let change = planted.after[pixel * 3 + c] - planted.before[pixel * 3 + c]
          // Values that lie outside the range already are clipped towards it.
          if !change.isNaN, (0...1.5).contains(planted.before[pixel * 3 + c]) { #expect(change * direction >= 0) }
        }
      }
    }
  }

  @Test func `the same seed plants the same lesion, another a different one`() {
    let first = (0..<40 as Range<UInt64>).map { Planted(seed: $0) }
    let second = (0..<40 as Range<UInt64>).map { Planted(seed: $0) }
    #expect(first.map(\.lesion) == second.map(\.lesion))
    #expect(first.map { $0.after.map(\.bitPattern) } == second.map { $0.after.map(\.bitPattern) })
    // Where the noise stays below its level there is no lesion, which may happen with several seeds.
    let lesions = first.map(\.lesion).filter { $0.contains(true) }
    #expect(lesions.count > 20)
    #expect(Set(lesions).count == lesions.count)
  }

  @Test func `smaller radii make smaller blobs`() {
    func largestBlob(_ radii: ClosedRange<Float>) -> Int {
      let generator = SyntheticLesions(edge: 64, channels: 1, range: 0...1.5, radii: radii)
      let tissue = [UInt8](repeating: 1, count: 64 * 64)
      var random = RandomGenerator(seed: 5)
      var sum = 0
      for _ in 0..<40 {
        var patch = [Float](repeating: 0.5, count: 64 * 64)
        let lesion = patch.withUnsafeMutableBufferPointer { patch in
          tissue.withUnsafeBufferPointer { generator.plant(into: patch, tissue: $0, using: &random) }
        }
        let components = ConnectedComponents(of: Plane(width: 64, height: 64, values: lesion), connectivity: .four)
        sum += components.components.map(\.pixels).max() ?? 0
      }
      return sum
    }
    #expect(largestBlob(16...24) > 3 * largestBlob(1...2))
  }

  /// The field has deviation 1 over the whole patch; over the 60 % of it that is tissue, and over 300 patches of at
  /// least 16 independent blobs and 3 channels, the estimate is within a few percent.
  @Test(arguments: [0.05, 0.25] as [Float])
  func `coarse noise has the deviation asked for and stays in tissue`(deviation: Float) {
    let generator = SyntheticLesions(edge: Self.edge, channels: 3, range: 0...1.5)
    let tissue = Planted(seed: 0).tissue
    var random = RandomGenerator(seed: 12)
    var (sum, squares, count) = (0.0, 0.0, 0.0)
    for _ in 0..<300 {
      var patch = [Float](repeating: 0.5, count: Self.edge * Self.edge * 3)
      patch[3 * (16 * Self.edge + 16)] = .nan
      patch.withUnsafeMutableBufferPointer { patch in
        tissue.withUnsafeBufferPointer {
          generator.addCoarseNoise(to: patch, tissue: $0, deviation: deviation, using: &random)
        }
      }
      #expect(patch.count { $0.isNaN } == 1)
      for i in patch.indices where !patch[i].isNaN {
        if tissue[i / 3] == 0 {
          #expect(patch[i] == 0.5)
        } else {
          let value = Double(patch[i] - 0.5)
          (sum, squares, count) = (sum + value, squares + value * value, count + 1)
        }
      }
    }
    #expect(abs(sum / count) < 0.05 * Double(deviation))
    #expect(abs((squares / count).squareRoot() / Double(deviation) - 1) < 0.05)
  }
}
