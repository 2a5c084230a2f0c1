import Compute
import Foundation
import Imaging
import Threads

/// Trains the network on healthy patches and chooses weights that find planted lesions best and reconstruct well.
package final class Trainer {
  package struct Settings: Codable, Sendable, Equatable {
    package var budget = TrainingBudget.minutes(10)
    package var seed: UInt64 = 0
    package var batchSize = 16
    package var learningRate: Float = 2e-3
    package var augmentation = Augmentation.mirror
    /// Checks in a row that may bring neither a better planted average precision nor a lower held-out loss before
    /// training stops; `nil` uses the budget up. Source: Prechelt 1998, "Early stopping - but when?".
    package var patience: Int?
    package var objective: Objective
    package var rule: EvidenceRule
    /// How the learned score is trained; `nil` for a model without one.
    package var score: ScoreTrainer.Settings?
    package var inference = Inference.Settings()

    package init(objective: Objective, rule: EvidenceRule) {
      self.objective = objective
      self.rule = rule
    }
  }

  /// What a progress display shows.
  package struct Progress: Sendable {
    package var step: Int
    package var epoch: Double
    /// Share of the budget that is used up, in 0...1.
    package var fraction: Double
    /// Averages since the last report.
    package var terms: Objective.Terms
    package var learningRate: Float
    package var patchesPerSecond: Double
    package var secondsLeft: Double
    /// What the last check found.
    package var lastCheck: Model.Record.Check?
  }

  package enum Event: Sendable {
    case progress(Progress)
    /// The network stands, its score is being learned.
    case score(ScoreTrainer.Progress)
    /// The state can be kept now, to resume from.
    case checkpoint
    /// A check on held-out scans is done; sentences for the user, where there is something to say.
    case checked(Model.Record.Check, warnings: [String])
    /// Training had diverged and went back to a good state; why, as a clause.
    case recovered(step: Int, reason: String)
    /// The held-out slides of so many cases were scored, which takes as long as analyzing them.
    case calibrated(cases: Int, of: Int)
    /// Checks brought nothing any more.
    case stoppedEarly(step: Int, checks: Int)
  }

  package let set: TrainingSet
  let architecture: VAE.Architecture
  package let settings: Settings
  let engine: Engine
  package let network: VAE
  let adam: Adam
  let source: PatchSource
  let planted: PlantedScans
  private let heldOutCheck: HeldOutCheck
  var state: TrainingState
  /// The processes that share every batch, where there are several; this one is the first unless it only assists.
  let ranks: Ranks?

  /// Weights of the chosen check.
  var best: [[Float]]

  private static let checks = 12
  /// Latents that have hardly been trained carry as little as collapsed ones.
  private static let checksBeforeAlarm = 3
  /// How much time a training that is killed loses at most.
  package var secondsBetweenCheckpoints = 60.0

  /// - Parameter architecture: has to suit the settings' objective, see `VAE.Architecture.suit`.
  package init(
    _ set: TrainingSet, architecture: VAE.Architecture, settings: Settings, engine: Engine, ranks: Ranks? = nil
  ) throws {
    precondition(
      settings.objective.suits(architecture),
      settings.objective.fault ?? "the network's outputs do not suit the objective")
    self.set = set
    self.architecture = architecture
    self.settings = settings
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

  /// Trains until the budget is used up, or checks have brought nothing for as long as the settings' patience.
  ///
  /// - Parameter observe: hears of progress; what it throws ends the training and is passed on.
  /// - Returns: the trained model with its calibration.
  /// - Throws: `TrainingDiverged`, besides what oneDNN reports.
  package func run(toolVersion: String, observe: (Event) throws -> Void) throws -> Model {
    let work = try Work(self)
    // However this ends; where a process is lost nobody can be told.
    defer { _ = try? ranks?.broadcast(Order.end) }
    try shareState()
    let start = Date()
    let earlier = state.seconds
    var lastCheckpoint = start
    var sums = Sums(start: start, step: adam.step)
    var good = snapshot()

    func goBack(_ reason: String) throws {
      let event = try recover(to: good, because: reason)
      // A budget of epochs has gone back too, and its checks are due again; one of minutes has not.
      state.checksDone = min(state.checksDone, checksDue)
      sums = Sums(start: Date(), step: adam.step)
      try shareState()
      try observe(event)
    }

    while true {
      try Interruption.check()
      state.seconds = earlier + Date().timeIntervalSince(start)
      if checksDue > state.checksDone {
        if let event = try runDueCheck() {
          if state.watch.isCalm, !lastCheckExploded { good = snapshot() }
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
      if fraction >= 1 { break }

      let rate = LearningRate.rate(
        peak: state.rateScale * settings.learningRate, step: adam.step, fraction: fraction)
      _ = try ranks?.broadcast(Order.step(rate: rate))
      let (terms, norm) = try step(work, rate: rate)
      if let reason = state.watch.reasonToGoBack(loss: terms.settled, gradientNorm: norm) {
        try goBack(reason)
        continue
      }
      guard norm.isFinite else { continue }
      sums.add(terms)

      let now = Date()
      state.seconds = earlier + now.timeIntervalSince(start)
      if now.timeIntervalSince(sums.start) >= 1 {
        try observe(.progress(progress(sums, now: now, rate: rate)))
        sums = Sums(start: now, step: adam.step)
      }
      if now.timeIntervalSince(lastCheckpoint) >= secondsBetweenCheckpoints {
        try observe(.checkpoint)
        lastCheckpoint = now
      }
    }
    var model = try finish(toolVersion: toolVersion, epochs: Double(adam.step) / stepsPerEpoch, observe: observe)
    model.record.history = state.history
    model.record.activity = state.bestLatents?.activity
    return model
  }

  private var stepsPerEpoch: Double { Double(source.patchesPerEpoch) / Double(settings.batchSize) }

  /// Share of the budget that is used up; may pass 1.
  private var fraction: Double {
    settings.budget.fraction(seconds: state.seconds, steps: adam.step, stepsPerEpoch: stepsPerEpoch)
  }

  private var checksDue: Int { Int(min(fraction, 1) * Double(Self.checks)) }

  /// What has been added up since the last report.
  private struct Sums {
    let start: Date
    let step: Int
    var terms = Objective.Terms.zero
    var count = 0

    mutating func add(_ other: Objective.Terms) {
      terms.reconstruction += other.reconstruction
      terms.divergence += other.divergence
      terms.loss += other.loss
      terms.settled += other.settled
      count += 1
    }
  }

  private func progress(_ sums: Sums, now: Date, rate: Float) -> Progress {
    let speed = Double(adam.step - sums.step) / now.timeIntervalSince(sums.start)
    let left =
      switch settings.budget {
      case .minutes(let minutes): max(0, minutes * 60 - state.seconds)
      case .epochs(let epochs): (epochs * stepsPerEpoch - Double(adam.step)) / max(speed, 1e-9)
      }
    let scale = 1 / Double(max(1, sums.count))
    return Progress(
      step: adam.step, epoch: Double(adam.step) / stepsPerEpoch, fraction: fraction,
      terms: Objective.Terms(
        reconstruction: sums.terms.reconstruction * scale, divergence: sums.terms.divergence * scale,
        loss: sums.terms.loss * scale, settled: sums.terms.settled * scale), learningRate: rate,
      patchesPerSecond: speed * Double(settings.batchSize),
      secondsLeft: left, lastCheck: state.history.last)
  }

  /// A check that was cut short is due again when training goes on.
  private func runDueCheck() throws -> Event? {
    let before = state.checksDone
    state.checksDone = checksDue
    do { return try runCheck() } catch {
      state.checksDone = before
      throw error
    }
  }

  /// Measures the averaged weights, a dozen times over the budget, and keeps the best.
  ///
  /// - Returns: what is to be told; `nil` where the network has diverged and nothing was kept.
  private func runCheck() throws -> Event? {
    let live = adam.swapInAverages()
    defer { for (parameter, values) in zip(network.parameters, live) { parameter.set(values) } }
    let heldOut = try heldOutCheck.measure(network, spread: state.spread)
    guard heldOut.isFinite else { return nil }
    let planted = try planted.averagePrecision(
      of: network, preparation: set.preparation, rule: settings.rule)
    let lowest = state.history.map(\.heldOutLoss).min() ?? .infinity
    state.idleChecks = planted > state.bestPlanted || heldOut.loss < lowest ? 0 : state.idleChecks + 1
    let found = Model.Record.Check(
      step: adam.step, heldOutLoss: heldOut.loss, plantedAveragePrecision: planted,
      reconstruction: heldOut.reconstruction, divergence: heldOut.divergences.joined().reduce(0, +),
      learningRate: LearningRate.rate(
        peak: state.rateScale * settings.learningRate, step: adam.step, fraction: min(fraction, 1)))
    state.history.append(found)
    if found.isPreferred(to: state.chosen, highest: state.bestPlanted) {
      state.chosen = found
      state.bestLatents = heldOut
      best = adam.averages
    }
    state.bestPlanted = max(state.bestPlanted, planted)
    state.collapse = Collapse.warning(divergences: heldOut.divergences, activity: heldOut.activity)
    guard let collapse = state.collapse, !state.warnedOfCollapse,
      state.history.count >= Self.checksBeforeAlarm
    else {
      return .checked(found, warnings: [])
    }
    state.warnedOfCollapse = true
    return .checked(found, warnings: [collapse])
  }

  private var lastCheckExploded: Bool {
    guard let last = state.history.last?.heldOutLoss, let lowest = state.history.map(\.heldOutLoss).min() else {
      return false
    }
    return DivergenceWatch.isExplosion(last, after: lowest)
  }
}
