import Foundation

/// The events that the observer of a training receives.
package enum TrainingEvent: Sendable {
  case progress(TrainingProgress)
  /// The network is trained; its score is now being learned.
  case score(ScoreTrainer.Progress)
  /// The state can be saved now, to resume from.
  case checkpoint
  /// A check on held-out scans is done. The warnings are sentences for the user; often there are none.
  case checked(Model.Record.Check, warnings: [String])
  /// So few steps come out of the budget that the model will not have learned; `taken` is their number as foretold. The
  /// budget is that of the network, or of the score network.
  case fewSteps(ModelKnowledge.Steps, ofScore: Bool)
  /// Training diverged and went back to a good state; the reason is a clause.
  case recovered(step: Int, reason: String)
  /// The held-out slides of this many cases were scored, which takes as long as analyzing them.
  case calibrated(cases: Int, of: Int)
  /// Training stopped because checks brought no gain any more.
  case stoppedEarly(step: Int, checks: Int)
}

/// The values that a progress display shows.
package struct TrainingProgress: Sendable {
  package var step: Int
  package var epoch: Double
  /// Share of the budget that is used up, in 0...1.
  package var fraction: Double
  /// Averages of the loss's terms since the last report.
  package var terms: Objective.Terms
  package var learningRate: Float
  package var patchesPerSecond: Double
  package var secondsLeft: Double
  /// The result of the last check.
  package var lastCheck: Model.Record.Check?
}

/// Sums up the loss's terms since the last report of progress.
struct ProgressMeter {
  let start: Date
  private let firstStep: Int
  private var terms = Objective.Terms.zero
  private var count = 0

  /// - Parameter step: number of updates made so far.
  init(start: Date, step: Int) {
    self.start = start
    firstStep = step
  }

  mutating func add(_ other: Objective.Terms) {
    terms.reconstruction += other.reconstruction
    terms.divergence += other.divergence
    terms.loss += other.loss
    terms.settled += other.settled
    count += 1
  }

  var averages: Objective.Terms {
    let scale = 1 / Double(max(1, count))
    return Objective.Terms(
      reconstruction: terms.reconstruction * scale, divergence: terms.divergence * scale, loss: terms.loss * scale,
      settled: terms.settled * scale)
  }

  /// - Parameter step: number of updates made until `now`.
  func stepsPerSecond(step: Int, now: Date) -> Double { Double(step - firstStep) / now.timeIntervalSince(start) }
}
