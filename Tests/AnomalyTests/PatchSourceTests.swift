import Anomaly
import Compute
import Imaging
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
    return PreparedScan(image: image, tissue: TissueMask(width: size, height: size, isTissue: mask))
  }()

  private static func source(_ augmentation: Augmentation) -> PatchSource {
    PatchSource([scan], edge: edge, channels: 3, augmentation: augmentation)
  }

  /// A patch, and where it is tissue.
  private static func cut(_ augmentation: Augmentation, seed: UInt64) -> (values: [Float], tissue: [UInt8]) {
    var random = RandomGenerator(seed: seed)
    var values = [Float](repeating: 0, count: edge * edge * 3)
    let source = source(augmentation)
    let tissue = values.withUnsafeMutableBufferPointer { source.cut(into: $0, using: &random) }
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

  /// Light moves a value by at most half of its distance from the middle plus the drift; tissue at 1 and surround at 0 stay
  /// apart on average, and no patch is lit as another.
  @Test func `a photograph's light and pose vary, and values stay in their range`() {
    var contrasts: [Float] = []
    for seed in 0..<60 as Range<UInt64> {
      let (values, tissue) = Self.cut(.photograph, seed: seed)
      #expect(values.indices.allSatisfy { values[$0].isNaN ? $0 % 3 == 2 : (0...1.5).contains(values[$0]) })
      func mean(_ isTissue: Bool) -> Float {
        let chosen = tissue.indices.filter { (tissue[$0] != 0) == isTissue }.map { values[$0 * 3] }
        return chosen.reduce(0, +) / Float(max(1, chosen.count))
      }
      guard tissue.count(where: { $0 != 0 }) > 100, tissue.count(where: { $0 == 0 }) > 100 else { continue }
      contrasts.append(mean(true) - mean(false))
    }
    #expect(contrasts.count > 30 && contrasts.allSatisfy { $0 > 0.2 })
    #expect(contrasts.max()! > 1.3 * contrasts.min()!)
    #expect(Self.cut(.photograph, seed: 3).tissue == Self.cut(.photograph, seed: 3).tissue)
  }

  @Test func `a photograph is turned by any angle`() {
    // The mask's long straight sides are upright in the scan: lying ones are seen only by turning.
    func isWider(_ tissue: [UInt8]) -> Bool? {
      let places = tissue.indices.filter { tissue[$0] != 0 }
      guard places.count > 60 else { return nil }
      func spread(_ coordinate: (Int) -> Int) -> Double {
        let values = places.map { Double(coordinate($0)) }
        let mean = values.reduce(0, +) / Double(values.count)
        return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      }
      return spread { $0 % Self.edge } > spread { $0 / Self.edge }
    }
    let wide = (0..<200).compactMap { isWider(Self.cut(.photograph, seed: $0).tissue) }
    #expect(wide.count > 50 && wide.contains(true) && wide.contains(false))
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
