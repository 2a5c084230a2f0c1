import Anomaly
import Compute
import Files
import Foundation
import Imaging
import Testing
import Threads

private struct Interruption: Error {}

struct TrainerTests {
  let folder: TemporaryFolder
  let checkpoint: String

  init() throws {
    folder = try TemporaryFolder()
    checkpoint = folder.path + "/model.checkpoint"
    try TinyStudy.write(to: folder)
  }

  private func set() throws -> TrainingSet { try TinyStudy.trainingSet(in: folder) }

  private func run(_ trainer: Trainer) throws -> Model { try trainer.run(toolVersion: "1.0") { _ in } }

  /// Names and bits of all weights.
  private func bits(_ model: Model) -> [String: [UInt32]] { model.weights.mapValues { $0.values.map(\.bitPattern) } }

  @Test func `the same seed gives the same model bit for bit, another a different one`() throws {
    let set = try set()
    let first = try run(TinyStudy.trainer(set))
    let second = try run(TinyStudy.trainer(set))
    #expect(bits(first) == bits(second))
    #expect(first.calibrations == second.calibrations)
    #expect(first.record.divergences == second.record.divergences)
    #expect(first.record.history == second.record.history)
    let other = try run(TinyStudy.trainer(set, TinyStudy.settings(seed: 8)))
    #expect(bits(first) != bits(other))
  }

  @Test func `the order in which files are made does not matter`() throws {
    let turned = try TemporaryFolder()
    try TinyStudy.write(to: turned, cases: TinyStudy.cases.reversed())
    let first = try run(TinyStudy.trainer(set()))
    let second = try run(TinyStudy.trainer(TinyStudy.trainingSet(in: turned)))
    #expect(first.record.trainingSetSHA256 == second.record.trainingSetSHA256)
    #expect(first.record.heldOutCases == second.record.heldOutCases)
    #expect(bits(first) == bits(second))
  }

  /// A patch is as large as a scan and tissue fills about half of it, which counts as one patch a scan at least: four
  /// scans are two batches of two an epoch.
  @Test(arguments: [1, 2.5, 3])
  func `a budget of epochs is used up and not exceeded by a step`(epochs: Double) throws {
    let model = try run(TinyStudy.trainer(set(), TinyStudy.settings(epochs: epochs)))
    #expect(model.record.steps == Int((epochs * 2).rounded(.up)))
    #expect(model.record.epochs == Double(model.record.steps) / 2)
  }

  @Test(arguments: [1, 5]) func `a budget of steps has as many`(steps: Int) throws {
    var settings = TinyStudy.settings()
    settings.budget = .steps(steps)
    settings.score?.budget = .steps(3)
    let record = try run(TinyStudy.trainer(set(), settings)).record
    #expect(record.steps == steps && record.scoreSteps == 3)
  }

  /// The used share of such a budget is larger than any integer.
  @Test func `a budget of time that ends before the first step does is refused`() throws {
    var settings = TinyStudy.settings()
    settings.budget = .minutes(1e-30)
    let error = #expect(throws: BudgetTooSmall.self) { try run(TinyStudy.trainer(set(), settings)) }
    #expect(error?.minutes == 1e-30)
    #expect(try #require(error).secondsPerStep > 0)
  }

  /// After the pause at the first check a step is made, and told of, though the time is used up.
  @Test func `progress never passes the whole`() throws {
    var settings = TinyStudy.settings()
    settings.budget = .minutes(0.05)
    settings.score?.budget = .minutes(0.02)
    var isFirst = true
    var (network, score): ([Double], [Double]) = ([], [])
    _ = try TinyStudy.trainer(set(), settings).run(toolVersion: "1.0") { event in
      switch event {
      case .checked:
        if isFirst { Thread.sleep(forTimeInterval: 3.1) }
        isFirst = false
      case .progress(let progress): network.append(progress.fraction)
      case .score(let progress): score.append(progress.fraction)
      default: break
      }
    }
    #expect(network.contains(1), "\(network)")
    #expect((network + score).allSatisfy { (0...1).contains($0) }, "\(network), \(score)")
  }

  // MARK: Too few steps

  /// The kinds of events heard, and the steps foretold.
  private func forecast(_ settings: Trainer.Settings) throws -> (kinds: [String], told: [ModelKnowledge.Steps]) {
    var (kinds, told): ([String], [ModelKnowledge.Steps]) = ([], [])
    _ = try TinyStudy.trainer(set(), settings).run(toolVersion: "1.0") { event in
      switch event {
      case .progress: kinds.append("progress")
      case .checked: kinds.append("check")
      case .fewSteps(let steps, let ofScore):
        kinds.append(ofScore ? "few for the score" : "few")
        told.append(steps)
      default: break
      }
    }
    return (kinds, told)
  }

