import Anomaly
import Compute
import Imaging
import Numerics
import Testing

struct LesionPlanterTests {
  private static let edge = 64

  private struct Planted {
    var before: [Float]
    var after: [Float]
    var lesion: [Float]
    var tissue: [UInt8]
  }

  /// A patch of constant intensity in three channels, a disk of tissue in it and one pixel without data.
  private func plant(
    _ rule: EvidenceRule, radii: ClosedRange<Float> = 3...12, kinds: Int = 1, healthy: ChannelCovariance? = nil,
    borders: ClosedRange<Float>? = nil, seed: UInt64
  ) -> Planted {
    let n = Self.edge
    let planter = LesionPlanter(
      radii: radii, contrast: 0.2...0.4, rule: rule, edge: n, channels: 3, kinds: kinds,
      healthy: healthy, borders: borders)
    var random = RandomGenerator(seed: seed)
    var tissue = [UInt8](repeating: 0, count: n * n)
    for i in tissue.indices {
      let (x, y) = (Float(i % n) - 31.5, Float(i / n) - 31.5)
      if x * x + y * y < 28 * 28 { tissue[i] = 1 }
    }
    var patch = [Float](repeating: 0.5, count: n * n * 3)
    patch[(32 * n + 32) * 3] = .nan
    let before = patch
    let lesion = patch.withUnsafeMutableBufferPointer { patch in
      tissue.withUnsafeBufferPointer { planter.plant(into: patch, tissue: $0, using: &random) }
    }
    return Planted(before: before, after: patch, lesion: lesion, tissue: tissue)
  }

  @Test func `lesions lie in tissue, missing data stays missing, and the rest is as it was`() {
    for seed in 0..<60 {
      let p = plant(EvidenceRule(), seed: UInt64(seed))
      #expect(p.after[(32 * Self.edge + 32) * 3].isNaN)
      for i in p.tissue.indices where p.tissue[i] == 0 {
        #expect(p.lesion[i] == 0 && p.after[i * 3 + 1] == p.before[i * 3 + 1])
      }
      #expect(p.lesion.allSatisfy { $0 == 0 || $0 == 1 })
    }
  }

  /// Three patches in four get a lesion; in every fourth or so of them no speck of a cloud rises to half strength,
  /// which leaves 0.58 with a standard error of 0.011 over 2000.
  @Test func `most patches get a lesion, some stay healthy`() {
    let share = Double((0..<2000).count { plant(EvidenceRule(), seed: UInt64($0)).lesion.contains(1) }) / 2000
    #expect(share > 0.53 && share < 0.62, "\(share)")
  }

  /// Texture takes at most 0.8 of a deviation from an offset; on average the sign is the one that was told.
  @Test(arguments: [EvidenceRule.Polarity.bright, .dark])
  func `lesions change the told channel in the told direction`(polarity: EvidenceRule.Polarity) {
    var (sum, count) = (Float(0), Float(0))
    for seed in 0..<100 {
      let p = plant(EvidenceRule(channelWeights: [0, 2, 0], polarity: polarity), seed: UInt64(seed))
      for i in p.lesion.indices where p.lesion[i] == 1 {
        sum += p.after[i * 3 + 1] - p.before[i * 3 + 1]
        count += 1
      }
    }
    let mean = sum / count * (polarity == .bright ? 1 : -1)
    #expect(mean > 0.15 && mean < 0.45)
  }

  @Test func `told nothing, every channel changes in both directions`() {
    var (up, down) = ([0, 0, 0], [0, 0, 0])
    for seed in 0..<100 {
      let p = plant(EvidenceRule(), seed: UInt64(seed))
      guard let i = p.lesion.firstIndex(of: 1) else { continue }
      for c in 0..<3 where !p.after[i * 3 + c].isNaN {
        if p.after[i * 3 + c] > 0.55 { up[c] += 1 }
        if p.after[i * 3 + c] < 0.45 { down[c] += 1 }
      }
    }
    #expect((up + down).allSatisfy { $0 >= 8 })
  }

  @Test func `several kinds of lesions fill more of a patch than one`() {
    func area(_ kinds: Int) -> Float {
      (0..<100).reduce(0) { $0 + plant(EvidenceRule(), kinds: kinds, seed: UInt64($1)).lesion.reduce(0, +) }
    }
    #expect(area(4) > 1.4 * area(1))
  }

