import Compute
import Numerics

/// All that changes during training beside the weights and their moments.
struct TrainingState: Codable, Sendable, Equatable {
  var random: RandomGenerator
  /// The likelihood's running spread, a number a channel.
  var spread: [Float]
  /// Seconds of earlier sessions.
  var seconds = 0.0
  var checksDone = 0
  /// Checks in a row that brought neither a better planted average precision nor a lower held-out loss.
  var idleChecks = 0
  /// Highest planted average precision so far.
  var bestPlanted = -1.0
  /// The check whose weights are kept; `nil` before the first, and in checkpoints of an older norma.
  var chosen: Model.Record.Check?
  var history: [Model.Record.Check] = []
  /// What the latents carried at the chosen check.
  var bestLatents: HeldOutCheck.Result?
  var watch = DivergenceWatch()
  /// Halved at every recovery.
  var rateScale: Float = 1
  var recoveries = 0
  var warnedOfCollapse = false
  /// What the last check had to say of the latents.
  var collapse: String?
  /// Sentences for the model's record.
  var warnings: [String] = []

  init(seed: UInt64, channels: Int) {
    random = RandomGenerator(seed: seed)
    spread = [Float](repeating: 0, count: channels)
  }

  /// Whether a state that was read from a file can be gone on from.
  func isSound(channels: Int) -> Bool {
    random.isSound && spread.count == channels && rateScale > 0 && rateScale <= 1 && recoveries >= 0
  }
}

extension Trainer {
  /// What training goes back to when it diverges.
  struct Snapshot {
    let step: Int
    let weights: [[Float]]
    let firstMoments: [[Float]]
    let secondMoments: [[Float]]
    let averages: [[Float]]
    let best: [[Float]]
    let state: TrainingState
  }

  private static let bearableRecoveries = 3

  func snapshot() -> Snapshot {
    Snapshot(
      step: adam.step, weights: network.parameters.map { Array($0.value) }, firstMoments: adam.firstMoments,
      secondMoments: adam.secondMoments, averages: adam.averages, best: best, state: state)
  }

  /// Goes back to a good state with half the learning rate. Time and random numbers go on, so that other batches are
  /// drawn.
  ///
  /// - Throws: `TrainingDiverged` where that has been done too often.
  func recover(to good: Snapshot, because reason: String) throws(TrainingDiverged) -> Event {
    let step = adam.step
    guard state.recoveries < Self.bearableRecoveries else {
      throw TrainingDiverged(step: step, recoveries: state.recoveries, reason: reason)
    }
    for (parameter, values) in zip(network.parameters, good.weights) { parameter.set(values) }
    adam.restore(
      step: good.step, firstMoments: good.firstMoments, secondMoments: good.secondMoments, averages: good.averages)
    best = good.best
    let account = "\(reason); it went on from step \(good.step) with half the learning rate"
    var next = good.state
    next.random = state.random
    next.seconds = state.seconds
    next.checksDone = state.checksDone
    next.watch = DivergenceWatch()
    next.warnedOfCollapse = state.warnedOfCollapse
    next.rateScale = state.rateScale / 2
    next.recoveries = state.recoveries + 1
    next.warnings = state.warnings + ["Training diverged at step \(step): \(account)."]
    state = next
    return .recovered(step: step, reason: account)
  }
}

extension Model.Record.Check {
  /// Whether this check's weights should take the place of those kept so far.
  ///
  /// Checks that find planted lesions nearly as well as the best are told apart by how well they reconstruct healthy
  /// patches: early weights, which reconstruct nothing, may find bright lesions just as well, and have nothing to show of
  /// healthy tissue.
  ///
  /// - Parameters:
  ///   - chosen: the check whose weights are kept; `nil` where that is not known.
  ///   - highest: planted average precision of the best check before this one.
  package func isPreferred(to chosen: Self?, highest: Double) -> Bool {
    guard let chosen else { return plantedAveragePrecision > highest }
    let least = 0.98 * max(highest, plantedAveragePrecision)
    guard plantedAveragePrecision >= least else { return false }
    return chosen.plantedAveragePrecision < least
      || (reconstruction ?? heldOutLoss) < (chosen.reconstruction ?? chosen.heldOutLoss)
  }
}
