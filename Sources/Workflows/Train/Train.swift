import Anomaly
import Compute
import Files
import Foundation
import Imaging
import Reporting
import Threads

/// Trains a model on the healthy tissue of a study and writes it.
package struct Train {
  package typealias Settings = TrainSettings

  private let settings: Settings
  private let observe: WorkflowObserver
  /// The processes to train with, if there are several.
  private let ranks: Ranks?
  private let distribution: Distribution

  package struct Outcome: Sendable {
    package var output: String
    package var model: Model
    /// Scans that could not be used.
    package var faults: [ScanFault]
    /// Number of processes that trained together.
    package var processes: Int
  }

  /// - Parameter ranks: the processes to train with, if there are several; see `Distribution.join`.
  package init(_ settings: Settings, ranks: Ranks? = nil, observe: @escaping WorkflowObserver = { _ in }) {
    self.settings = settings
    self.ranks = ranks
    self.observe = observe
    distribution = Distribution(ranks: ranks, output: settings.output)
  }

  /// Reads the study, trains the model and writes it. The checkpoint next to the model is removed at the end.
  ///
  /// - Returns: the outcome; `nil` in all processes but the first, because the others only compute.
  package func run() throws -> Outcome? {
    guard ranks?.isFirst ?? true else {
      try assist()
      return nil
    }
    var lock: WriterLock?
    defer { lock?.release() }
    let trainer = try distribution.together {
      try checkWritable()
      lock = try WritingRight.take(model: settings.output, observe: observe)
      let trainer = try makeTrainer()
      if settings.resumes { try trainer.resume(from: checkpoint) }
      return trainer
    }
    try distribution.together { try distribution.checkAgreement(on: trainer) }
    trainer.secondsBetweenCheckpoints = settings.secondsBetweenCheckpoints
    let model = try train(trainer)
    do { try model.save(to: settings.output) } catch let error as NormaError
      where FileManager.default.fileExists(atPath: checkpoint)
    {
      throw NormaError(
        .system, subject: settings.output, found: "\(error.found); training is kept in \(checkpoint)",
        remedy: "Check the folder's permissions and the free space, then run the same command again with --resume")
    }
    try? FileManager.default.removeItem(atPath: checkpoint)  // absent where training took less than a minute
    return Outcome(
      output: settings.output, model: model, faults: trainer.set.faults, processes: ranks?.count ?? 1)
  }

  private var checkpoint: String { settings.output + ".checkpoint" }

  /// Computes along with the first of several processes, which does everything else.
  private func assist() throws {
    let trainer = try distribution.together { try makeTrainer() }
    try distribution.together { try distribution.checkAgreement(on: trainer) }
    do { try trainer.assist() } catch is Ranks.Lost {
      throw distribution.account(
        checkpoint: FileManager.default.fileExists(atPath: checkpoint) ? checkpoint : nil)
    } catch {
      ranks?.breakOff()
      throw distribution.failure(error)
    }
  }

  private func train(_ trainer: Trainer) throws -> Model {
    do { return try trainer.run(toolVersion: ToolVersion.current, observe: { try hear($0, of: trainer) }) } catch let
      stop as Stopped
    {
      try trainer.saveCheckpoint(to: checkpoint)
      throw Stopped(
        signal: stop.signal,
        description:
          "\(settings.output): training was stopped by \(Stopped.name(of: stop.signal)); all of it is kept in "
          + "\(checkpoint). Run the same command again with --resume to go on.")
    } catch is Ranks.Lost {
      try trainer.saveCheckpoint(to: checkpoint)
      throw distribution.account(checkpoint: checkpoint)
    } catch let small as BudgetTooSmall {
      throw NormaError(
        subject: settings.study,
        found: String(
          format: "the network was given %.2g s of training time, and its first step alone took %.2g s",
          small.minutes * 60, small.secondsPerStep),
        remedy: "Give more --minutes")
    }
  }

  /// Reads the study. Only the first of several processes reports what it finds.
  private func makeTrainer() throws -> Trainer {
    let observe = ranks?.isFirst ?? true ? self.observe : { _ in }
    let features = try settings.features.map { try FeatureWeights(path: $0) }
    let study = try Study(path: settings.study, taking: settings.selection)
    for note in [study.mixture].compactMap({ $0 }) + study.oddities(limits: settings.scans.limits) {
      observe(.warning(note))
    }
    let set = try TrainingSet(study, settings: settings.trainingSet()) { done, all in
      observe(.progress("reading case \(done) of \(all)", Double(done) / Double(all), isLast: done == all))
    }
    tell(of: set, study.notes, to: observe)
    let channels = set.preparation.channels
    if features != nil, channels > LocalFeatures.mostChannels {
      throw NormaError(
        subject: settings.study,
        found: "its scans have \(Count.of(channels, "channel")), --features takes up to \(LocalFeatures.mostChannels)",
        remedy: "Leave --features out")
    }

    var architecture = settings.architecture(channels: channels, patchSize: 128)
    architecture.patchSize = set.patchSize(granularity: architecture.granularity)
    try settings.memory.check(
      set, study: settings.study, patchSize: architecture.patchSize, batchSize: settings.batchSize)
    let trainerSettings = settings.trainer(stages: architecture.widths.count)
    let scoreBatch = trainerSettings.score?.batchSize ?? settings.batchSize
    let most = min(settings.batchSize, scoreBatch)
    if let ranks, ranks.count > most {
      throw UsageError(
        description:
          "norma was started as \(Count.of(ranks.count, "process", "processes")), which share batches of "
          + "\(Count.of(settings.batchSize, "patch", "patches")) (--batch-size), and of \(scoreBatch) for the score; start "
          + "\(Count.of(most, "process", "processes")) or fewer.")
    }
    return try Trainer(
      set, architecture: architecture, settings: trainerSettings, features: features,
      engine: try Engine(precision: settings.precision), ranks: ranks)
  }

  private func tell(of set: TrainingSet, _ notes: [String], to observe: WorkflowObserver) {
    for note in notes { observe(.warning(note)) }
    for fault in set.faults { observe(.leftOut(fault)) }
    for note in set.incomplete + [set.padding.note].compactMap({ $0 }) { observe(.warning(note)) }
    if !set.duplicates.isEmpty {
      observe(
        .warning(
          "left out, since half of their scans or more are those of other cases: \(NameList.text(set.duplicates)). "
            + "A case that is held out must not be learned from under another name"))
    }
    for (reason, scans) in set.empty.sorted(by: { $0.key < $1.key }) {
      observe(.warning("left out, since there is nothing to learn from (\(reason)): \(NameList.text(scans))"))
    }
    if let note = set.tissueNote { observe(.notice(note)) }
    func sizes(_ members: [TrainingSet.Member]) -> String {
      let scans = members.reduce(0) { $0 + $1.scans.count + $1.slides.count }
      return "\(Count.of(scans, "scan")) of \(Count.of(members.count, "case"))"
    }
    observe(.notice("learning from \(sizes(set.training)); \(sizes(set.heldOut)) are held out"))
  }

  private func hear(_ event: Trainer.Event, of trainer: Trainer) throws {
    switch event {
    case .progress(let progress):
      observe(
        .progress(Self.line(progress), progress.fraction, secondsLeft: progress.secondsLeft))
    case .score(let progress):
      observe(
        .progress(
          String(
            format: "learning the score: step %d  loss %.4f  %.0f patches/s", progress.step, progress.loss,
            progress.patchesPerSecond), progress.fraction))
    case .checkpoint:
      // Training does not end, perhaps after hours, because a checkpoint cannot be written.
      do { try trainer.saveCheckpoint(to: checkpoint) } catch {
        observe(.warning("no checkpoint was kept: \(error)"))
      }
    case .checked(_, let warnings): for warning in warnings { observe(.warning(warning)) }
    case .fewSteps(let steps, let ofScore): observe(.warning(shortage(steps, ofScore: ofScore)))
    case .recovered(let step, let reason): observe(.warning("training diverged at step \(step): \(reason)"))
    case .calibrated(let done, let all):
      observe(.progress("calibrating: held-out case \(done) of \(all)", Double(done) / Double(all)))
    case .stoppedEarly(let step, let checks):
      observe(.notice("stopped at step \(step): the last \(checks) checks brought nothing better"))
    }
    try Interruption.check()
  }

  /// The warning about a budget with fewer steps than training needs, with a budget that has enough.
  private func shortage(_ steps: ModelKnowledge.Steps, ofScore: Bool) -> String {
    let enough = settings.budget.sufficientOption(steps, ofScore: ofScore, scoreShare: settings.scoreShare)
    let (learner, count) = (ofScore ? "the learned score" : "the network", Count.of(steps.taken, "step"))
    let text: String
    if case .minutes = settings.budget {
      text = "at this pace \(learner) will be trained for about \(count)"
    } else {
      text = "\(learner) will be trained for \(count)"
    }
    return text
      + "; it needs \(steps.needed) or more, and a model with fewer says so in every report. Give \(enough) or more"
  }

  /// Checks before training that the model can be written, so that hours of training are not lost.
  private func checkWritable() throws {
    try Safetensors.checkReplaceable(settings.output)
    let folder = FilePath.folder(of: settings.output)
    let place = folder.isEmpty ? "." : folder
    do { try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true) } catch {
      throw NormaError(
        .system, subject: settings.output, found: "its folder cannot be made (\(error.localizedDescription))",
        remedy: "Choose another --output")
    }
    guard access(place, W_OK) == 0 else {
      throw NormaError(
        .system, subject: settings.output, found: "its folder cannot be written to",
        remedy: "Check its permissions or choose another --output")
    }
  }

  private static func line(_ p: Trainer.Progress) -> String {
    let check =
      p.lastCheck.map {
        String(format: "  held-out loss %.4f  planted AP %.3f", $0.heldOutLoss, $0.plantedAveragePrecision)
      } ?? ""
    return String(
      format: "epoch %.1f  loss %.4f  reconstruction %.4f  KL %.0f nats%@  lr %.1e  %.0f patches/s", p.epoch,
      p.terms.loss, p.terms.reconstruction, p.terms.divergence, check, p.learningRate, p.patchesPerSecond)
  }
}

extension MemoryBudget {
  /// Checks whether a training fits into memory, using sizes that were measured on some trainings: the scans on the
  /// model's grid, the forward and backward pass of a batch, and the calibration on held-out scans.
  ///
  /// - Throws: `NormaError` where the training does not fit.
  fileprivate func check(_ set: TrainingSet, study: String, patchSize: Int, batchSize: Int) throws(NormaError) {
    func pixels(_ members: [TrainingSet.Member]) -> Int {
      members.flatMap(\.views).reduce(0) { $0 + $1.image.width * $1.image.height }
    }
    let bytes =
      128_000_000 + pixels(set.training + set.heldOut) * (8 * set.preparation.channels + 20)
      + batchSize * patchSize * patchSize * 2900 + pixels(set.heldOut) * 140
    guard bytes > limit else { return }
    throw NormaError(
      subject: study,
      found: "to learn from its scans in batches of \(batchSize) takes about \(bytes / 1_000_000) MB, more than "
        + "--memory-limit allows", remedy: "Raise the limit, or give a smaller --batch-size or fewer scans")
  }
}
