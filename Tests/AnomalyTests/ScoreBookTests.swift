import Anomaly
import Compute
import Files
import Foundation
import Imaging
import Numerics
import Testing

struct ScoreBookTests {
  /// The average precision of a mean of scores, if that were the mean of theirs.
  private static func weights(
    _ figures: [Score: Double], isTold: Bool, sharesUnits: Bool = false
  ) -> [Score: Float] {
    ScoreBook.select(from: figures, isTold: isTold, sharesUnits: sharesUnits) { weights in
      weights.reduce(0) { $0 + Double($1.value) * figures[$1.key]! } / Double(weights.values.reduce(0, +))
    }
  }

  @Test func `told nothing, what channels say of each other counts as much as what planted lesions taught`() {
    let figures: [Score: Double] = [.learned: 0.9, .crossChannel: 0.1, .intensity: 0.3, .restoration: 0.95]
    #expect(Self.weights(figures, isTold: false) == [.learned: 0.5, .crossChannel: 0.5])
    #expect(Self.weights(figures, isTold: true) == [.learned: 1])
    let single = figures.filter { $0.key != .crossChannel }
    #expect(Self.weights(single, isTold: false) == [.learned: 1])
    let textured = single.merging([.texture: 0.1]) { $1 }
    #expect(Self.weights(textured, isTold: false) == [.learned: 1])
    #expect(Self.weights(textured, isTold: false, sharesUnits: true) == [.learned: 0.5, .texture: 0.5])
    #expect(Self.weights(textured, isTold: true, sharesUnits: true) == [.learned: 1])
    let seen = textured.merging([.features: 0.1]) { $1 }
    #expect(Self.weights(seen, isTold: false) == [.features: 0.5, .learned: 0.5])
    #expect(
      Self.weights(seen, isTold: false, sharesUnits: true) == [.features: 0.5, .learned: 0.25, .texture: 0.25])
    #expect(Self.weights(seen, isTold: true, sharesUnits: true) == [.learned: 1])
    let tied = seen.merging([.crossChannel: 0.1]) { $1 }
    #expect(Self.weights(tied, isTold: false, sharesUnits: true) == [.learned: 0.5, .crossChannel: 0.5])
    let unlearned = figures.merging([.learned: 0.2]) { $1 }
    #expect(Self.weights(unlearned, isTold: false) == [.intensity: 1])
  }

  private let model: Model
  /// All but those that need a spread a pixel, which the model does not predict, several channels, or more tissue to
  /// learn texture from.
  private static let scores = Score.allCases.filter { ![.variance, .crossChannel, .texture, .features].contains($0) }

  init() throws { model = try TinyStudy.model.get() }

  @Test func `every score has its statistics, its calibration and its figure on planted lesions`() {
    #expect(model.book.available == Self.scores)
    #expect(Set(model.calibrations.keys) == Set(Self.scores))
    #expect(Set(model.book.planted.keys) == Set(Self.scores))
    #expect(model.book.planted.values.allSatisfy { (0...1).contains($0) })
  }

  @Test func `the ensemble finds planted lesions at least as well as its best member`() {
    let members = model.book.weights.keys
    #expect(!members.isEmpty && !members.contains(.ensemble))
    #expect(abs(model.book.weights.values.reduce(0, +) - 1) < 1e-6)
    // Ranking among healthy pixels keeps the order but for ties at 0, where both are neutral.
    let best = Self.scores.filter { $0 != .ensemble && $0 != .restoration }.map { model.book.planted[$0]! }.max()!
    #expect(model.book.planted[.ensemble]! > best - 1e-3)
  }

  /// Twelve healthy pixels in a thousand lie beyond a `z` of 2.26, whatever the score. The scans are healthy and were
  /// not seen, and only two calibrate: ten times as many are borne, which a score without calibration goes far beyond.
  @Test(arguments: Self.scores)
  func `few pixels of healthy scans are far out by any score`(score: Score) throws {
    let scorer = try Scorer(model, path: "", score: score, engine: Engine())
    let images = (0..<6).map { TinyStudy.scan(seed: 500 + UInt64($0)) }
    var (far, all) = (0, 0)
    let group = ScanGroup(images, prepared: model.preparation.prepare(images))
    for (layers, findings) in try scorer.analyze(group, rate: 0.3) {
      far += layers.heatmap.values.count { $0 > 2.26 }
      all += layers.tissue.values.count { $0 }
      #expect(layers.heatmap.values.allSatisfy { $0.isFinite && $0 >= 0 })
      #expect(findings.pValue > 0 && findings.pValue <= 1)
    }
    #expect(Double(far) < 0.12 * Double(all), "\(score.rawValue): \(far) of \(all)")
  }

  /// What a score was smoothed by when it was calibrated stands in the file; a later norma may smooth new models
  /// otherwise.
  @Test func `a score is smoothed as it was calibrated`() throws {
    func heat(smoothing: Float?) throws -> Heatmap {
      var changed = model
      var book = try #require(
        JSONSerialization.jsonObject(with: JSONEncoder().encode(model.book)) as? [String: Any])
      var members = try #require(book["members"] as? [String: [String: Any]])
      var rule = try #require(members["learned"]?["rule"] as? [String: Any])
      if let smoothing { rule["smoothing"] = smoothing }
      members["learned"]!["rule"] = rule
      book["members"] = members
      changed.book = try JSONDecoder().decode(ScoreBook.self, from: JSONSerialization.data(withJSONObject: book))
      let images = [TinyStudy.scan(seed: 77)]
      return try Scorer(changed, path: "", score: .learned, engine: Engine()).analyze(
        ScanGroup(images, prepared: model.preparation.prepare(images)), rate: 0.3)[0].layers.heatmap
    }
    #expect(try heat(smoothing: nil) == heat(smoothing: Score.learned.rule(model.book.rule).smoothing))
    #expect(try heat(smoothing: nil) != heat(smoothing: 9))
  }

  /// It costs as much as twenty others.
  @Test func `restoration is computed where it is asked for alone`() {
    #expect(model.book.available.contains(.restoration) && model.book.weights[.restoration] == nil)
    #expect(!model.book.needed(for: .ensemble).contains(.restoration))
  }

  @Test func `the residual layer is the heatmap by the residual alone`() throws {
    let images = [TinyStudy.scan(seed: 77)]
    let prepared = model.preparation.prepare(images)
    let both = try Scorer(model, path: "", score: .ensemble, engine: Engine()).analyze(
      ScanGroup(images, prepared: prepared), rate: 0.3)
    let alone = try Scorer(model, path: "", score: .residual, engine: Engine()).analyze(
      ScanGroup(images, prepared: prepared), rate: 0.3)
    #expect(both[0].layers.residual == alone[0].layers.heatmap)
    #expect(alone[0].layers.residual == alone[0].layers.heatmap)
  }

  private func inference(of model: Model) throws -> Inference {
    let engine = try Engine()
    return Inference(
      network: try model.network(engine: engine, path: ""),
      scoreNetwork: try model.scoreNetwork(engine: engine, path: ""), preparation: model.preparation,
      settings: model.inference, takesGradient: true)
  }

  private func score(_ scan: PreparedScan, _ maps: InferenceMaps, by book: ScoreBook) -> Double {
    ScanScore(of: book.heatmap(.ensemble, of: scan, maps: maps), in: scan).value
  }

  /// A case whose pixels are among those that shape the tails would seem more usual than a new one like it.
  @Test func `pixels that shape the tails lower the score of their own scan`() throws {
    var images = (0..<6).map { TinyStudy.scan(seed: 600 + UInt64($0)) }
    for y in 20..<28 { for x in 20..<28 { images[5][x, y, 0] += 60 } }
    let scans = model.preparation.prepare(images).map(\.scan)
    let maps = try inference(of: model).maps(of: scans)
    let all = try model.book.refitted(to: scans.map { [$0] }, maps: maps)
    let others = try model.book.refitted(to: scans.dropLast().map { [$0] }, maps: Array(maps.dropLast()))
    #expect(score(scans[5], maps[5], by: others) > score(scans[5], maps[5], by: all) + 0.1)
  }

  /// Ten of 26 cases are held out; every fifth of them is scored with what the other eight show.
  @Test func `a held-out case is calibrated by what others show`() throws {
    let folder = try TemporaryFolder()
    for k in 0..<26 { try folder.write([TinyStudy.scan(seed: UInt64(k))], as: "\(k)/\(k).tif") }
    let set = try TinyStudy.trainingSet(in: folder)
    let model = try TinyStudy.trainer(set, TinyStudy.settings(epochs: 0.2)).run(toolVersion: "1.0") { _ in }
    let scans = set.heldOut.map { $0.scans[0] }
    try #require(scans.count == 10)
    let maps = try inference(of: model).maps(of: scans)
    let calibration = try #require(model.calibrations[.ensemble])
    var differ = 0
    for k in scans.indices {
      let others = scans.indices.filter { $0 % 5 != k % 5 }
      let book = try model.book.refitted(to: others.map { [scans[$0]] }, maps: others.map { maps[$0] })
      #expect(abs(calibration.scanScores[k][0] - score(scans[k], maps[k], by: book)) < 1e-3)
      if abs(calibration.scanScores[k][0] - score(scans[k], maps[k], by: model.book)) > 1e-2 { differ += 1 }
    }
    #expect(differ > 0)
  }

  @Test func `a score that a model does not have is named with those it has`() throws {
    var plain = model
    plain.calibrations[.learned] = nil
    let error = #expect(throws: NormaError.self) {
      try Scorer(plain, path: "m.safetensors", score: .learned, engine: Engine())
    }
    #expect(
      error?.description == "m.safetensors: this model has no score 'learned'."
        + " Choose one of ensemble, learned, residual, intensity, absolute, ssim, kl, kl-gradient,"
        + " restoration.")
  }
}

