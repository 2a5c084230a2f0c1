import Anomaly
import Compute
import Foundation
import Testing

/// Training that looks after itself: going back when it diverges, stopping early, an alarm where latents collapse.
struct TrainingCareTests {
  let folder: TemporaryFolder
  let set: TrainingSet

  init() throws {
    folder = try TemporaryFolder()
    try TinyStudy.write(to: folder)
    set = try TinyStudy.trainingSet(in: folder)
  }

  /// What the observer heard beside progress.
  private struct Heard {
    var checks: [Model.Record.Check] = []
    var warnings: [String] = []
    var recoveries: [String] = []
    var stops: [Int] = []
  }

  private func run(
    _ trainer: Trainer, onCheck: (Int) -> Void = { _ in }
  ) throws -> (record: Model.Record, weights: [Float], heard: Heard) {
    var heard = Heard()
    let model = try trainer.run(toolVersion: "1.0") { event in
      switch event {
      case .progress, .score, .checkpoint, .calibrated, .fewSteps: break
      case .checked(let check, let warnings):
        heard.checks.append(check)
        heard.warnings += warnings
        onCheck(heard.checks.count)
      case .recovered(let step, let reason): heard.recoveries.append("\(step): \(reason)")
      case .stoppedEarly(let step, _): heard.stops.append(step)
      }
    }
    return (model.record, model.weights.values.flatMap(\.values), heard)
  }

  private func poison(_ trainer: Trainer) {
    trainer.network.parameters[0].update { for i in $0.indices { $0[i] = .nan } }
  }

  // MARK: Choice

  /// Planted average precision and reconstruction of checks in turn, and which of them is to be chosen.
  struct Course: Sendable {
    var checks: [[Double]]
    var chosen: Int
  }

  static let courses: [Course] = [
    // Of nearly equal precisions the better reconstruction is chosen, of unequal ones the higher precision.
    Course(checks: [[0.429, -0.8], [0.434, -1.2], [0.426, -1.4], [0.42, -1.5], [0.434, -1.7]], chosen: 4),
    Course(checks: [[0.41, 0.3], [0.443, -1.2], [0.435, -1.35], [0.4, -2]], chosen: 2),
    Course(checks: [[0.58, -0.4], [0.603, -0.6], [0.581, -0.9]], chosen: 1),
    Course(checks: [[0.3, 1.5], [0.2, -1]], chosen: 0),
    Course(checks: [[0.3, -1], [0.31, 1.5]], chosen: 1),
    Course(checks: [[0.4, -1], [0.401, 0.5]], chosen: 0),
  ]

  @Test(arguments: courses)
  func `the check that finds lesions best is chosen, and of those nearly as good the one that reconstructs best`(
    course: Course
  ) {
    let checks = course.checks.enumerated().map { step, numbers in
      Model.Record.Check(
        step: step, heldOutLoss: 0, plantedAveragePrecision: numbers[0], reconstruction: numbers[1], divergence: 0,
        learningRate: 0)
    }
    #expect(Model.Record.Check.chosen(of: checks) == course.chosen)
  }

  /// Precision, loss and R² of each check.
  @Test(arguments: [
    // An untrained network finds bright lesions by their intensities.
    ([[0.304, 9.5, -12], [0.29, 0.1, -1.4], [0.28, -0.9, 0.2], [0.27, -1, 0.3]], 2),
    // Nothing is learned at all: the last weights are the least wrong.
    ([[0.304, 9.5, -12], [0.29, 0.1, -1.4], [0.3, -0.1, 0]], 2),
    ([[0.2, -0.9, 0.2], [0.304, 9.5, -12]], 0), ([[0.3, 1, 0], [0.29, -0.9, 0.2], [0.31, -1, 0.3]], 2),
  ])
  func `weights that know tissue are chosen before others, however well those find planted lesions`(
    checks: [[Double]], expected: Int
  ) {
    let checks = checks.enumerated().map { step, numbers in
      Model.Record.Check(
        step: step, heldOutLoss: numbers[1], plantedAveragePrecision: numbers[0], explained: numbers[2])
    }
    #expect(Model.Record.Check.chosen(of: checks) == expected)
  }

  // MARK: Divergence

