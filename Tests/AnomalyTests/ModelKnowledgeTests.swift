import Anomaly
import Compute
import Files
import Foundation
import Testing

/// What a model says of what it has learned, and the warnings that follow.
struct ModelKnowledgeTests {
  // MARK: R²

  /// Pixels of scans of two channels with their reconstructions, all of them tissue.
  private func explained(
    _ scans: [(values: [Float], reconstruction: [Float])], isTissue: [Bool]? = nil
  ) -> ExplainedVariance {
    var result = ExplainedVariance(channels: 2)
    for scan in scans {
      scan.values.withUnsafeBufferPointer { values in
        scan.reconstruction.withUnsafeBufferPointer {
          result.add(
            values, reconstruction: $0, isTissue: isTissue ?? [Bool](repeating: true, count: scan.values.count / 2))
        }
      }
    }
    return result
  }

  @Test func `R² is 1 for the scan itself, 0 for its mean, and below for what is worse`() {
    // Pixel by pixel, channel by channel: the first channel is 1, 2, 3, the second 0, 4, 8.
    let scan: [Float] = [1, 0, 2, 4, 3, 8]
    let itself = explained([(scan, scan)])
    #expect(itself.overall == 1 && itself.channels == [1, 1])
    let mean = explained([(scan, [2, 4, 2, 4, 2, 4])])
    #expect(mean.overall == 0 && mean.channels == [0, 0])
    let half = explained([(scan, [1, 4, 2, 4, 3, 4])])
    #expect(half.channels == [1, 0])
    #expect(half.overall == 1 - 32.0 / 34, "the squares of both channels are added before they are divided")
    let black = explained([(scan, [Float](repeating: 0, count: 6))])
    #expect(black.channels[0] == 1 - 14.0 / 2)
  }

  @Test func `differences between the means of scans count for nothing`() {
    // Each scan is reconstructed as its own mean: between the scans that explains nearly everything, within them
    // nothing.
    let found = explained([([0, 0, 2, 2], [1, 1, 1, 1]), ([100, 100, 102, 102], [101, 101, 101, 101])])
    #expect(found.overall == 0)
  }

  @Test func `a nearly uniform scan counts by its pixels, and uniform tissue has no R²`() throws {
    let good: (values: [Float], reconstruction: [Float]) = ([0, 0, 2, 2], [0, 0, 2, 2])
    let flat: (values: [Float], reconstruction: [Float]) = ([0.5, 0.5, 0.501, 0.501], [0.6, 0.6, 0.6, 0.6])
    #expect(try #require(explained([flat]).overall) < -1000)
    #expect(try #require(explained([good, flat]).overall) > 0.98)
    #expect(explained([([0.3, 0.3, 0.3, 0.3], [0, 0, 1, 1])]).overall == nil)
    #expect(explained([]).overall == nil)
  }

  @Test func `only tissue with data counts`() {
    let scan: [Float] = [1, .nan, 2, 4, 3, 8, 77, 77]
    let found = explained([(scan, [1, 5, 2, 4, 3, 8, 0, 0])], isTissue: [true, true, true, false])
    #expect(found.channels == [1, 1])
  }

  // MARK: Warnings

  private static let scan: [Float] = [1, 0, 2, 4, 3, 8]

  private func knowledge(
    steps: Int = 300, scoreSteps: Int? = 100, reconstruction: [Float] = scan, spreadAtBound: [Double]? = nil,
    ensemble: Double = 0.4, active: Int? = 28
  ) -> ModelKnowledge {
    ModelKnowledge(
      steps: .init(taken: steps, needed: 300), scoreSteps: scoreSteps.map { .init(taken: $0, needed: 100) },
      explained: explained([(Self.scan, reconstruction)]), spreadAtBound: spreadAtBound,
      planted: .init(ensemble: ensemble, intensity: 0.3), activeLatents: active, latents: 28)
  }

