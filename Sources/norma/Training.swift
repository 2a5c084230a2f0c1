import Anomaly
import ArgumentParser
import Compute
import Files
import Foundation
import Imaging
import Logging
import Threads

extension TrainingOptions {
  /// Reads, trains and writes the model; a checkpoint beside it is removed at the end.
  ///
  /// - Parameter ranks: the processes to train with, where there are several; this one is their first.
  func train(
    study: String, output: String, resume: Bool, ranks: Ranks? = nil, line: inout ProgressLine
  ) throws -> (model: Model, faults: [ScanFault]) {
    let distribution = Distribution(ranks: ranks, output: output)
    let checkpoint = output + ".checkpoint"
    var lock: WriterLock?
    defer { lock?.release() }
    let trainer = try distribution.together {
      try checkWritable(output)
      lock = try WritingRight.take(model: output)
      let trainer = try makeTrainer(study: study, ranks: ranks, line: &line)
      if resume { try trainer.resume(from: checkpoint) }
      return trainer
    }
    try distribution.together { try distribution.checkAgreement(on: trainer) }
    trainer.secondsBetweenCheckpoints = checkpointEvery
    let model: Model
    do {
      model = try train(trainer, checkpoint: checkpoint, line: &line)
    } catch let stop as Stopped {
      Terminal.endLine()
      try trainer.saveCheckpoint(to: checkpoint)
      throw Stopped(
        signal: stop.signal,
        description: "\(output): training was stopped by \(Stopped.name(of: stop.signal)); all of it is kept in "
          + "\(checkpoint). Run the same command again with --resume to go on.")
    } catch is Ranks.Lost {
      Terminal.endLine()
      try trainer.saveCheckpoint(to: checkpoint)
      throw distribution.account(checkpoint: checkpoint)
    }
    Terminal.endLine()
    do { try model.save(to: output) } catch let error as NormaError
      where FileManager.default.fileExists(atPath: checkpoint)
    {
      throw NormaError(
        .system, subject: output, found: "\(error.found); training is kept in \(checkpoint)",
        remedy: "Check the folder's permissions and the free space, then run the same command again with --resume")
    }
    try? FileManager.default.removeItem(atPath: checkpoint)  // absent where training took less than a minute
    return (model, trainer.set.faults)
  }

  /// Computes along with the first of several processes, which does all the rest.
  func assist(study: String, output: String, ranks: Ranks) throws {
    let distribution = Distribution(ranks: ranks, output: output)
    let trainer = try distribution.together { () throws -> Trainer in
      var line = ProgressLine()
      return try makeTrainer(study: study, ranks: ranks, line: &line)
    }
    try distribution.together { try distribution.checkAgreement(on: trainer) }
    do { try trainer.assist() } catch is Ranks.Lost {
      let checkpoint = output + ".checkpoint"
      throw distribution.account(checkpoint: FileManager.default.fileExists(atPath: checkpoint) ? checkpoint : nil)
    } catch {
      ranks.breakOff()
      throw distribution.failure(error)
    }
  }

  /// Reads a study for a training with these options.
  ///
  /// - Parameter ranks: as of `train`; only their first says what it finds.
  private func makeTrainer(study path: String, ranks: Ranks?, line: inout ProgressLine) throws -> Trainer {
    let speaks = ranks?.isFirst ?? true
    let study = try Study(path: path)
    let preset = preset.values
    var rule = preset.rule
    if let channelWeights { rule.channelWeights = channelWeights.values }
    if let polarity { rule.polarity = polarity }
    let set = try trainingSet(study, rule: rule) { done, all in
      if speaks {
        line.update("reading case \(done) of \(all)", fraction: Double(done) / Double(all), isLast: done == all)
      }
    }
    if speaks { tell(of: set, study.notes) }

    var architecture = architecture(channels: set.preparation.channels, patchSize: 128)
    architecture.patchSize = set.patchSize(granularity: architecture.granularity)
    try memory.check(set, study: path, patchSize: architecture.patchSize, batchSize: batchSize)
    var settings = Trainer.Settings(
      objective: trainingObjective(stages: architecture.widths.count), rule: rule)
    settings.budget = budget(share: 1 - scoreShare)
    if scoreShare > 0 {
      settings.score = ScoreTrainer.Settings(
        budget: budget(share: scoreShare), radii: lesionSizes?.values ?? preset.radii,
        contrast: lesionContrast?.values ?? preset.contrast, kinds: lesionKinds ?? preset.kinds,
        borders: lesionBorders?.values ?? preset.borders)
    }
    settings.inference = inference
    settings.seed = seed
    settings.batchSize = batchSize
    settings.learningRate = learningRate
    settings.augmentation = augmentation ?? preset.augmentation
    settings.patience = patience
    let most = min(batchSize, settings.score?.batchSize ?? batchSize)
    if let ranks, ranks.count > most {
      throw ValidationError(
        "norma was started as \(ranks.count) processes, which share batches of \(batchSize) patches (--batch-size), "
          + "and of \(settings.score?.batchSize ?? batchSize) for the score; start \(most) processes or fewer.")
    }
    return try Trainer(
      set, architecture: architecture, settings: settings, engine: try Engine(precision: precision), ranks: ranks)
  }

