import Anomaly
import Compute
import Files
import Generation
import Imaging
import Numerics
import Testing

struct GeneratorTests {
  @Test(arguments: [1, 3])
  func `latents that nobody touched decode to the reconstruction`(channels: Int) throws {
    let model = try (channels == 1 ? TinyModel.gray : TinyModel.colored).get()
    let generator = try TinyModel.generator(model)
    let patches = TinyModel.patches(100..<111, of: model)
    var none: RandomGenerator?
    let code = try generator.encode(patches, sampling: &none)
    #expect(code.count == 11)
    let decoded = try generator.decode(code)
    let network = try model.network(engine: Engine(), path: "")
    for (patch, found) in zip(patches, decoded) {
      let input = try Tensor(Shape(1, TinyModel.edge, TinyModel.edge, channels), engine: network.engine)
      for i in patch.samples.indices { input.values[i] = patch.samples[i] }
      let expected = try network.forward(input, sampling: &none)
      #expect(zip(found.samples, expected.values).allSatisfy { abs($0 - $1) < 1e-4 })
    }
  }

  @Test func `latents that lie too far out are refused`() throws {
    let model = try TinyModel.gray.get()
    let generator = try TinyModel.generator(model)
    var none: RandomGenerator?
    let code = try generator.encode(TinyModel.patches(100..<101, of: model), sampling: &none)
    let far = code.moved(model.latentDimensions[0], by: 1e38, of: model.architecture)
    let error = #expect(throws: NormaError.self) { try generator.decode(far) }
    #expect(error?.found == "they lie so far out that the model decodes them to no numbers")
  }

  @Test func `a scan of several patches decodes to what scoring reconstructs`() throws {
    let model = try TinyModel.gray.get()
    var random = RandomGenerator(seed: 2)
    let image = Image(
      width: 75, height: 41, channels: 1, samples: (0..<75 * 41).map { _ in 0.5 + 0.1 * random.normal() })
    let coder = ScanCoder(try TinyModel.generator(model), overlap: model.inference.overlap)
    let decoded = try coder.decode(try coder.encode(image), width: 75, height: 41)
    let inference = Inference(
      network: try model.network(engine: Engine(), path: ""), scoreNetwork: nil, preparation: model.preparation,
      settings: model.inference)
    let scan = PreparedScan(
      image: image, tissue: TissueMask(width: 75, height: 41, filledWith: true))
    let expected = try inference.maps(of: [scan])[0].reconstruction
    #expect(zip(decoded.samples, expected.samples).allSatisfy { abs($0 - $1) < 1e-4 })
  }

  @Test func `the same seed draws the same, and the first draws do not depend on how many follow`() throws {
    let model = try TinyModel.gray.get()
    func draw(_ count: Int, seed: UInt64) -> LatentCode {
      var random = RandomGenerator(seed: seed)
      return .prior(of: model.architecture, count: count, temperature: 1, using: &random)
    }
    #expect(draw(5, seed: 1) == draw(5, seed: 1))
    #expect(draw(5, seed: 1)[0] == draw(1, seed: 1) && draw(5, seed: 1)[3] == draw(4, seed: 1)[3])
    #expect(draw(5, seed: 1) != draw(5, seed: 2))
    let values = draw(200, seed: 3).stages.joined()
    let mean = values.reduce(0, +) / Float(values.count)
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(values.count)
    // 56 000 normal draws: five standard errors.
    #expect(abs(mean) < 0.025 && abs(variance - 1) < 0.03)
  }

  @Test(arguments: [false, true])
  func `interpolation begins and ends with its patches`(isSpherical: Bool) throws {
    let model = try TinyModel.gray.get()
    let generator = try TinyModel.generator(model)
    var none: RandomGenerator?
    let code = try generator.encode(TinyModel.patches(100..<102, of: model), sampling: &none)
    func between(_ share: Float) -> LatentCode {
      code[0].interpolated(to: code[1], share: share, isSpherical: isSpherical)
    }
    for (share, end) in [(Float(0), 0), (1, 1)] {
      for (a, b) in zip(between(share).stages.joined(), code[end].stages.joined()) { #expect(abs(a - b) < 1e-4) }
    }
    func norm(_ code: LatentCode) -> Float { code.stages[1].reduce(0) { $0 + $1 * $1 }.squareRoot() }
    let shorter = min(norm(code[0]), norm(code[1]))
    if isSpherical {
      #expect(norm(between(0.5)) > 0.99 * shorter)
    } else {
      #expect(norm(between(0.5)) < norm(code[0]) + norm(code[1]))
    }
  }
}

struct TraversalTests {
  private func starts(_ model: Model) -> LatentCode {
    var random = RandomGenerator(seed: 4)
    return .prior(of: model.architecture, count: 12, temperature: 1, using: &random)
  }

  @Test func `dimensions are numbered over all stages, the most informative come first`() throws {
    let model = try TinyModel.gray.get()
    let all = model.latentDimensions
    #expect(all.map(\.number) == Array(1...8))
    #expect(all.map(\.stage) == [0, 0, 1, 1, 1, 1, 1, 1])
    #expect(all.map(\.cell) == [2, 2, 4, 4, 4, 4, 4, 4])
    let top = model.mostInformative(3)
    #expect(top.count == 3 && top[0].divergence == all.map(\.divergence).max())
  }

