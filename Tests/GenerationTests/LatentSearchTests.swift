import Anomaly
import Compute
import Generation
import Imaging
import Numerics
import Testing

struct LatentSearchTests {
  private static let lesion = PixelRectangle(x: 14, y: 14, width: 4, height: 4)

  /// Healthy patches, and the same with a bright square in the disk.
  private static func patches(of model: Model) -> (healthy: [Image], ill: [Image]) {
    let healthy = TinyModel.patches(300..<309, of: model, brightness: 70)
    let ill = healthy.map { patch in
      var patch = patch
      for y in lesion.y..<lesion.y + lesion.height {
        for x in lesion.x..<lesion.x + lesion.width {
          for c in 0..<patch.channels { patch[x, y, c] = 1.5 }
        }
      }
      return patch
    }
    return (healthy, ill)
  }

  private static func error(of found: Image, from expected: Image, in area: PixelRectangle) -> Float {
    var sum: Float = 0
    for y in area.y..<area.y + area.height {
      for x in area.x..<area.x + area.width { sum += abs(found[x, y, 0] - expected[x, y, 0]) }
    }
    return sum / Float(area.width * area.height)
  }

  @Test(arguments: [1, 3])
  func `the latents' gradient is that of finite differences`(channels: Int) throws {
    let model = try (channels == 1 ? TinyModel.gray : TinyModel.colored).get()
    let generator = try TinyModel.generator(model)
    let patches = TinyModel.patches(300..<303, of: model)
    var none: RandomGenerator?
    let code = try generator.encode(patches, sampling: &none)
    let cost: PatchGenerator.Cost = { patch, index, y, _ in
      let d = y - patches[patch].samples[index]
      return (0.5 * d * d, d, 0)
    }
    let found = try generator.gradient(at: code, of: cost)
    for stage in code.stages.indices {
      let size = code.stages[stage].count / code.count
      for i in stride(from: 0, to: code.stages[stage].count, by: max(1, size / 3)) {
        let step: Float = 0.02
        var (up, down) = (code, code)
        up.stages[stage][i] += step
        down.stages[stage][i] -= step
        let patch = i / size
        let difference =
          try generator.gradient(at: up, of: cost).nats[patch] - generator.gradient(at: down, of: cost).nats[patch]
        let expected = Float(difference) / (2 * step)
        // Sums of a thousand single-precision squares over a step of 0.02.
        #expect(abs(found.gradient.stages[stage][i] - expected) < 0.02 * abs(expected) + 2e-3)
      }
    }
  }

  @Test func `what the latents are charged for falls, and without steps they stay`() throws {
    let model = try TinyModel.gray.get()
    let generator = try TinyModel.generator(model)
    let ill = Self.patches(of: model).ill
    var none: RandomGenerator?
    let still = try LatentSearch(model, steps: 0).nearestHealthy(to: ill, by: generator)
    #expect(try still.code == generator.encode(ill, sampling: &none))
    #expect(still.before == still.after)
    let restored = try LatentSearch(model).nearestHealthy(to: ill, by: generator)
    #expect(restored.before == still.before)
    #expect(restored.after < restored.before - 5)
  }

  @Test func `healthy tissue is nearer to the scan than in the reconstruction, and a lesion is left out`() throws {
    let model = try TinyModel.gray.get()
    let generator = try TinyModel.generator(model)
    let (healthy, ill) = Self.patches(of: model)
    var none: RandomGenerator?
    let reconstructed = try generator.decode(generator.encode(ill, sampling: &none))
    let restored = try generator.decode(LatentSearch(model).nearestHealthy(to: ill, by: generator).code)
    let everywhere = PixelRectangle(x: 0, y: 0, width: TinyModel.edge, height: TinyModel.edge)
    func mean(_ images: [Image], in area: PixelRectangle) -> Float {
      zip(images, healthy).reduce(0) { $0 + Self.error(of: $1.0, from: $1.1, in: area) } / Float(images.count)
    }
    #expect(mean(restored, in: everywhere) < 0.9 * mean(reconstructed, in: everywhere))
    // The lesion stands out by 1.15.
    #expect(mean(ill, in: Self.lesion) > 1)
    #expect(mean(restored, in: Self.lesion) < 0.2)
  }
}
