import Anomaly
import Compute
import Foundation
import Imaging
import Numerics
import Testing

struct PatchSourceTests {
  private static let edge = 32

  /// 1 in tissue and 0 outside in the first channel, noise in the second, missing in a blob of the third.
  private static let scan: PreparedScan = {
    let size = 44
    var image = Image(width: size, height: size, channels: 3)
    var random = RandomGenerator(seed: 1)
    var mask = [Bool](repeating: false, count: size * size)
    for y in 0..<size {
      for x in 0..<size {
        // Off-center and not round: mirrored, turned or shifted it would not lie on itself.
        mask[y * size + x] = x > 6 && x < 34 && y > 4 && y < 38 && x + y < 62
        image[x, y, 0] = mask[y * size + x] ? 1 : 0
        image[x, y, 1] = random.uniform()
        image[x, y, 2] = mask[y * size + x] ? 0.5 : .nan
      }
    }
    return PreparedScan(image: image, tissue: TissueMask(width: size, height: size, values: mask))
  }()

  private static func source(_ augmentation: Augmentation) -> PatchSource {
    PatchSource([scan], edge: edge, channels: 3, range: 0...1.5, augmentation: augmentation)
  }

  /// A patch, and where it is tissue.
  private static func cut(_ augmentation: Augmentation, seed: UInt64) -> (values: [Float], tissue: [UInt8]) {
    var random = RandomGenerator(seed: seed)
    var values = [Float](repeating: 0, count: edge * edge * 3)
    let source = source(augmentation)
    let tissue = values.withUnsafeMutableBufferPointer { source.cut(into: $0, using: &random).tissue }
    return (values, tissue)
  }

  /// The nearest pixel has at least a quarter of the weight, and gains are at least 0.85 and at most 1.15.
  @Test(arguments: [Augmentation.mirror, .mild])
  func `the mask of tissue lies on the pixels it was made from`(augmentation: Augmentation) {
    for seed in 0..<40 as Range<UInt64> {
      let (values, tissue) = Self.cut(augmentation, seed: seed)
      for i in tissue.indices {
        let value = values[i * 3]
        #expect(tissue[i] != 0 ? value > 0.25 * 0.849 : value < 0.75 * 1.151)
      }
      #expect(tissue.contains(0) && tissue.contains(1))
    }
  }

