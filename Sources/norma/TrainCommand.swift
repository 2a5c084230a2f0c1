import Anomaly
import ArgumentParser
import Compute
import Foundation
import Imaging

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Learn healthy tissue from a study folder.",
    discussion: """
      STUDY/CASE/*.tif: a folder is a case, its files are its scans. STUDY/*.tif: a file is a case. A part of the cases
      is held out, to choose the checkpoint and to calibrate scores.
      """)

  @Argument(help: ArgumentHelp("Folder of healthy scans.", valueName: "study"))
  var study: String

  @Option(name: .shortAndLong, help: "Model file to write (safetensors).")
  var output: String

  @OptionGroup var training: TrainingOptions

  @Flag(help: "Go on from the last checkpoint of the same output.")
  var resume = false

  func run() throws {
    var terminal = Terminal()
    let trained = try training.train(study: study, output: output, resume: resume, terminal: &terminal)
    print(TrainingOptions.summary(trained.model, output: output))
    if !trained.faults.isEmpty { throw ExitCode(ExitStatus.failed) }
  }
}

/// What a user can set about training; shared by `train` and `demo`.
struct TrainingOptions: ParsableArguments {
  @Option(
    help: "Kind of scan whose settings to start from: \(Preset.allCases.map(\.rawValue).joined(separator: ", ")).")
  var preset: Preset = .general

  @Option(help: ArgumentHelp("Time to train, in minutes.", valueName: "minutes"))
  var minutes: Double?

  @Option(help: "Passes over the training scans, instead of a time.")
  var epochs: Double?

  @Option(help: "Seed of all random numbers.")
  var seed: UInt64 = 0

  @Option(help: "Patches a training step.")
  var batchSize = 16

  @Option(help: "Largest learning rate.")
  var learningRate: Float = 2e-3

  @Option(
    help: """
      What is learned: elbo (the evidence lower bound of clean patches), beta (the same with --beta) or denoising (clean
      patches from corrupted ones, with --beta).
      """)
  var objective: Objective.Kind = .denoising

  @Option(help: "Weight of the KL divergence. (default: 1)")
  var beta: Float?

  @Option(
    help: """
      Likelihood of a value given its reconstruction: laplace, gaussian or bernoulli. bernoulli, the cross-entropy,
      charges little for an error: lower --beta to about 0.01 with it.
      """)
  var likelihood: Objective.Likelihood = .laplace

  @Option(help: "Spread of the likelihood: one a channel, or predicted for every pixel.")
  var variance: Objective.Variance = .channel

  @Option(
    help: ArgumentHelp(
      "Latent channels of each stage, finest first; 0,0,0,16 has one resolution. (default: 0,4,8,16)",
      valueName: "numbers"))
  var latents: LatentChannels?

  @Option(help: "Divergence that a latent channel may have for nothing, in nats a patch. (default: 0.5, 0 for elbo)")
  var freeNats: Double?

  @Option(
    help: ArgumentHelp("Steps over which the weight of the KL divergence grows from nothing.", valueName: "steps"))
  var warmUp = 300

  @Option(help: "How patches are varied: mirror (and gain), or mild (also turned and scaled a little).")
  var augmentation: Augmentation = .mirror

  @Option(
    help: ArgumentHelp(
      "Stop early after this many checks, of twelve, that brought nothing. By default the whole time is used.",
      valueName: "checks"))
  var patience: Int?

  @Option(
    help: """
      How intensities are brought to a common scale: robust (median and spread of each scan's tissue), percentile, zscore
      or none.
      """)
  var normalization: NormalizationName = .robust

  @Option(help: "Whole factor by which scans are reduced first. By default the shorter edge keeps 128 pixels or more.")
  var reduction: Int?

  @Option(help: "Share of the cases held out to choose the checkpoint and to calibrate.")
  var heldOut = 0.4

  @Option(
    parsing: .unconditional,
    help: """
      Direction in which a lesion shifts the channels, a number a channel: 0,1,0 for "in the second". Without it any
      direction counts.
      """)
  var channelWeights: ChannelWeights?