struct InferenceTests {
  /// It starts from the posterior's mean, whatever is drawn beside it.
  @Test func `draws of the latent change no restored scan`() throws {
    let model = try TinyStudy.model.get()
    let network = try model.network(engine: Engine(), path: "")
    func maps(samples: Int) throws -> InferenceMaps {
      var settings = Inference.Settings()
      settings.samples = samples
      let inference = Inference(
        network: network, scoreNetwork: nil, preparation: model.preparation, settings: settings,
        restoration: Restoration(objective: model.record.objective, spread: [0.02], range: 0...1.5))
      return try inference.maps(of: model.preparation.prepare([TinyStudy.scan(seed: 33)]).map(\.scan))[0]
    }
    let (plain, drawn) = (try maps(samples: 0), try maps(samples: 3))
    #expect(plain.reconstruction != drawn.reconstruction)
    let (a, b) = (try #require(plain.restored), try #require(drawn.restored))
    #expect(zip(a.samples, b.samples).allSatisfy { abs($0 - $1) < 1e-5 })
  }

  @Test func `mirrored passes are averaged, so that a mirrored scan gives the mirrored map`() throws {
    let model = try TinyStudy.model.get()
    var settings = Inference.Settings()
    settings.flips = true
    let inference = Inference(
      network: try model.network(engine: Engine(), path: ""), scoreNetwork: nil, preparation: model.preparation,
      settings: settings)
    let image = TinyStudy.scan(seed: 31)
    var mirrored = image
    for y in 0..<image.height { for x in 0..<image.width { mirrored[x, y] = image[image.width - 1 - x, y] } }
    let scans = model.preparation.prepare([image, mirrored]).map(\.scan)
    let maps = try inference.maps(of: scans).map(\.reconstruction)
    var largest: Float = 0
    for y in 0..<image.height {
      for x in 0..<image.width { largest = max(largest, abs(maps[0][x, y] - maps[1][image.width - 1 - x, y])) }
    }
    #expect(largest < 1e-4)
    settings.flips = false
    let single = try Inference(
      network: try model.network(engine: Engine(), path: ""), scoreNetwork: nil, preparation: model.preparation,
      settings: settings
    ).maps(of: scans)
    #expect(single[0].reconstruction != maps[0])
  }

  /// Divergence is given a pixel: its sum over a scan of one patch is what the network says of the patch.
  @Test func `the divergence map sums to the divergence of the patch`() throws {
    let model = try TinyStudy.model.get()
    let network = try model.network(engine: Engine(), path: "")
    let inference = Inference(network: network, scoreNetwork: nil, preparation: model.preparation)
    let scan = model.preparation.prepare([TinyStudy.scan(seed: 32)])[0].scan
    let map = try #require(try inference.maps(of: [scan])[0].divergence)
    #expect(map.channels == 2)
    let patch = try Tensor(Shape(1, scan.image.height, scan.image.width, 1), engine: network.engine)
    _ = patch.values.update(fromContentsOf: scan.image.samples.map { $0.isNaN ? 0 : $0 })
    var none: RandomGenerator?
    _ = try network.forward(patch, sampling: &none)
    for stage in 0..<2 {
      let sum = (0..<map.width * map.height).reduce(0.0) { $0 + Double(map.samples[$1 * 2 + stage]) }
      let expected = network.divergences[stage].reduce(0, +)
      #expect(abs(sum - expected) < 1e-3 * abs(expected) + 1e-3)
    }
  }
}
