import Compute
import Foundation
import Imaging

/// Trains the network on healthy patches and chooses the weights that find planted lesions best.
package final class Trainer {
  package struct Settings: Codable, Sendable, Equatable {
    package enum Budget: Codable, Sendable, Equatable {
      case minutes(Double)
      /// Passes over the training patches.
      case epochs(Double)
    }

    package var budget = Budget.minutes(10)
    package var seed: UInt64 = 0
    package var batchSize = 16
    package var learningRate: Float = 2e-3
    package var objective: Objective
    package var rule: EvidenceRule

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
    /// Average precision on planted lesions, of the last check.
    package var planted: Double?
  }

  package enum Event: Sendable {
    case progress(Progress)
    /// The state can be kept now, to resume from.
    case checkpoint
  }

  let set: TrainingSet
  let architecture: VAE.Architecture
  let settings: Settings
  private let engine: Engine
  let network: VAE
  let adam: Adam
  private let source: PatchSource
  private let check: PlantedCheck
  var state: State

  /// All that changes during training beside the weights.
  struct State: Codable, Sendable, Equatable {
    var random: RandomGenerator
    var spread: [Float]
    /// Seconds of earlier sessions.
    var seconds = 0.0
    var checksDone = 0
    var bestPlanted = -1.0
    var lastPlanted: Double?
  }

  /// Weights of the best check so far.
  var best: [[Float]]

  private static let checks = 12
  private static let warmUpSteps: Float = 100
  private static let secondsBetweenCheckpoints = 60.0
  private static let bearableFailures = 20

  package init(_ set: TrainingSet, architecture: VAE.Architecture, settings: Settings, engine: Engine)
    throws(ComputeError)
  {
    self.set = set
    self.architecture = architecture
    self.settings = settings
    self.engine = engine
    network = VAE(architecture, seed: settings.seed, engine: engine)
    adam = Adam(network.parameters)
    source = PatchSource(
      set.training.flatMap(\.scans), edge: architecture.patchSize, channels: architecture.channels)
    check = PlantedCheck(set, architecture: architecture, rule: settings.rule)
    state = State(
      random: RandomGenerator(seed: settings.seed), spread: [Float](repeating: 0, count: architecture.channels))
    best = adam.averages
  }

  /// Trains until the budget is used up.
  ///
  /// - Parameter observe: hears of progress; what it throws ends the training and is passed on.
  /// - Returns: the trained model with its calibration.
  package func run(toolVersion: String, observe: (Event) throws -> Void) throws -> Model {
    let n = settings.batchSize
    let edge = architecture.patchSize
    let shape = Shape(n, edge, edge, architecture.channels)
    let clean = try Tensor(shape, engine: engine)
    let corrupted = try Tensor(shape, engine: engine)
    let gradient = try Tensor(shape, engine: engine)
    let stepsPerEpoch = Double(source.patchesPerEpoch) / Double(n)
    let start = Date()
    let earlier = state.seconds
    var lastCheckpoint = start
    var lastReport = (time: start, step: adam.step)
    var sums = Objective.Terms(reconstruction: 0, divergence: 0, loss: 0)
    var counted = 0
    var failures = 0

    while true {
      state.seconds = earlier + Date().timeIntervalSince(start)
      let fraction: Double
      switch settings.budget {
      case .minutes(let minutes): fraction = state.seconds / (minutes * 60)
      case .epochs(let epochs): fraction = Double(adam.step) / (epochs * stepsPerEpoch)
      }
      try checkIfDue(fraction)
      if fraction >= 1 { break }

      let rate = learningRate(fraction)
      source.fill(clean: clean, corrupted: corrupted, using: &state.random)
      var sampler: RandomGenerator? = RandomGenerator(seed: state.random.next())
      let reconstruction = try network.forward(corrupted, sampling: &sampler)
      let terms = settings.objective.terms(
        of: clean, reconstruction: reconstruction, divergences: network.divergences, step: adam.step,
        spread: &state.spread, gradient: gradient)
      try network.backward(
        gradient,
        divergenceWeights: settings.objective.weights(step: adam.step, values: shape.count / n, batch: n),
        freeNats: settings.objective.freeNats)
      if terms.loss.isFinite, adam.update(learningRate: rate).isFinite {
        failures = 0
      } else {
        failures += 1
        guard failures < Self.bearableFailures else {
          throw TrainingDiverged(step: adam.step, failures: failures)
        }
        continue
      }
      sums.reconstruction += terms.reconstruction
      sums.divergence += terms.divergence
      sums.loss += terms.loss
      counted += 1

      let now = Date()
      let since = now.timeIntervalSince(lastReport.time)
      if since >= 1 {
        let speed = Double(adam.step - lastReport.step) / since
        let elapsed = earlier + now.timeIntervalSince(start)
        let left =
          switch settings.budget {
          case .minutes(let minutes): max(0, minutes * 60 - elapsed)
          case .epochs(let epochs): (epochs * stepsPerEpoch - Double(adam.step)) / max(speed, 1e-9)
          }
        let scale = 1 / Double(counted)
        try observe(
          .progress(
            Progress(
              step: adam.step, epoch: Double(adam.step) / stepsPerEpoch, fraction: fraction,
              terms: Objective.Terms(
                reconstruction: sums.reconstruction * scale, divergence: sums.divergence * scale,
                loss: sums.loss * scale), learningRate: rate, patchesPerSecond: speed * Double(n),
              secondsLeft: left, planted: state.lastPlanted)))
        lastReport = (now, adam.step)
        sums = Objective.Terms(reconstruction: 0, divergence: 0, loss: 0)
        counted = 0
      }
      if now.timeIntervalSince(lastCheckpoint) >= Self.secondsBetweenCheckpoints {
        state.seconds = earlier + now.timeIntervalSince(start)
        try observe(.checkpoint)
        lastCheckpoint = now
      }
    }
    return try finish(toolVersion: toolVersion, epochs: Double(adam.step) / stepsPerEpoch)
  }

  /// Linear warm-up, then half a cosine down to nothing. Source: Loshchilov & Hutter 2017, arXiv:1608.03983.
  private func learningRate(_ fraction: Double) -> Float {
    let warm = min(1, Float(adam.step + 1) / Self.warmUpSteps)
    return settings.learningRate * warm * Float(0.5 * (1 + cos(Double.pi * min(1, fraction)))) + 1e-6
  }

  /// Measures the averaged weights a dozen times over the budget and keeps the best.
  private func checkIfDue(_ fraction: Double) throws(ComputeError) {
    let due = Int(min(fraction, 1) * Double(Self.checks))
    guard due > state.checksDone else { return }
    state.checksDone = due
    let live = adam.swapInAverages()
    let planted = try check.averagePrecision(of: network)
    for (parameter, values) in zip(network.parameters, live) { parameter.set(values) }
    state.lastPlanted = planted
    if planted > state.bestPlanted {
      state.bestPlanted = planted
      best = adam.averages
    }
  }

  private func finish(toolVersion: String, epochs: Double) throws -> Model {
    for (parameter, values) in zip(network.parameters, best) { parameter.set(values) }
    let scorer = Scorer(network: network, preparation: set.preparation, rule: settings.rule)
    let calibration = try scorer.calibration(on: set.heldOut.map(\.scans))
    let divergences = network.divergences
    return Model(
      architecture: architecture, preparation: set.preparation, calibration: calibration,
      domain: try scorer.domainReference(of: set),
      record: Model.Record(
        toolVersion: toolVersion, seed: settings.seed, trainingSetSHA256: set.digest,
        trainingCases: set.training.count, heldOutCases: set.heldOut.map(\.name), steps: adam.step, epochs: epochs,
        minutes: state.seconds / 60, threads: Parallel.threads, compute: Engine.description,
        objective: settings.objective, plantedAveragePrecision: state.bestPlanted, divergences: divergences,
        warnings: warnings(divergences)),
      weights: Dictionary(
        uniqueKeysWithValues: network.parameters.map {
          ($0.name, Safetensors.Array(shape: $0.shape, values: Array($0.value)))
        }))
  }

  private func warnings(_ divergences: [[Double]]) -> [String] {
    var result: [String] = []
    let channels = divergences.joined()
    let active = channels.count { $0 > 0.1 }
    if active * 4 < channels.count {
      result.append(
        "The latents have collapsed: \(active) of \(channels.count) channels carry more than 0.1 nats a patch. "
          + "Reconstructions will look alike; train longer or lower --beta.")
    }
    if set.heldOut.count < 19 {
      let smallest = (100 / Double(set.heldOut.count + 1)).rounded()
      result.append(
        "Calibrated on \(set.heldOut.count) held-out cases: no case can be flagged at a false-positive rate below "
          + "\(Int(smallest)) %. 19 held-out cases are needed for 5 %.")
    }
    return result
  }
}

/// The loss left the finite numbers and did not come back.
package struct TrainingDiverged: Error, Sendable, CustomStringConvertible {
  package let step: Int
  package let failures: Int

  package var description: String {
    "training: the loss was not a finite number \(failures) steps in a row at step \(step), a finite one was expected. "
      + "Lower --learning-rate, or go on from the last checkpoint with --resume."
  }
}