  @Test func `an active dimension changes patches, the middle of its strip does not`() throws {
    let model = try TinyModel.gray.get()
    let generator = try TinyModel.generator(model)
    let start = starts(model)
    let traversal = try Traversal(of: model.mostInformative(1)[0], from: start, by: generator)
    #expect(traversal.dimension.isActive && traversal.isVisible)
    let unmoved = try generator.decode(start)[0]
    #expect(traversal.strip.count == 7 && traversal.strip[3] == unmoved)
    #expect(traversal.strip[0] != traversal.strip[6])
    #expect(traversal.correlations.values.allSatisfy { abs($0) <= 1 + 1e-9 })
  }

  @Test func `a collapsed dimension changes nothing and says so`() throws {
    let model = try TinyModel.collapsed.get()
    let dead = try #require(model.latentDimensions.min { $0.divergence < $1.divergence })
    #expect(!dead.isActive)
    let traversal = try Traversal(of: dead, from: starts(model), by: try TinyModel.generator(model))
    #expect(!traversal.isVisible, "it changes patches by \(traversal.change)")
    #expect(traversal.name == "changes nothing: collapsed")
  }

  @Test func `a direction learned from dark and bright disks makes a disk brighter`() throws {
    let model = try TinyModel.gray.get()
    let generator = try TinyModel.generator(model)
    var none: RandomGenerator?
    let dark = try generator.encode(TinyModel.patches(100..<120, of: model, brightness: 70), sampling: &none)
    let bright = try generator.encode(TinyModel.patches(200..<220, of: model, brightness: 130), sampling: &none)
    let attribute = Attribute(from: dark, to: bright, architecture: model.architecture)
    #expect(attribute.fits(model.architecture))
    #expect(attribute.separation > 1)
    func mean(_ code: LatentCode) throws -> Float {
      let patch = try generator.decode(code)[0]
      return patch.samples.reduce(0, +) / Float(patch.samples.count)
    }
    let new = try generator.encode(TinyModel.patches(300..<301, of: model), sampling: &none)
    let (less, same, more) = try (
      mean(new.shifted(by: attribute.shift(by: -1))), mean(new), mean(new.shifted(by: attribute.shift(by: 1)))
    )
    #expect(less < same && same < more, "\(less) \(same) \(more)")
  }
}

struct FidelityTests {
  private func patches(_ seeds: Range<UInt64>) throws -> [Image] {
    TinyModel.patches(seeds, of: try TinyModel.gray.get())
  }

  @Test func `patches like the real ones are near, noise is far`() throws {
    let real = try patches(100..<160)
    let training = try patches(0..<40)
    let same = Fidelity(of: try patches(200..<260), real: real, training: training)
    var random = RandomGenerator(seed: 1)
    let noise = (0..<60).map { _ in
      Image(width: 32, height: 32, channels: 1, samples: (0..<1024).map { _ in random.uniform() })
    }
    let far = Fidelity(of: noise, real: real, training: training)
    #expect(same.frechetDistance < far.frechetDistance / 5)
    #expect(abs(same.kernelDistance) < abs(far.kernelDistance) / 5)
    #expect(same.precision > 0.5 && same.recall > 0.5)
    #expect(far.precision == 0 && far.recall == 0)
  }

  @Test func `a set compared with itself has no Fréchet distance and covers itself`() throws {
    let real = try patches(100..<140)
    let found = Fidelity(of: real, real: real, training: real)
    #expect(abs(found.frechetDistance) < 1e-4)
    #expect(found.precision == 1 && found.recall == 1)
    #expect(found.nearestTraining == 0, "patches learned by heart show")
  }

  @Test func `the Fréchet distance of a shift is its square`() throws {
    // The deviations of the real patches are the unit, so that a shift by one of all means counts once for each
    // feature.
    let real = try patches(100..<160)
    let moved = real.map { image in
      var image = image
      for i in image.samples.indices { image.samples[i] += 0.5 }
      return image
    }
    let one = Fidelity(of: moved, real: real, training: []).frechetDistance
    let half = Fidelity(
      of: real.map { image in
        var image = image
        for i in image.samples.indices { image.samples[i] += 0.25 }
        return image
      }, real: real, training: []
    ).frechetDistance
    #expect(abs(one / half - 4) < 0.02, "\(one) for twice the shift of \(half)")
  }

  @Test func `samples of a collapsed model are visibly worse`() throws {
    let real = try patches(100..<164)
    var distances: [Double] = []
    for model in [try TinyModel.gray.get(), try TinyModel.collapsed.get()] {
      let generator = try TinyModel.generator(model)
      // Around real patches: what the latents carry is what shows.
      var drawing: RandomGenerator? = RandomGenerator(seed: 3)
      let code = try generator.encode(try patches(0..<64), sampling: &drawing)
      distances.append(Fidelity(of: try generator.decode(code), real: real, training: []).frechetDistance)
    }
    #expect(distances[1] > 1.5 * distances[0], "\(distances)")
  }
}