  @Option(help: "Which sign of a shift is abnormal: bright, dark or both.")
  var polarity: EvidenceRule.Polarity?

  @Option(
    help: """
      Radii of the lesions that the learned score is trained on, in pixels of the model's grid: 2-32.
      """)
  var lesionSizes: NumberRange?

  @Option(help: "Size of their contrast, in normalized intensity, where 0.12 is the spread of tissue: 0.1-0.7.")
  var lesionContrast: NumberRange?

  @Option(
    help: """
      Subtract the mean over a neighbourhood of this many pixels of the model's grid, for an uneven background. 0 does not.
      """)
  var localContrast: Float?

  @Option(help: "Share of the time, or of the epochs, that goes into the learned score.")
  var scoreShare = 0.5

  func validate() throws {
    if minutes != nil, epochs != nil { throw ValidationError("Give --minutes or --epochs, not both.") }
    if let minutes, !(minutes > 0) { throw ValidationError("--minutes is \(minutes); a number above 0 is expected.") }
    if let epochs, !(epochs > 0) { throw ValidationError("--epochs is \(epochs); a number above 0 is expected.") }
    if !(1...256).contains(batchSize) { throw ValidationError("--batch-size is \(batchSize); 1 to 256 is expected.") }
    if !(learningRate > 0) { throw ValidationError("--learning-rate is \(learningRate); above 0 is expected.") }
    if let beta, !(beta >= 0 && beta.isFinite) {
      throw ValidationError("--beta is \(beta); 0 or more is expected.")
    }
    if objective == .elbo, beta != nil {
      throw ValidationError(
        "--beta is given with --objective elbo, which has no weight; give --objective beta or leave it out.")
    }
    if let freeNats, !(freeNats >= 0 && freeNats.isFinite) {
      throw ValidationError("--free-nats is \(freeNats); 0 or more is expected.")
    }
    if objective == .elbo, let freeNats, freeNats > 0 {
      throw ValidationError(
        "--free-nats is given with --objective elbo, which counts every nat; give --objective beta or leave it out.")
    }
    if warmUp < 0 { throw ValidationError("--warm-up is \(warmUp); 0 steps or more are expected.") }
    if let patience, patience < 1 { throw ValidationError("--patience is \(patience); 1 check or more is expected.") }
    if let fault = architecture(channels: 1, patchSize: 128).fault { throw ValidationError("--latents: \(fault).") }
    if let fault = trainingObjective(stages: 1).fault { throw ValidationError("--variance: \(fault).") }
    if let reduction, !(1...64).contains(reduction) {
      throw ValidationError("--reduction is \(reduction); a whole number from 1 to 64 is expected.")
    }
    if let localContrast, !(0...256).contains(localContrast) {
      throw ValidationError("--local-contrast is \(localContrast); 0 to 256 is expected.")
    }
    if !(scoreShare >= 0 && scoreShare < 1) {
      throw ValidationError("--score-share is \(scoreShare); a share from 0 to below 1 is expected.")
    }
    if !(heldOut > 0 && heldOut < 1) {
      throw ValidationError("--held-out is \(heldOut); a share between 0 and 1 is expected.")
    }
  }