  @Test func `a training whose weights are lost goes back to the last check and ends well`() throws {
    let trainer = try TinyStudy.trainer(set, TinyStudy.settings(epochs: 12))
    let (record, weights, heard) = try run(trainer) { if $0 == 4 { poison(trainer) } }
    let reason = "the loss or its gradient was not a finite number 5 steps in a row"
    #expect(heard.recoveries == ["8: \(reason); it went on from step 8 with half the learning rate"])
    #expect(
      record.warnings.first
        == "Training diverged at step 8: \(reason); it went on from step 8 with half the learning rate.")
    #expect(record.steps == 24)
    #expect(record.history?.map(\.step) == (1...12).map { 2 * $0 })
    #expect(weights.allSatisfy { $0.isFinite })
  }

  @Test func `a training that goes astray is given up after three returns, and says what to do`() throws {
    var settings = TinyStudy.settings(epochs: 1e6)
    settings.learningRate = .infinity
    let trainer = try TinyStudy.trainer(set, settings)
    var recoveries = 0
    let error = #expect(throws: TrainingDiverged.self) {
      try trainer.run(toolVersion: "1.0") { if case .recovered = $0 { recoveries += 1 } }
    }
    #expect(recoveries == 3)
    #expect(
      error?.description
        == "training: the loss or its gradient was not a finite number 5 steps in a row at step 1, again after 3 returns"
        + " to a good state at half the learning rate each, a loss that falls was expected. Lower --learning-rate.")
  }

  @Test func `an explosion of the loss is a divergence too`() throws {
    var settings = TinyStudy.settings(epochs: 1e6)
    settings.learningRate = 1e4
    let error = #expect(throws: TrainingDiverged.self) { try run(TinyStudy.trainer(set, settings)) }
    #expect(error?.reason == "the loss was more than 10 times its running mean 20 steps in a row")
  }

  @Test func `a training that recovered is the same bits again`() throws {
    func train() throws -> [UInt32] {
      let trainer = try TinyStudy.trainer(set, TinyStudy.settings(epochs: 12))
      let model = try trainer.run(toolVersion: "1.0") {
        if case .checked(let check, _) = $0, check.step == 8 { poison(trainer) }
      }
      #expect(model.record.warnings.count == 2)
      return model.weights.sorted { $0.key < $1.key }.flatMap { $0.value.values.map(\.bitPattern) }
    }
    #expect(try train() == train())
  }

  // MARK: Early stopping

  /// The figures of a training without patience tell where one with patience, the same up to there, has to stop.
  @Test(arguments: [1, 2])
  func `training stops where as many checks as its patience brought nothing`(patience: Int) throws {
    var settings = TinyStudy.settings(epochs: 24)
    settings.learningRate = 3  // so large that the loss goes up and down
    let whole = try #require(try run(TinyStudy.trainer(set, settings)).record.history)
    #expect(whole.count == 12)
    var idle = 0
    var best = (planted: -1.0, loss: Double.infinity)
    let end = try #require(
      whole.firstIndex { check in
        idle = check.plantedAveragePrecision > best.planted || check.heldOutLoss < best.loss ? 0 : idle + 1
        best = (max(best.planted, check.plantedAveragePrecision), min(best.loss, check.heldOutLoss))
        return idle == patience
      }, "no \(patience) checks in a row of this training bring nothing: choose another")
    settings.patience = patience
    let (record, _, heard) = try run(TinyStudy.trainer(set, settings))
    #expect(end < 11)
    #expect(record.history == Array(whole[...end]))
    #expect(record.steps == whole[end].step)
    #expect(heard.stops == [whole[end].step])
  }

  @Test func `a training that gets better is not stopped`() throws {
    var settings = TinyStudy.settings(epochs: 12)
    settings.patience = 1
    let (record, _, heard) = try run(TinyStudy.trainer(set, settings))
    #expect(heard.stops == [])
    #expect(record.steps == 24)
  }

  @Test func `every check is told of and recorded, and the best one is kept`() throws {
    let (record, _, heard) = try run(TinyStudy.trainer(set, TinyStudy.settings(epochs: 12)))
    let history = try #require(record.history)
    #expect(history == heard.checks)
    #expect(history.map(\.step) == (1...12).map { 2 * $0 })
    let best = try #require(history.map(\.plantedAveragePrecision).max())
    #expect(record.plantedAveragePrecision >= 0.98 * best)
    #expect(history.contains { $0.plantedAveragePrecision == record.plantedAveragePrecision })
    #expect(history.last!.heldOutLoss < history.first!.heldOutLoss)
  }

  // MARK: Collapse

  @Test func `a weight that leaves the latents nothing raises the alarm once`() throws {
    var settings = TinyStudy.settings(epochs: 40)
    settings.learningRate = 1e-2
    settings.objective.divergenceWeights = [1e6, 1e6]
    settings.objective.freeNats = 0
    settings.objective.warmUpSteps = 0
    let (record, _, heard) = try run(TinyStudy.trainer(set, settings))
    #expect(heard.warnings.count == 1)
    #expect(heard.warnings.allSatisfy { $0.hasPrefix("The latents have collapsed: ") })
    #expect(record.allWarnings.count { $0.hasPrefix("The latents have collapsed: ") } == 1)
    #expect(heard.recoveries == [])
  }

  @Test func `a short training on phantoms raises none`() throws {
    let study = try TemporaryFolder()
    try PhantomStudy(seed: 1, healthy: 4, patients: 1).write(to: study.path + "/phantoms")
    var reading = TrainingSet.Settings()
    reading.reduction = 2
    let set = try TrainingSet(Study(path: study.path + "/phantoms/healthy"), settings: reading)
    var settings = Trainer.Settings(objective: Objective(stages: 4), rule: EvidenceRule())
    settings.budget = .epochs(10)
    settings.batchSize = 4
    let (record, _, heard) = try run(
      Trainer(
        set, architecture: VAE.Architecture(channels: 1, patchSize: 64), settings: settings, engine: Engine()))
    #expect(heard.warnings == [])
    #expect(!record.allWarnings.contains { $0.contains("collapsed") })
    #expect(record.activity?.map(\.count) == [0, 4, 8, 16])
    #expect(record.activity?.joined().contains { $0 > 0.01 } == true)
  }
}