  /// In these scans the first two channels rise and fall together and the third hardly varies.
  @Test func `most untold lesions shift the channels as healthy tissue varies`() {
    var random = RandomGenerator(seed: 4)
    var image = Image(width: 64, height: 64, channels: 3)
    for pixel in 0..<64 * 64 {
      let shared = random.normal()
      for c in 0..<3 { image.samples[pixel * 3 + c] = 0.5 + (c < 2 ? 0.1 * shared : 0.001 * random.normal()) }
    }
    let tissue = TissueMask(width: 64, height: 64, filledWith: true)
    let healthy = ChannelCovariance(of: [PreparedScan(image: image, tissue: tissue)])
    func shareTogether(_ healthy: ChannelCovariance?) -> Double {
      var (together, lesions) = (0, 0)
      for seed in 0..<200 {
        let p = plant(EvidenceRule(), healthy: healthy, seed: UInt64(seed))
        guard let i = p.lesion.firstIndex(of: 1) else { continue }
        lesions += 1
        let change = (0..<3).map { p.after[i * 3 + $0] - p.before[i * 3 + $0] }
        if abs(change[0] - change[1]) < 0.2 * abs(change[0]), abs(change[2]) < 0.2 * abs(change[0]) { together += 1 }
      }
      return Double(together) / Double(lesions)
    }
    #expect(shareTogether(healthy) > 0.6)
    #expect(shareTogether(nil) < 0.15)
  }

  /// Pixels that are changed at all beside those that are changed by half: a border's width.
  @Test func `large lesions end abruptly where borders are narrow`() {
    func reach(_ borders: ClosedRange<Float>?) -> Float {
      var (changed, lesion) = (Float(0), Float(0))
      for seed in 0..<60 {
        let p = plant(EvidenceRule(), radii: 9...12, borders: borders, seed: UInt64(seed))
        for i in p.lesion.indices where p.tissue[i] != 0 {
          lesion += p.lesion[i]
          if p.after[i * 3 + 1] != p.before[i * 3 + 1] || p.after[i * 3 + 2] != p.before[i * 3 + 2] { changed += 1 }
        }
      }
      return changed / lesion
    }
    #expect(reach(0.3...0.5) < 1.6)
    #expect(reach(nil) > 1.2 * reach(0.3...0.5))
  }

  /// A mass that was drawn too small a square ends there, at a strength that is neither nothing nor small.
  @Test(arguments: [0.3...0.5, 8...10] as [ClosedRange<Float>])
  func `lesions with borders that were told fade out, none is cut off`(borders: ClosedRange<Float>) {
    let edge = 96
    let tissue = [UInt8](repeating: 1, count: edge * edge)
    let shape = LesionShape(radii: 4...5, edge: edge, borders: borders)
    for seed in 0..<60 as Range<UInt64> {
      var random = RandomGenerator(seed: seed)
      let strength = tissue.withUnsafeBufferPointer { shape.draw(on: $0, using: &random) }
      for i in strength.indices where i % edge > 0 && strength[i] == 0 && strength[i - 1] > 0 {
        // What fades out falls to below 0.01 from at most 15 times that, unless its border is narrower than a pixel.
        #expect(
          strength[i - 1] < (borders.upperBound == 0.5 ? 0.9 : 0.15), "seed \(seed): \(strength[i - 1]) beside 0")
      }
    }
  }

  @Test func `narrow borders are as wide as told, whatever the size`() {
    #expect(LesionShape.sharpness(radius: 12, borders: 1...3, softness: 0) == 12)
    #expect(LesionShape.sharpness(radius: 12, borders: 1...3, softness: 1) == 4)
    #expect(LesionShape.sharpness(radius: 2, borders: 1...3, softness: 1) == 3)
  }

  @Test func `larger radii make larger lesions`() {
    func area(_ radii: ClosedRange<Float>) -> Float {
      (0..<100).reduce(0) { $0 + plant(EvidenceRule(), radii: radii, seed: UInt64($1)).lesion.reduce(0, +) }
    }
    #expect(area(10...14) > 1.5 * area(1.5...2))
  }
}
