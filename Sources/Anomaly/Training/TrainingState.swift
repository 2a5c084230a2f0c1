import Numerics

/// The part of the training state besides the weights and their moments.
struct TrainingState: Codable, Sendable, Equatable {
  var random: RandomGenerator
  /// The likelihood's running spread, one number per channel.
  var spread: [Float]
  /// Training time of earlier sessions, in seconds.
  var seconds = 0.0
  var checksDone = 0
  /// Number of checks in a row with neither a better planted average precision nor a lower held-out loss.
  var idleChecks = 0
  /// Highest planted average precision so far.
  var bestPlanted = -1.0
  /// The check whose weights are kept; `nil` before the first check, and in checkpoints of an older norma.
  var chosen: Model.Record.Check?
  var history: [Model.Record.Check] = []
  /// The result of `HeldOutCheck` at the chosen check.
  var bestLatents: HeldOutCheck.Result?
  var watch = DivergenceWatch()
  /// Factor of the learning rate, halved at every recovery.
  var rateScale: Float = 1
  var recoveries = 0
  var warnedOfCollapse = false
  var warnedOfReconstruction = false
  /// The result of `HeldOutCheck` at the last check; `nil` before the first.
  var lastHeldOut: HeldOutCheck.Result?
  /// Warnings for the model's record, as sentences.
  var warnings: [String] = []

  init(seed: UInt64, channels: Int) {
    random = RandomGenerator(seed: seed)
    spread = [Float](repeating: 0, count: channels)
  }

  /// Whether training can continue from a state that was read from a file.
  func isSound(channels: Int) -> Bool {
    random.isSound && spread.count == channels && rateScale > 0 && rateScale <= 1 && recoveries >= 0
  }
}

extension TrainingState {
  /// Latents that have hardly been trained carry as little as collapsed ones, so the first checks raise no alarm.
  private static let checksBeforeAlarm = 3
  private static let bearableRecoveries = 3

  /// Records a check.
  ///
  /// - Returns: whether its weights replace those kept so far.
  mutating func add(_ check: Model.Record.Check, heldOut: HeldOutCheck.Result) -> Bool {
    let planted = check.plantedAveragePrecision
    let lowest = history.map(\.heldOutLoss).min() ?? .infinity
    idleChecks = planted > bestPlanted || check.heldOutLoss < lowest ? 0 : idleChecks + 1
    history.append(check)
    let isPreferred = Model.Record.Check.chosen(of: history) == history.count - 1
    if isPreferred {
      chosen = check
      bestLatents = heldOut
    }
    bestPlanted = max(bestPlanted, planted)
    lastHeldOut = heldOut
    return isPreferred
  }

  /// The warning of the last check that the latents have collapsed; `nil` where they are in use.
  private var collapse: String? {
    lastHeldOut.flatMap { Collapse.warning(divergences: $0.divergences, activity: $0.activity ?? []) }
  }

  /// The alarms for the user after a check, each once: that the latents have collapsed, and that after the steps that
  /// training needs the reconstruction says next to nothing about tissue.
  mutating func newWarnings(neededSteps: Int) -> [String] {
    var result: [String] = []
    if let collapse, !warnedOfCollapse, history.count >= Self.checksBeforeAlarm {
      warnedOfCollapse = true
      result.append(collapse)
    }
    if !warnedOfReconstruction, let step = history.last?.step, step >= neededSteps,
      let share = lastHeldOut?.explained.overall, share < ModelKnowledge.leastExplained
    {
      warnedOfReconstruction = true
      result.append(ModelKnowledge.Warning.explainsLittle(share).description)
    }
    return result
  }

  /// The warnings about the course of training, for the model's record.
  ///
  /// - Parameter kept: what was measured of the weights that are kept; `ModelKnowledge` warns where these have
  ///   collapsed.
  func finalWarnings(kept: HeldOutCheck.Result) -> [String] {
    let isKnown = Collapse.warning(divergences: kept.divergences, activity: kept.activity ?? []) != nil
    return warnings + (isKnown ? [] : [collapse].compactMap { $0 })
  }

  /// Whether the last check's loss is far too large compared with the lowest one.
  var lastCheckExploded: Bool {
    guard let last = history.last?.heldOutLoss, let lowest = history.map(\.heldOutLoss).min() else { return false }
    return DivergenceWatch.isExplosion(last, after: lowest)
  }

  /// Goes back to a good state with half the learning rate. Time and random numbers continue, so that other batches are
  /// drawn.
  ///
  /// - Parameters:
  ///   - good: the state at step `goodStep`.
  ///   - step: the step at which training diverged.
  ///   - reason: why training diverged, as a clause.
  /// - Returns: the reason and what was done, as a clause.
  /// - Throws: `TrainingDiverged` where training has gone back too often; the state is then unchanged.
  mutating func recover(
    to good: TrainingState, ofStep goodStep: Int, from step: Int, because reason: String
  ) throws(TrainingDiverged) -> String {
    guard recoveries < Self.bearableRecoveries else {
      throw TrainingDiverged(step: step, recoveries: recoveries, reason: reason)
    }
    let account = "\(reason); it went on from step \(goodStep) with half the learning rate"
    var next = good
    next.random = random
    next.seconds = seconds
    next.checksDone = checksDone
    next.watch = DivergenceWatch()
    next.warnedOfCollapse = warnedOfCollapse
    next.warnedOfReconstruction = warnedOfReconstruction
    next.rateScale = rateScale / 2
    next.recoveries = recoveries + 1
    next.warnings = warnings + ["Training diverged at step \(step): \(account)."]
    self = next
    return account
  }
}

extension Model.Record.Check {
  /// The check whose weights are kept.
  ///
  /// Early weights reconstruct nothing, and may find planted lesions all the same, by their intensities alone. So
  /// weights that know tissue are kept before others. Among these, weights that find planted lesions nearly as well as
  /// the best are kept, and of those the weights that reconstruct healthy patches best. Where none know tissue, the
  /// weights that reconstruct best are kept.
  ///
  /// - Parameter checks: in the order of training.
  /// - Returns: the place of a check; `nil` without any.
  package static func chosen(of checks: [Self]) -> Int? {
    var highest = -1.0
    return checks.indices.reduce(nil) { chosen, k in
      let isPreferred = chosen.map { checks[k].isPreferred(to: checks[$0], highest: highest) } ?? true
      if checks[k].knowsTissue { highest = max(highest, checks[k].plantedAveragePrecision) }
      return isPreferred ? k : chosen
    }
  }

  /// - Parameter highest: planted average precision of the best check before this one that knows tissue.
  private func isPreferred(to chosen: Self, highest: Double) -> Bool {
    guard knowsTissue == chosen.knowsTissue else { return knowsTissue }
    let reconstructsBetter = (reconstruction ?? heldOutLoss) < (chosen.reconstruction ?? chosen.heldOutLoss)
    guard knowsTissue else { return reconstructsBetter }
    let least = 0.98 * max(highest, plantedAveragePrecision)
    guard plantedAveragePrecision >= least else { return false }
    return chosen.plantedAveragePrecision < least || reconstructsBetter
  }

  /// Whether reconstructions say more of held-out tissue than `ModelKnowledge` warns of.
  private var knowsTissue: Bool { explained.map { $0 >= ModelKnowledge.leastExplained } ?? true }
}
