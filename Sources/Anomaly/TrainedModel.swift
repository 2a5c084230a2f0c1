import Compute
import Foundation

extension Trainer {
  /// Learns the score, chooses and calibrates on the held-out cases, and puts the model together.
  func finish(
    toolVersion: String, epochs: Double, observe: (Event) throws -> Void
  ) throws -> Model {
    for (parameter, values) in zip(network.parameters, best) { parameter.set(values) }
    var scoreNetwork: ScoreNetwork?
    var scoreSteps = 0
    let start = Date()
    if let scoring = settings.score {
      try observe(.checkpoint)
      let judge = ScoreNetwork(
        ScoreNetwork.Architecture(inputs: ScoreInput(architecture).count), seed: settings.seed, engine: engine)
      let trainer = ScoreTrainer(
        set, network: network, scoreNetwork: judge, rule: settings.rule, settings: scoring,
        augmentation: settings.augmentation, seed: settings.seed)
      scoreSteps = try trainer.run { try observe(.score($0)) }
      scoreNetwork = judge
    }
    let scoreSeconds = Date().timeIntervalSince(start)
    let inference = Inference(
      network: network, scoreNetwork: scoreNetwork, preparation: set.preparation, settings: settings.inference,
      takesGradient: true,
      restoration: Restoration(
        objective: settings.objective, spread: state.spread, range: set.preparation.normalization.range))
    let heldOut = Array(set.heldOut.map(\.scans).joined())
    let maps = try inference.maps(of: heldOut)
    let divergences = state.bestLatents?.divergences ?? network.divergences
    let book = ScoreBook(
      healthy: heldOut, maps: maps, planted: planted, plantedMaps: try inference.maps(of: planted.scans),
      rule: settings.rule)
    var calibrations: [Score: Calibration] = [:]
    for score in book.available {
      var next = 0
      calibrations[score] = Calibration(
        heatmaps: set.heldOut.map { member in
          member.scans.map { scan in
            defer { next += 1 }
            return book.heatmap(score, of: scan, maps: maps[next])
          }
        })
    }
    return Model(
      architecture: architecture, preparation: set.preparation, scoreArchitecture: scoreNetwork?.architecture,
      inference: settings.inference, book: book, calibrations: calibrations,
      domain: DomainReference(of: set, heldOutReconstructions: maps.map(\.reconstruction)),
      record: Model.Record(
        toolVersion: toolVersion, seed: settings.seed, trainingSetSHA256: set.digest,
        trainingCases: set.training.count, heldOutCases: set.heldOut.map(\.name), steps: adam.step, epochs: epochs,
        minutes: (state.seconds + scoreSeconds) / 60, threads: Parallel.threads, compute: Engine.description,
        precision: engine.precision,
        objective: settings.objective, scoreSteps: scoreSteps, plantedAveragePrecision: state.bestPlanted,
        divergences: divergences, spread: state.spread, warnings: warnings(divergences)),
      weights: Dictionary(
        uniqueKeysWithValues: (network.parameters + (scoreNetwork?.parameters ?? [])).map {
          ($0.name, Safetensors.Array(shape: $0.shape, values: Array($0.value)))
        }))
  }

  private func warnings(_ divergences: [[Double]]) -> [String] {
    var result = state.warnings
    let kept = Collapse.warning(divergences: divergences, activity: state.bestLatents?.activity ?? [])
    if let collapse = kept ?? state.collapse { result.append(collapse) }
    if set.heldOut.count < 19 {
      let smallest = (100 / Double(set.heldOut.count + 1)).rounded()
      result.append(
        "Calibrated on \(set.heldOut.count) held-out cases: no case can be flagged at a false-positive rate below "
          + "\(Int(smallest)) %. 19 held-out cases are needed for 5 %.")
    }
    return result
  }
}