  @Test func `each lack has its warning, and what suffices has none`() {
    #expect(knowledge().warnings == [])
    #expect(knowledge(scoreSteps: nil, spreadAtBound: [0.2, 0.7], active: nil).warnings == [])
    #expect(knowledge(steps: 299).warnings == [.fewSteps(.init(taken: 299, needed: 300))])
    #expect(knowledge(scoreSteps: 99).warnings == [.fewScoreSteps(.init(taken: 99, needed: 100))])
    #expect(knowledge(reconstruction: [2, 4, 2, 4, 2, 4]).warnings == [.explainsLittle(0)])
    #expect(knowledge(spreadAtBound: [0.5, 1]).warnings == [.spreadAtBound(0.75)])
    #expect(
      knowledge(ensemble: 0.305).warnings == [.noBetterThanIntensity(.init(ensemble: 0.305, intensity: 0.3))])
    #expect(knowledge(active: 6).warnings == [.latentsCollapsed(active: 6, of: 28)])
    #expect(knowledge(active: 7).warnings == [])
  }

  @Test func `a warning is a sentence with what was found, what was expected and what to do`() {
    let found = knowledge(
      steps: 2, scoreSteps: 6, reconstruction: [2, 4, 2, 4, 2, 4], spreadAtBound: [1, 1], ensemble: 0.3, active: 1)
    #expect(
      found.warnings.map(\.description) == [
        "The network was trained for only 2 steps; it needs 300 or more. Its expected pictures and heatmaps mean nothing;"
          + " train longer (--minutes, --epochs or --steps).",
        "The learned score was trained for only 6 steps; it needs 100 or more. Train longer, or give it a larger"
          + " --score-share.",
        "On held-out healthy tissue the reconstruction has an R² of 0.00; 0.1 or more is expected, and 0 is what a"
          + " uniform picture has. The model does not know what healthy tissue looks like; train longer.",
        "The predicted spread is at its upper bound for 100 % of held-out healthy tissue: the model takes nearly every"
          + " intensity for likely. Train longer, or with --variance channel.",
        "On planted lesions the score has an average precision of 0.300, the plain intensity one of 0.300: the model"
          + " finds no more than could be seen without it. Train longer, or name what to look for with --preset or"
          + " --channel-weights.",
        "The latents have collapsed: 1 of 28 channels are active (a posterior mean that varies from patch to patch by"
          + " more than 0.01, and more than 0.1 nats a patch). Reconstructions will look alike; train longer or lower"
          + " --beta.",
      ])
  }

  // MARK: Trained models

  private func train(_ change: (inout Trainer.Settings, inout VAE.Architecture) -> Void) throws -> Model {
    let folder = try TemporaryFolder()
    try TinyStudy.write(to: folder)
    var (settings, architecture) = (TinyStudy.settings(), TinyStudy.architecture)
    change(&settings, &architecture)
    architecture.suit(settings.objective)
    let trainer = try Trainer(
      TinyStudy.trainingSet(in: folder), architecture: architecture, settings: settings, engine: Engine())
    let path = folder.path + "/model.safetensors"
    try trainer.run(toolVersion: "1.0") { _ in }.save(to: path)
    return try Model(path: path)
  }

  @Test func `a model of a few steps says that it knows nothing, and keeps saying so`() throws {
    let record = try train { settings, _ in
      settings.budget = .steps(4)
      settings.score?.budget = .steps(3)
    }.record
    let knowledge = record.knowledge
    #expect(knowledge.steps == .init(taken: 4, needed: 300))
    #expect(knowledge.scoreSteps == .init(taken: 3, needed: 100))
    let share = try #require(knowledge.explained.overall)
    #expect(share < 0)
    #expect(
      knowledge.warnings.contains(.fewSteps(.init(taken: 4, needed: 300)))
        && knowledge.warnings.contains(.explainsLittle(share)), "\(knowledge.warnings)")
    #expect(record.allWarnings.starts(with: knowledge.warnings.map(\.description)))
  }

  @Test func `a small model that was trained as it should be has no warning`() throws {
    let knowledge = try train { settings, _ in
      settings.budget = .steps(800)
      settings.score?.budget = .steps(400)
    }.record.knowledge
    #expect(knowledge.warnings == [], "\(knowledge.summary)")
    #expect(try #require(knowledge.explained.overall) > 0.2)
    #expect(knowledge.activeLatents.map { $0 > 0 } == true && knowledge.latents == 6)
    #expect(knowledge.spreadAtBound == nil)
  }

  @Test func `of a spread that is predicted, the share at its bound is measured`() throws {
    let knowledge = try train { settings, _ in
      settings.budget = .steps(4)
      settings.score = nil
      settings.objective.variance = .pixel
    }.record.knowledge
    let shares = try #require(knowledge.spreadAtBound)
    #expect(shares.count == 1 && (0...1).contains(shares[0]))
    #expect(knowledge.scoreSteps == nil)
  }

  @Test(
    arguments: [
      ("latents", 7), ("activeLatents", 99), ("explained", ["counts": [1, 1], "residual": [0, 0], "total": [1, 1]]),
    ] as [(String, any Sendable)])
  func `knowledge that does not fit its network is refused`(key: String, value: any Sendable) throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/model.safetensors"
    try TinyStudy.model.get().save(to: path)
    var file = try Safetensors(Data(contentsOf: URL(fileURLWithPath: path)), path: path)
    let text = try #require(file.metadata["training"])
    var record = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    var knowledge = try #require(record["knowledge"] as? [String: Any])
    #expect(knowledge[key] != nil)
    knowledge[key] = value
    record["knowledge"] = knowledge
    file.metadata["training"] = String(decoding: try JSONSerialization.data(withJSONObject: record), as: UTF8.self)
    try file.encoded().write(to: URL(fileURLWithPath: path))
    #expect(throws: NormaError.self) { try Model(path: path) }
  }
}