  /// Reads, trains and writes the model; a checkpoint beside it is removed at the end.
  func train(
    study path: String, output: String, resume: Bool, terminal: inout Terminal
  ) throws -> (model: Model, faults: [String]) {
    let study = try Study(path: path)
    try checkWritable(output)
    let preset = preset.values
    var rule = preset.rule
    if let channelWeights { rule.channelWeights = channelWeights.values }
    if let polarity { rule.polarity = polarity }
    var setSettings = TrainingSet.Settings()
    setSettings.normalization = normalization.normalization
    setSettings.reduction = reduction ?? preset.reduction
    setSettings.localContrast = (localContrast ?? preset.localContrast).flatMap { $0 > 0 ? $0 : nil }
    setSettings.heldOutShare = heldOut
    setSettings.seed = seed
    setSettings.channelWeights = rule.channelWeights
    let set = try TrainingSet(study, settings: setSettings) { done, all in
      terminal.update("reading case \(done) of \(all)", fraction: Double(done) / Double(all), isLast: done == all)
    }
    terminal.finish()
    for fault in set.faults { terminal.say("left out: \(fault)") }
    let scans = { (members: [TrainingSet.Member]) in members.reduce(0) { $0 + $1.scans.count } }
    terminal.say(
      "learning from \(scans(set.training)) scans of \(set.training.count) cases; \(scans(set.heldOut)) scans of "
        + "\(set.heldOut.count) cases are held out")

    var architecture = architecture(channels: set.preparation.channels, patchSize: 128)
    architecture.patchSize = set.patchSize(granularity: architecture.granularity)
    var settings = Trainer.Settings(
      objective: trainingObjective(stages: architecture.widths.count), rule: rule)
    settings.budget = budget(share: 1 - scoreShare)
    if scoreShare > 0 {
      settings.score = ScoreTrainer.Settings(
        budget: budget(share: scoreShare), radii: lesionSizes?.values ?? preset.radii,
        contrast: lesionContrast?.values ?? preset.contrast)
    }
    settings.seed = seed
    settings.batchSize = batchSize
    settings.learningRate = learningRate
    settings.augmentation = augmentation
    settings.patience = patience

    let trainer = try Trainer(set, architecture: architecture, settings: settings, engine: try Engine())
    let checkpoint = output + ".checkpoint"
    if resume { try trainer.resume(from: checkpoint) }
    let model = try trainer.run(toolVersion: Norma.version) { event in
      switch event {
      case .progress(let progress): terminal.update(Self.line(progress), fraction: progress.fraction)
      case .score(let progress):
        terminal.update(
          String(
            format: "learning the score: step %d  loss %.4f  %.0f patches/s", progress.step, progress.loss,
            progress.patchesPerSecond), fraction: progress.fraction)
      case .checkpoint:
        // Hours of training are not given up because a checkpoint does not fit.
        do { try trainer.saveCheckpoint(to: checkpoint) } catch { terminal.say("no checkpoint was kept: \(error)") }
      case .checked(_, let warnings): for warning in warnings { terminal.say("warning: \(warning)") }
      case .recovered(let step, let reason): terminal.say("training diverged at step \(step): \(reason)")
      case .stoppedEarly(let step, let checks):
        terminal.say("stopped at step \(step): the last \(checks) checks brought nothing better")
      }
    }
    terminal.finish()
    try model.save(to: output)
    try? FileManager.default.removeItem(atPath: checkpoint)  // absent where training took less than a minute
    return (model, set.faults)
  }

  private func budget(share: Double) -> Trainer.Settings.Budget {
    epochs.map { .epochs($0 * share) } ?? .minutes((minutes ?? 10) * share)
  }

  private func architecture(channels: Int, patchSize: Int) -> VAE.Architecture {
    var result = VAE.Architecture(channels: channels, patchSize: patchSize)
    if let latents { result.latents = latents.values }
    result.suit(trainingObjective(stages: result.widths.count))
    return result
  }

  private func trainingObjective(stages: Int) -> Objective {
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
    let folder = (output as NSString).deletingLastPathComponent
    let place = folder.isEmpty ? "." : folder
    do { try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true) } catch {
      throw ModelError(
        path: output, found: "its folder cannot be made (\(error.localizedDescription))",
        remedy: "Choose another --output")
    }
    guard access(place, W_OK) == 0 else {
      throw ModelError(
        path: output, found: "its folder cannot be written to",
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

  static func summary(_ model: Model, output: String) -> String {
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
          + "scans reduced by \(model.preparation.reduction)",
        "planted lesions " + model.book.plantedSummary,
        "latents         \(active) of \(r.divergences.joined().count) channels in use, "
          + String(format: "%.0f nats a patch", r.divergences.joined().reduce(0, +)),
        "compute         \(r.compute), \(r.threads) threads",
      ] + r.warnings.map { "warning         \($0)" }
    return lines.joined(separator: "\n")
  }
}
