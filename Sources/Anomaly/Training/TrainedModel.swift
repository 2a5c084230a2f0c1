import Compute
import Foundation
import Numerics
import Threads

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
      try shareState()
      _ = try ranks?.broadcast(Order.score)
      let training = scoreTraining(scoring)
      scoreSteps = try training.trainer.run { try observe(.score($0)) }
      scoreNetwork = training.network
    }
    let scoreSeconds = Date().timeIntervalSince(start)
    // Over a slide gradients would take longer than the training did.
    let hasSlides = set.heldOut.contains { !$0.slides.isEmpty }
    let inference = Inference(
      network: network, scoreNetwork: scoreNetwork, preparation: set.preparation, settings: settings.inference,
      takesGradient: !hasSlides,
      restoration: hasSlides
        ? nil
        : Restoration(
          objective: settings.objective, spread: state.spread, range: set.preparation.normalization.range))
    let groups = set.heldOut.flatMap(\.groups)
    let maps = try inference.maps(of: Array(groups.joined()))
    let divergences = state.bestLatents?.divergences ?? network.divergences
    let book = try ScoreBook(
      healthy: groups, maps: maps, planted: planted, plantedMaps: try inference.maps(of: planted.scans),
      rule: settings.rule)
    let calibrations = try calibrations(by: book, inference: inference, maps: maps, observe: observe)
    let latents = LatentReference(
      training: try inference.encodings(of: set.training.flatMap(\.views)),
      heldOut: maps.map(\.encoding).divided(into: set.heldOut.map(\.views.count)).map { $0.filter { !$0.isEmpty } })
    return Model(
      architecture: architecture, preparation: set.preparation, scoreArchitecture: scoreNetwork?.architecture,
      inference: settings.inference, book: book, calibrations: calibrations,
      domain: DomainReference(of: set, heldOutMaps: maps, latents: latents), latents: latents,
      record: Model.Record(
        toolVersion: toolVersion, seed: settings.seed, trainingSetSHA256: set.digest,
        trainingCases: set.training.count, heldOutCases: set.heldOut.map(\.name), steps: adam.step, epochs: epochs,
        minutes: (state.seconds + scoreSeconds) / 60, threads: Parallel.threads, compute: Engine.description,
        precision: engine.precision,
        objective: settings.objective, scoreSteps: scoreSteps,
        plantedAveragePrecision: state.chosen?.plantedAveragePrecision ?? state.bestPlanted,
        divergences: divergences, spread: state.spread, warnings: warnings(divergences)),
      weights: Dictionary(
        uniqueKeysWithValues: (network.parameters + (scoreNetwork?.parameters ?? [])).map {
          ($0.name, Safetensors.Array(shape: $0.shape, values: Array($0.value)))
        }))
  }

  /// A score network that knows nothing yet, and what trains it behind the network as it is.
  func scoreTraining(_ scoring: ScoreTrainer.Settings) -> (network: ScoreNetwork, trainer: ScoreTrainer) {
    let judge = ScoreNetwork(
      ScoreNetwork.Architecture(inputs: ScoreInput(architecture).count), seed: settings.seed, engine: engine)
    return (
      judge,
      ScoreTrainer(
        set, network: network, scoreNetwork: judge, rule: settings.rule, settings: scoring,
        augmentation: settings.augmentation, seed: settings.seed, ranks: ranks)
    )
  }

  /// - Parameter maps: of all views of the held-out cases in turn.
  private func calibrations(
    by book: ScoreBook, inference: Inference, maps: [Inference.Maps], observe: (Event) throws -> Void
  ) throws -> [Score: Calibration] {
    var extremes: [Score: [[ScanExtremes]]] = [:]
    for score in book.available { extremes[score] = set.heldOut.map { _ in [] } }
    var next = 0
    for (k, member) in set.heldOut.enumerated() {
      for scan in member.scans {
        try Interruption.check()
        for (score, heat) in book.heatmaps(book.available, of: scan, maps: maps[next]) {
          extremes[score]![k].append(ScanExtremes(of: heat))
        }
        next += 1
      }
      for slide in member.slides {
        let scorer = SlideScorer(book: book, scores: book.available)
        let found = try scorer.extremes(
          of: slide, fieldMaps: Array(maps[next..<next + slide.fields.count]), by: inference)
        for score in book.available { extremes[score]![k].append(found[score]!) }
        next += slide.fields.count
        try observe(.calibrated(cases: k + 1, of: set.heldOut.count))
      }
    }
    let slides = set.heldOut.reduce(0) { $0 + $1.slides.count }
    return extremes.mapValues { Calibration(extremes: $0, slides: slides) }
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