  @Test(arguments: Augmentation.allCases)
  func `what is missing stays missing, and only its neighbours become so`(augmentation: Augmentation) {
    for seed in 0..<40 as Range<UInt64> {
      let (values, tissue) = Self.cut(augmentation, seed: seed)
      for i in tissue.indices where tissue[i] == 0 { #expect(values[i * 3 + 2].isNaN) }
      // Beyond the patch's border lie neighbours that are not seen here.
      for y in 2..<Self.edge - 2 {
        for x in 2..<Self.edge - 2 {
          let i = y * Self.edge + x
          #expect(!values[i * 3].isNaN && !values[i * 3 + 1].isNaN)
          guard values[i * 3 + 2].isNaN else { continue }
          let hasNoTissueNear = (y - 2...y + 2).contains { row in
            let middle = row * Self.edge + x
            return tissue[middle - 2...middle + 2].contains(0)
          }
          #expect(hasNoTissueNear)
        }
      }
    }
  }

  /// Mean of tissue, 1 in the scan, less that of the surround, 0, for those patches that have enough of both.
  private static func contrasts(_ augmentation: Augmentation) -> [Float] {
    (0..<60 as Range<UInt64>).compactMap { seed in
      let (values, tissue) = cut(augmentation, seed: seed)
      func mean(_ isTissue: Bool) -> Float? {
        let chosen = tissue.indices.filter { (tissue[$0] != 0) == isTissue }.map { values[$0 * 3] }
        return chosen.count > 100 ? chosen.reduce(0, +) / Float(chosen.count) : nil
      }
      guard let inside = mean(true), let outside = mean(false) else { return nil }
      return inside - outside
    }
  }

  /// Gains of 0.85 to 1.15 alone make no patch more than 1.36 times as contrasted as another.
  @Test func `a photograph's light varies by more than gains do, and values stay in their range`() {
    for seed in 0..<60 as Range<UInt64> {
      let values = Self.cut(.photograph, seed: seed).values
      #expect(values.indices.allSatisfy { values[$0].isNaN ? $0 % 3 == 2 : (0...1.5).contains(values[$0]) })
    }
    let (photograph, mirror) = (Self.contrasts(.photograph), Self.contrasts(.mirror))
    #expect(photograph.count > 30 && photograph.allSatisfy { $0 > 0.2 })
    #expect(photograph.max()! > 1.6 * photograph.min()!)
    #expect(mirror.count > 30 && mirror.max()! < 1.4 * mirror.min()!)
    #expect(Self.cut(.photograph, seed: 3).tissue == Self.cut(.photograph, seed: 3).tissue)
  }

  /// Tissue is the right half of the scan; the way from the middle of what is none to the middle of what is tells how a
  /// patch was turned.
  private static func angles(_ augmentation: Augmentation) -> [Float] {
    let size = 64
    let half = PreparedScan(
      image: Image(width: size, height: size, channels: 1, filledWith: 0.5),
      tissue: TissueMask(width: size, height: size, values: (0..<size * size).map { $0 % size >= size / 2 }))
    let source = PatchSource([half], edge: edge, channels: 1, range: 0...1.5, augmentation: augmentation)
    return (0..<300 as Range<UInt64>).compactMap { seed in
      var random = RandomGenerator(seed: seed)
      var values = [Float](repeating: 0, count: edge * edge)
      let tissue = values.withUnsafeMutableBufferPointer { source.cut(into: $0, using: &random).tissue }
      func middle(_ isTissue: Bool) -> SIMD2<Float>? {
        // A disk, so that a turned border is as long on either side.
        let places = tissue.indices.filter {
          (tissue[$0] != 0) == isTissue && hypot(Float($0 % edge) - 15.5, Float($0 / edge) - 15.5) < 15
        }
        guard places.count > 100 else { return nil }
        let sum = places.reduce(SIMD2<Float>.zero) { $0 + SIMD2(Float($1 % edge), Float($1 / edge)) }
        return sum / Float(places.count)
      }
      guard let inside = middle(true), let outside = middle(false) else { return nil }
      return atan2(inside.y - outside.y, inside.x - outside.x)
    }
  }

  @Test func `a photograph is turned by any angle, others are mirrored at most`() {
    let (photograph, mirror) = (Self.angles(.photograph), Self.angles(.mirror))
    let octants = Set(photograph.map { Int((($0 / .pi + 1) * 4).rounded(.down)) % 8 })
    #expect(photograph.count > 80 && octants.count == 8, "\(octants.sorted())")
    #expect(mirror.count > 80 && mirror.allSatisfy { abs(sin($0)) < 0.01 })
    #expect(mirror.contains { cos($0) < 0 } && mirror.contains { cos($0) > 0 })
  }

  @Test func `mild turns and scales by little, mirror not at all`() {
    /// Tissue's upper edge is straight in the scan; its slope in a patch is the angle's tangent.
    func slope(_ tissue: [UInt8]) -> Float? {
      func top(_ x: Int) -> Int? { (0..<Self.edge).first { tissue[$0 * Self.edge + x] != 0 } }
      let columns = (0..<Self.edge).filter { (top($0) ?? 0) > 0 }
      guard columns.count > 15 else { return nil }
      let (first, last) = (columns[columns.count / 4], columns[columns.count * 3 / 4])  // away from the sides
      return Float(top(last)! - top(first)!) / Float(last - first)
    }
    let mild = (0..<200).compactMap { slope(Self.cut(.mild, seed: $0).tissue) }
    let mirror = (0..<200).compactMap { slope(Self.cut(.mirror, seed: $0).tissue) }
    #expect(mild.count > 20 && mirror.count > 20)
    // tan 8 degrees is 0.14; a pixel more or less over eight columns adds 0.13
    #expect(mild.allSatisfy { abs($0) < 0.28 })
    #expect(mild.contains { $0 > 0.06 } && mild.contains { $0 < -0.06 })
    #expect(mirror.allSatisfy { $0 == 0 })
  }

  @Test func `without corruption the encoder sees the same clean patches, 0 where there is no data`() throws {
    let engine = try Engine()
    let source = Self.source(.mirror)
    func fill(corrupting: Bool) throws -> (clean: [Float], input: [Float], next: UInt64) {
      let clean = try Tensor(Shape(4, Self.edge, Self.edge, 3), engine: engine)
      let input = try Tensor(clean.shape, engine: engine)
      var random = RandomGenerator(seed: 9)
      source.fill(clean: clean, corrupted: input, corrupting: corrupting, using: &random)
      return (Array(clean.values), Array(input.values), random.next())
    }
    let plain = try fill(corrupting: false)
    let corrupted = try fill(corrupting: true)
    #expect(plain.clean.map(\.bitPattern) == corrupted.clean.map(\.bitPattern))
    #expect(plain.next == corrupted.next)
    #expect(plain.input == plain.clean.map { $0.isNaN ? 0 : $0 })
    #expect(corrupted.input != plain.input)
    #expect(plain.clean.contains { $0.isNaN } && corrupted.input.allSatisfy { $0.isFinite })
  }
}