  private func trainingSet(
    _ study: Study, rule: EvidenceRule, progress: (Int, Int) -> Void
  ) throws -> TrainingSet {
    let preset = preset.values
    var settings = TrainingSet.Settings()
    settings.normalization = chosenNormalization
    settings.tissueAppearance = tissue ?? preset.tissueAppearance
    settings.reduction = reduction ?? preset.reduction
    settings.localContrast = (localContrast ?? preset.localContrast).flatMap { $0 > 0 ? $0 : nil }
    settings.heldOutShare = heldOut
    settings.limits = loader.limits
    settings.memory = memory.budget
    settings.takesSynthetic = includeSynthetic
    settings.level = resolution.level
    settings.micrometersPerPixel = resolution.micrometersPerPixel
    settings.seed = seed
    settings.channelWeights = rule.channelWeights
    do throws(NormaError) {
      return try TrainingSet(study, settings: settings, progress: progress)
    } catch {
      Terminal.endLine()
      guard let signal = Interruption.signal else { throw error }
      throw Stopped(signal: signal, description: error.description)
    }
  }

  private func tell(of set: TrainingSet, _ notes: [String]) {
    Terminal.endLine()
    for note in notes { Logger.norma.warning("\(note)") }
    for fault in set.faults { Logger.norma.leftOut(fault) }
    for note in set.incomplete { Logger.norma.warning("\(note)") }
    func sizes(_ members: [TrainingSet.Member]) -> String {
      "\(members.reduce(0) { $0 + $1.scans.count + $1.slides.count }) scans of \(members.count) cases"
    }
    Logger.norma.notice("learning from \(sizes(set.training)); \(sizes(set.heldOut)) are held out")
  }

  private func train(_ trainer: Trainer, checkpoint: String, line: inout ProgressLine) throws -> Model {
    try trainer.run(toolVersion: Norma.version) { event in
      switch event {
      case .progress(let progress): line.update(Self.line(progress), fraction: progress.fraction)
      case .score(let progress):
        line.update(
          String(
            format: "learning the score: step %d  loss %.4f  %.0f patches/s", progress.step, progress.loss,
            progress.patchesPerSecond), fraction: progress.fraction)
      case .checkpoint:
        // Hours of training are not given up because a checkpoint does not fit.
        do { try trainer.saveCheckpoint(to: checkpoint) } catch {
          Logger.norma.warning("no checkpoint was kept: \(error)")
        }
      case .checked(_, let warnings): for warning in warnings { Logger.norma.warning("\(warning)") }
      case .recovered(let step, let reason): Logger.norma.warning("training diverged at step \(step): \(reason)")
      case .calibrated(let done, let all):
        line.update("calibrating: held-out case \(done) of \(all)", fraction: Double(done) / Double(all))
      case .stoppedEarly(let step, let checks):
        Logger.norma.notice("stopped at step \(step): the last \(checks) checks brought nothing better")
      }
      try Interruption.check()
    }
  }

  private func budget(share: Double) -> TrainingBudget {
    epochs.map { .epochs($0 * share) } ?? .minutes((minutes ?? 10) * share)
  }

  func architecture(channels: Int, patchSize: Int) -> VAE.Architecture {
    var result = VAE.Architecture(channels: channels, patchSize: patchSize)
    if let latents { result.latents = latents.values }
    result.suit(trainingObjective(stages: result.widths.count))
    return result
  }

  func trainingObjective(stages: Int) -> Objective {
    var result = Objective(stages: stages)
    result.kind = objective
    result.likelihood = likelihood
    result.variance = variance
    result.divergenceWeights = result.divergenceWeights.map { $0 * (beta ?? 1) }
    result.freeNats = freeNats ?? (objective == .elbo ? 0 : result.freeNats)
    result.warmUpSteps = warmUp
    return result
  }

  /// Fails before hours of training rather than after them.
  private func checkWritable(_ output: String) throws {
    let folder = FilePath.folder(of: output)
    let place = folder.isEmpty ? "." : folder
    do { try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true) } catch {
      throw NormaError(
        .system, subject: output, found: "its folder cannot be made (\(error.localizedDescription))",
        remedy: "Choose another --output")
    }
    guard access(place, W_OK) == 0 else {
      throw NormaError(
        .system, subject: output, found: "its folder cannot be written to",
        remedy: "Check its permissions or choose another --output")
    }
  }

  private static func line(_ p: Trainer.Progress) -> String {
    let check =
      p.lastCheck.map {
        String(format: "  held-out loss %.4f  planted AP %.3f", $0.heldOutLoss, $0.plantedAveragePrecision)
      } ?? ""
    return String(
      format: "epoch %.1f  loss %.4f  reconstruction %.4f  KL %.0f nats%@  lr %.1e  %.0f patches/s  %@ left", p.epoch,
      p.terms.loss, p.terms.reconstruction, p.terms.divergence, check, p.learningRate, p.patchesPerSecond,
      Terminal.duration(p.secondsLeft))
  }

  static func summary(_ model: Model, output: String, processes: Int = 1) -> String {
    let r = model.record
    let active = Collapse.activeChannels(divergences: r.divergences, activity: r.activity ?? [])
    let lines =
      [
        "model           \(output)",
        String(
          format: "trained         %.1f epochs, %d steps, %@; the score %d steps", r.epochs, r.steps,
          Terminal.duration(r.minutes * 60), r.scoreSteps),
        "cases           \(r.trainingCases) for training, \(r.heldOutCases.count) held out",
        "patches         \(model.architecture.patchSize) pixels, \(model.architecture.channels) channels, "
          + "scans \(model.preparation.gridDescription)",
        "planted lesions " + model.book.plantedSummary,
        "latents         \(active) of \(r.divergences.joined().count) channels in use, "
          + String(format: "%.0f nats a patch", r.divergences.joined().reduce(0, +)),
        "compute         \(r.compute), \((r.precision ?? .float32).rawValue), \(r.threads) threads"
          + (processes > 1 ? " in the first of \(processes) processes" : ""),
      ] + r.warnings.map { "warning         \($0)" }
    return lines.joined(separator: "\n")
  }
}