  @Test func `too few steps of a known number are told of before the first`() throws {
    var settings = TinyStudy.settings()
    settings.budget = .steps(4)
    settings.score?.budget = .epochs(2.5)
    let (kinds, told) = try forecast(settings)
    #expect(kinds.first == "few" && kinds.last == "few for the score" && kinds.count { $0.hasPrefix("few") } == 2)
    #expect(told == [.init(taken: 4, needed: 300), .init(taken: 1, needed: 100)])
  }

  @Test func `too few steps in the time given are told of once, with the first progress`() throws {
    var settings = TinyStudy.settings()
    settings.budget = .minutes(0.05)
    settings.score = nil
    settings.objective.warmUpSteps = 1_000_000_000
    let (kinds, told) = try forecast(settings)
    let first = try #require(kinds.firstIndex(of: "progress"))
    #expect(kinds[first + 1] == "few" && told.count == 1, "\(kinds)")
    #expect(try #require(told.first).taken < 1_000_000_000)
  }

  @Test func `enough steps are not told of`() throws {
    var settings = TinyStudy.settings()
    settings.objective.warmUpSteps = 0
    settings.budget = .steps(100)
    settings.score?.budget = .steps(100)
    #expect(try forecast(settings).told.isEmpty)
  }

  @Test func `the record says how the model was made`() throws {
    let record = try run(TinyStudy.trainer(set())).record
    #expect(record.toolVersion == "1.0")
    #expect(record.seed == 7)
    #expect(record.trainingCases == 4)
    #expect(record.heldOutCases.count == 2)
    #expect(record.divergences.map(\.count) == [2, 4])
    #expect(record.activity?.map(\.count) == [2, 4])
    #expect((0...1).contains(record.plantedAveragePrecision))
    #expect(
      record.warnings.last
        == "Calibrated on 2 held-out cases: no case can be flagged at a false-positive rate below 33 %."
        + " 19 held-out cases are needed for 5 %.")
  }

  @Test func `training explains held-out tissue, which an untrained network does not`() throws {
    let set = try set()
    func explained(_ epochs: Double) throws -> Double {
      let record = try run(TinyStudy.trainer(set, TinyStudy.settings(epochs: epochs))).record
      return try #require(record.knowledge.explained.overall)
    }
    #expect(try explained(0.5) < 0)
    #expect(try explained(150) > ModelKnowledge.leastExplained)
  }

  @Test func `what the observer throws ends the training`() throws {
    let trainer = try TinyStudy.trainer(set(), TinyStudy.settings(epochs: 1e6))
    #expect(throws: Interruption.self) { try trainer.run(toolVersion: "1.0") { _ in throw Interruption() } }
  }

  // MARK: Resuming

  @Test func `a checkpoint holds all there is: read and written again it is the same`() throws {
    let first = try TinyStudy.trainer(set())
    _ = try run(first)
    try first.saveCheckpoint(to: checkpoint)
    let saved = try folder.bytes(of: "model.checkpoint")
    let second = try TinyStudy.trainer(set())
    try second.resume(from: checkpoint)
    try second.saveCheckpoint(to: checkpoint)
    #expect(try folder.bytes(of: "model.checkpoint") == saved)
  }

  /// Progress is first told of after a second, when a fast machine may have finished: then nothing was interrupted, and
  /// two whole runs are compared.
  @Test func `a training that was interrupted ends where it would have without`() throws {
    let settings = TinyStudy.settings(epochs: 250)
    let set = try set()
    let whole = try run(TinyStudy.trainer(set, settings))
    let first = try TinyStudy.trainer(set, settings)
    let second = try TinyStudy.trainer(set, settings)
    do {
      _ = try first.run(toolVersion: "1.0") { _ in throw Interruption() }
    } catch is Interruption {
      try first.saveCheckpoint(to: checkpoint)
      try second.resume(from: checkpoint)
    }
    let resumed = try run(second)
    #expect(resumed.record.steps == 500)
    #expect(bits(resumed) == bits(whole))
    #expect(resumed.calibrations == whole.calibrations)
    #expect(resumed.record.plantedAveragePrecision == whole.record.plantedAveragePrecision)
    #expect(resumed.record.history == whole.record.history)
  }

  @Test func `a larger budget goes on from where the smaller one ended`() throws {
    let first = try TinyStudy.trainer(set(), TinyStudy.settings(epochs: 2))
    #expect(try run(first).record.steps == 4)
    try first.saveCheckpoint(to: checkpoint)
    let second = try TinyStudy.trainer(set(), TinyStudy.settings(epochs: 5))
    try second.resume(from: checkpoint)
    #expect(try run(second).record.steps == 10)
  }

  /// What a user would read on resuming, without the folder.
  private func message(_ trainer: Trainer) -> String {
    do throws(NormaError) {
      try trainer.resume(from: checkpoint)
      return "no error"
    } catch {
      return error.description.replacingOccurrences(of: folder.path + "/", with: "")
    }
  }

  @Test func `a checkpoint of other scans is refused`() throws {
    try TinyStudy.trainer(set()).saveCheckpoint(to: checkpoint)
    try folder.write([TinyStudy.scan(seed: 99)], as: "ada/ada.tif")
    #expect(
      message(try TinyStudy.trainer(set()))
        == "model.checkpoint: this checkpoint was made on other training scans than the study holds now."
        + " Train anew without --resume.")
  }

  @Test(arguments: [
    "seed", "batch size", "learning rate", "objective", "augmentation", "patience", "rule", "network", "precision",
    "none",
  ])
  func `a checkpoint of other settings is refused`(other: String) throws {
    let set = try set()
    try TinyStudy.trainer(set).saveCheckpoint(to: checkpoint)
    var settings = TinyStudy.settings()
    var architecture = TinyStudy.architecture
    var precision = Precision.float32
    switch other {
    case "seed": settings.seed += 1
    case "batch size": settings.batchSize += 1
    case "learning rate": settings.learningRate *= 2
    case "objective": settings.objective.likelihood = .gaussian
    case "augmentation": settings.augmentation = .mild
    case "patience": settings.patience = 3
    case "rule": settings.rule.polarity = .dark
    case "network": architecture.widths = [8, 16]
    case "precision": precision = .bfloat16
    default:
      settings.budget = .minutes(5)
      settings.score?.budget = .minutes(5)
    }
    let trainer = try Trainer(
      set, architecture: architecture, settings: settings, engine: Engine(precision: precision))
    #expect(
      message(trainer)
        == (other == "none"
          ? "no error"
          : "model.checkpoint: this checkpoint was made with other settings than the ones given."
            + " Give the same options as before, or train anew without --resume."))
  }

  @Test func `a checkpoint that is missing or is a model is refused`() throws {
    let trainer = try TinyStudy.trainer(set())
    #expect(message(trainer) == "model.checkpoint: there is no such file. Give a file that `norma train` wrote.")
    try TinyStudy.model.get().save(to: checkpoint)
    #expect(
      message(trainer)
        == "model.checkpoint: its format is 'norma', 'norma-checkpoint' was expected."
        + " Give a file that `norma train` wrote.")
  }

  @Test(
    arguments: [
      ("step", "-1", "its metadata lacks 'step'"), ("step", "9223372036854775807", "its metadata lacks 'step'"),
      ("step", nil, "its metadata lacks 'step'"), ("state", nil, "its metadata lacks 'state'"),
      ("state", "{}", "its metadata 'state' cannot be understood"),
    ] as [(String, String?, String)])
  func `a checkpoint whose state cannot be is refused`(key: String, value: String?, expected: String) throws {
    let trainer = try TinyStudy.trainer(set())
    try trainer.saveCheckpoint(to: checkpoint)
    var file = try Safetensors(Data(contentsOf: URL(fileURLWithPath: checkpoint)), path: checkpoint)
    file.metadata[key] = value
    try file.encoded().write(to: URL(fileURLWithPath: checkpoint))
    #expect(message(trainer) == "model.checkpoint: \(expected). Copy the file again or train anew.")
  }

  @Test(
    arguments: [
      ("random", ["state": [1]]), ("spread", [Double]()), ("rateScale", 0), ("rateScale", 2), ("recoveries", -1),
    ] as [(String, any Sendable)])
  func `a checkpoint whose state does not fit is refused`(key: String, value: any Sendable) throws {
    let trainer = try TinyStudy.trainer(set())
    try trainer.saveCheckpoint(to: checkpoint)
    var file = try Safetensors(Data(contentsOf: URL(fileURLWithPath: checkpoint)), path: checkpoint)
    let text = try #require(file.metadata["state"])
    var state = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    #expect(state[key] != nil)
    state[key] = value
    file.metadata["state"] = String(decoding: try JSONSerialization.data(withJSONObject: state), as: UTF8.self)
    try file.encoded().write(to: URL(fileURLWithPath: checkpoint))
    #expect(
      message(trainer)
        == "model.checkpoint: its metadata 'state' does not fit its network. Copy the file again or train anew.")
  }

  @Test func `a checkpoint without a parameter's moments is refused`() throws {
    let trainer = try TinyStudy.trainer(set())
    try trainer.saveCheckpoint(to: checkpoint)
    var file = try Safetensors(Data(contentsOf: URL(fileURLWithPath: checkpoint)), path: checkpoint)
    file.arrays["second.output.weight"] = nil
    try file.encoded().write(to: URL(fileURLWithPath: checkpoint))
    #expect(
      message(trainer)
        == "model.checkpoint: it lacks 'second.output.weight' of shape [4, 8, 1, 1]."
        + " Copy the file again or train anew.")
  }
}
