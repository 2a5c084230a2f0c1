import Compute
import Files
import Foundation
import Threads

/// Trains the network on healthy patches and chooses the weights that find planted lesions best and reconstruct well.
///
/// A `PatchSource` cuts and corrupts the patches of a batch, and a `TrainingStep` updates the network with them. A
/// dozen times over the budget, `HeldOutCheck` and `PlantedScans` measure the averaged weights; `TrainingState` chooses
/// among the checks and goes back where training diverges. At the end, `ScoreTrainer` learns the score, and
/// `HeldOutCalibration` finds what the scores mean. A `TrainingCheckpoint` saves the training state in a file.
///
/// Several processes may share every batch: the first runs as a single process would and gives `Instruction`s to the
/// others, which call `assist`.
package final class Trainer {
  package typealias Settings = TrainingSettings
  package typealias Progress = TrainingProgress
  package typealias Event = TrainingEvent

  package let set: TrainingSet
  private let architecture: VAE.Architecture
  package let settings: Settings
  private let engine: Engine
  package let network: VAE
  private let adam: Adam
  private let source: PatchSource
  private let planted: PlantedScans
  private let heldOutCheck: HeldOutCheck
  private var state: TrainingState
  /// The network of the features that the model measures, if any.
  private let features: FeatureWeights?
  /// Weights of the chosen check.
  private var best: [[Float]]
  /// The processes that share every batch, if there are several. This process is the first unless it only assists.
  private let ranks: Ranks?

  private static let checks = 12
  /// The most time, in seconds, that is lost when a training is killed.
  package var secondsBetweenCheckpoints = 60.0

  /// - Parameters:
  ///   - architecture: must suit the settings' objective, see `VAE.Architecture.suit`.
  ///   - features: the network of the features that the model measures, for scans of up to three channels.
  package init(
    _ set: TrainingSet, architecture: VAE.Architecture, settings: Settings, features: FeatureWeights? = nil,
    engine: Engine, ranks: Ranks? = nil
  ) throws {
    precondition(
      settings.objective.suits(architecture),
      settings.objective.fault ?? "the network's outputs do not suit the objective")
    self.set = set
    self.architecture = architecture
    self.settings = settings
    self.features = features
    self.engine = engine
    self.ranks = ranks
    network = VAE(architecture, seed: settings.seed, engine: engine)
    adam = Adam(network.parameters)
    source = PatchSource(
      set.training.flatMap(\.views), edge: architecture.patchSize, channels: architecture.channels,
      range: set.preparation.normalization.range, augmentation: settings.augmentation)
    planted = PlantedScans(
      set, architecture: architecture, rule: settings.rule, scoring: settings.score)
    heldOutCheck = try HeldOutCheck(
      set, architecture: architecture, objective: settings.objective, engine: engine)
    state = TrainingState(seed: settings.seed, channels: architecture.channels)
    best = adam.averages
  }

  // MARK: Run

  /// Trains until the budget is used up, or until checks have brought no gain for as long as the settings' patience.
  ///
  /// - Parameter observe: called with every event; if it throws, training ends and the error is passed on.
  /// - Returns: the trained model with its calibration.
  /// - Throws: `TrainingDiverged`, `BudgetTooSmall`, the errors of oneDNN, and those of `observe`.
  package func run(toolVersion: String, observe: (Event) throws -> Void) throws -> Model {
    let update = try makeStep()
    // The others are told of the end in every case. Where a process is lost, they cannot be told.
    defer { _ = try? ranks?.broadcast(Instruction.end) }
    try shareState()
    let start = Date()
    let earlier = state.seconds
    var lastCheckpoint = start
    var meter = ProgressMeter(start: start, step: adam.step)
    var good = TrainingSnapshot(of: adam, best: best, state: state)
    var forecast = StepForecast(needed: settings.neededSteps)
    let known = settings.budget.knownSteps(stepsPerEpoch: stepsPerEpoch)
    if let few = forecast.shortage(steps: adam.step, fraction: fraction, known: known) {
      try observe(.fewSteps(few, ofScore: false))
    }

    func goBack(_ reason: String) throws {
      let event = try recover(to: good, because: reason)
      // A budget of epochs goes back too, so its checks are due again. A budget of minutes does not.
      state.checksDone = min(state.checksDone, checksDue)
      meter = ProgressMeter(start: Date(), step: adam.step)
      try shareState()
      try observe(event)
    }

    while true {
      try Interruption.check()
      state.seconds = earlier + Date().timeIntervalSince(start)
      // A step is made in any budget, so that one too small for it is seen.
      if adam.step > 0, checksDue > state.checksDone {
        if let event = try runDueCheck() {
          if state.watch.isCalm, !state.lastCheckExploded {
            good = TrainingSnapshot(of: adam, best: best, state: state)
          }
          try shareState()
          try observe(event)
        } else {
          try goBack("the loss on held-out scans was not a finite number")
        }
      }
      if let patience = settings.patience, state.idleChecks >= patience {
        try observe(.stoppedEarly(step: adam.step, checks: state.idleChecks))
        break
      }
      let fraction = self.fraction
      if fraction >= 1, adam.step > 0 { break }

      let rate = rate(at: fraction)
      _ = try ranks?.broadcast(Instruction.step(rate: rate))
      let (terms, norm) = try step(update, rate: rate)
      if let reason = state.watch.reasonToGoBack(loss: terms.settled, gradientNorm: norm) {
        try goBack(reason)
        continue
      }
      guard norm.isFinite else { continue }
      meter.add(terms)

      let now = Date()
      state.seconds = earlier + now.timeIntervalSince(start)
      if case .minutes(let minutes) = settings.budget, adam.step == 1, self.fraction >= 1 {
        throw BudgetTooSmall(minutes: minutes, secondsPerStep: state.seconds)
      }
      if now.timeIntervalSince(meter.start) >= 1 {
        try observe(.progress(progress(meter, now: now, rate: rate)))
        if let few = forecast.shortage(steps: adam.step, fraction: self.fraction, known: known) {
          try observe(.fewSteps(few, ofScore: false))
        }
        meter = ProgressMeter(start: now, step: adam.step)
      }
      if now.timeIntervalSince(lastCheckpoint) >= secondsBetweenCheckpoints {
        try observe(.checkpoint)
        lastCheckpoint = now
      }
    }
    return try finish(toolVersion: toolVersion, observe: observe)
  }

  private var stepsPerEpoch: Double { Double(source.patchesPerEpoch) / Double(settings.batchSize) }

  /// Share of the budget that is used up; may exceed 1.
  private var fraction: Double {
    settings.budget.fraction(seconds: state.seconds, steps: adam.step, stepsPerEpoch: stepsPerEpoch)
  }

  private var checksDue: Int { Int(min(fraction, 1) * Double(Self.checks)) }

  private func rate(at fraction: Double) -> Float {
    LearningRate.rate(peak: state.rateScale * settings.learningRate, step: adam.step, fraction: fraction)
  }

  private func progress(_ meter: ProgressMeter, now: Date, rate: Float) -> Progress {
    let speed = meter.stepsPerSecond(step: adam.step, now: now)
    return Progress(
      step: adam.step, epoch: Double(adam.step) / stepsPerEpoch, fraction: min(fraction, 1), terms: meter.averages,
      learningRate: rate, patchesPerSecond: speed * Double(settings.batchSize),
      secondsLeft: settings.budget.secondsLeft(
        seconds: state.seconds, steps: adam.step, stepsPerEpoch: stepsPerEpoch, stepsPerSecond: speed),
      lastCheck: state.history.last)
  }

  /// Goes back to a good state with half the learning rate.
  ///
  /// - Throws: `TrainingDiverged` where training has gone back too often.
  private func recover(to good: TrainingSnapshot, because reason: String) throws(TrainingDiverged) -> Event {
    let step = adam.step
    let account = try state.recover(to: good.state, ofStep: good.step, from: step, because: reason)
    good.restore(adam)
    best = good.best
    return .recovered(step: step, reason: account)
  }

  // MARK: Step

  private func makeStep() throws -> TrainingStep {
    let edge = architecture.patchSize
    return try TrainingStep(
      network: network, adam: adam, objective: settings.objective,
      shape: Shape(settings.batchSize, edge, edge, architecture.channels), ranks: ranks)
  }

  /// Draws the next batch and takes a step along its gradient.
  ///
  /// - Returns: the result of `TrainingStep.run`.
  /// - Throws: with the state unchanged, so that a checkpoint can still be saved.
  private func step(_ update: TrainingStep, rate: Float) throws -> (terms: Objective.Terms, norm: Float) {
    let before = (random: state.random, spread: state.spread)
    source.fill(
      clean: update.clean, corrupted: update.corrupted, corrupting: settings.objective.corrupts, share: update.share,
      using: &state.random)
    do {
      return try update.run(learningRate: rate, seed: state.random.next(), spread: &state.spread)
    } catch {
      ranks?.breakOff()
      (state.random, state.spread) = before
      throw error
    }
  }

  // MARK: Checks

  /// Runs the check that is due. If it is cut short, it is due again when training goes on.
  private func runDueCheck() throws -> Event? {
    let before = state.checksDone
    state.checksDone = checksDue
    do { return try runCheck() } catch {
      state.checksDone = before
      throw error
    }
  }

  /// Measures the averaged weights and keeps the best. Called a dozen times over the budget.
  ///
  /// - Returns: the event to report; `nil` where the network has diverged and nothing was kept.
  private func runCheck() throws -> Event? {
    let live = adam.swapInAverages()
    defer { for (parameter, values) in zip(network.parameters, live) { parameter.set(values) } }
    let heldOut = try heldOutCheck.measure(network, spread: state.spread)
    guard heldOut.isFinite else { return nil }
    let found = Model.Record.Check(
      step: adam.step, heldOutLoss: heldOut.loss,
      plantedAveragePrecision: try planted.averagePrecision(
        of: network, preparation: set.preparation, rule: settings.rule),
      reconstruction: heldOut.reconstruction, divergence: heldOut.divergences.joined().reduce(0, +),
      learningRate: rate(at: min(fraction, 1)), explained: heldOut.explained.overall)
    if state.add(found, heldOut: heldOut) { best = adam.averages }
    return .checked(found, warnings: state.newWarnings(neededSteps: settings.neededSteps))
  }

  // MARK: End

  /// Learns the score, calibrates on the held-out cases, and assembles the model.
  private func finish(toolVersion: String, observe: (Event) throws -> Void) throws -> Model {
    for (parameter, values) in zip(network.parameters, best) { parameter.set(values) }
    var scoreNetwork: ScoreNetwork?
    var scoreSteps = 0
    let start = Date()
    if let scoring = settings.score {
      try observe(.checkpoint)
      try shareState()
      _ = try ranks?.broadcast(Instruction.score)
      let training = scoreTraining(scoring)
      var forecast = StepForecast(needed: ScoreTrainer.neededSteps)
      let known = training.trainer.knownSteps
      if let few = forecast.shortage(steps: 0, fraction: 0, known: known) {
        try observe(.fewSteps(few, ofScore: true))
      }
      scoreSteps = try training.trainer.run { progress in
        try observe(.score(progress))
        if let few = forecast.shortage(steps: progress.step, fraction: progress.fraction, known: known) {
          try observe(.fewSteps(few, ofScore: true))
        }
      }
      scoreNetwork = training.network
    }
    let seconds = state.seconds + Date().timeIntervalSince(start)
    let local = try features.flatMap {
      try LocalFeatures(of: set.training.flatMap(\.views), by: FeatureNetwork($0))
    }
    let calibration = try HeldOutCalibration(
      of: network, scoreNetwork: scoreNetwork, on: set, settings: settings, spread: state.spread, planted: planted,
      features: local
    ) { try observe(.calibrated(cases: $0, of: $1)) }
    let learned = try state.bestLatents ?? heldOutCheck.measure(network, spread: state.spread)
    let found = calibration.book.planted
    let knowledge = ModelKnowledge(
      steps: .init(taken: adam.step, needed: settings.neededSteps),
      scoreSteps: settings.score.map { _ in .init(taken: scoreSteps, needed: ScoreTrainer.neededSteps) },
      explained: learned.explained, spreadAtBound: learned.spreadAtBound,
      planted: .init(ensemble: found[.ensemble] ?? 0, intensity: found[.intensity] ?? 0),
      activeLatents: learned.activeLatents, latents: architecture.latents.reduce(0, +))
    var preparation = set.preparation
    if local == nil { preparation.takesFeatures = nil }
    return Model(
      architecture: architecture, preparation: preparation, scoreArchitecture: scoreNetwork?.architecture,
      inference: settings.inference, book: calibration.book, calibrations: calibration.calibrations,
      domain: calibration.domain, latents: calibration.latents, texture: calibration.texture,
      features: local.map(FeatureReference.init),
      record: Model.Record(
        toolVersion: toolVersion, algorithm: Scorer.algorithm, seed: settings.seed, trainingSetSHA256: set.digest,
        trainingCases: set.training.count, heldOutCases: set.heldOut.map(\.name), known: set.known, steps: adam.step,
        epochs: Double(adam.step) / stepsPerEpoch, minutes: seconds / 60, threads: Parallel.threads,
        compute: Engine.description, precision: engine.precision, objective: settings.objective,
        scoreSteps: scoreSteps, plantedAveragePrecision: state.chosen?.plantedAveragePrecision ?? state.bestPlanted,
        divergences: learned.divergences, activity: learned.activity, history: state.history, spread: state.spread,
        knowledge: knowledge,
        warnings: state.finalWarnings(kept: learned) + calibration.warnings
          + (features != nil && local == nil ? [LocalFeatures.tooFew] : [])),
      weights: Dictionary(
        uniqueKeysWithValues: (network.parameters + (scoreNetwork?.parameters ?? [])).map {
          ($0.name, Safetensors.Array(shape: $0.shape, values: Array($0.value)))
        }))
  }

  /// An untrained score network, and its trainer, which uses the VAE with its present weights.
  private func scoreTraining(_ scoring: ScoreTrainer.Settings) -> (network: ScoreNetwork, trainer: ScoreTrainer) {
    let judge = ScoreNetwork(
      ScoreNetwork.Architecture(inputs: ScoreInput(architecture, preparation: set.preparation).count),
      seed: settings.seed, engine: engine)
    return (
      judge,
      ScoreTrainer(
        set, network: network, scoreNetwork: judge, rule: settings.rule, settings: scoring,
        augmentation: settings.augmentation, seed: settings.seed, ranks: ranks)
    )
  }

  // MARK: Checkpoints

  private var setup: TrainingCheckpoint.Setup {
    TrainingCheckpoint.Setup(
      architecture: architecture, preparation: set.preparation, settings: settings, precision: engine.precision,
      trainingSetSHA256: set.digest)
  }

  private func checkpoint() throws -> Safetensors {
    let snapshot = TrainingSnapshot(of: adam, best: best, state: state)
    return try TrainingCheckpoint(setup: setup, snapshot: snapshot).file(of: network.parameters)
  }

  /// Writes everything needed to continue: weights, moments, averages, best weights, random numbers, time used.
  package func saveCheckpoint(to path: String) throws { try ModelStorage.write(checkpoint(), to: path) }

  /// Continues from a checkpoint. The budget may differ from the checkpoint's; study, network and other settings may
  /// not.
  package func resume(from path: String) throws(NormaError) { try resume(ModelStorage.read(path), path: path) }

  /// - Parameter path: the checkpoint's path, for error messages.
  private func resume(_ file: Safetensors, path: String) throws(NormaError) {
    let snapshot = try TrainingCheckpoint(file, path: path, for: setup, of: network.parameters).snapshot
    snapshot.restore(adam)
    best = snapshot.best
    state = snapshot.state
  }

  // MARK: Several processes

  /// Computes its share of every step until the first process says that training has ended.
  package func assist() throws {
    guard let ranks else { preconditionFailure("nobody to assist") }
    let update = try makeStep()
    while true {
      switch try ranks.broadcast(Instruction.end) {
      case .state:
        let name = "process 0"
        try resume(Safetensors(Data(ranks.broadcast([])), path: name), path: name)
      case .step(let rate): _ = try step(update, rate: rate)
      case .score: return try scoreTraining(settings.score!).trainer.assist()
      case .end: return
      }
    }
  }

  /// Sends the training state to the other processes.
  ///
  /// They would compute the same numbers themselves. Sending the state now and then keeps differences between machines
  /// or libraries from adding up.
  private func shareState() throws {
    guard let ranks else { return }
    _ = try ranks.broadcast(Instruction.state)
    _ = try ranks.broadcast([UInt8](checkpoint().encoded()))
  }
}
