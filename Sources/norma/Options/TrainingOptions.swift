import Anomaly
import ArgumentParser
import Compute
import Foundation
import Imaging
import Workflows

/// Options for training; shared by `train` and `demo`.
struct TrainingOptions: ParsableArguments {
  /// Settings that hold where an option is not given.
  private static let defaults = Train.Settings(study: "", output: "")

  @Option(
    help: "Kind of scan whose settings to start from: \(Preset.allCases.map(\.rawValue).joined(separator: ", ")).")
  var preset: Preset = .generic

  @OptionGroup(title: "Reading files") var loader: LoaderOptions

  @OptionGroup(title: "Memory") var memory: MemoryOptions

  @OptionGroup(title: "Resolution") var resolution: ResolutionOptions

  @Flag(help: "Learn from scans too that norma augment made; by default they are left out.")
  var includeSynthetic = false

  @Option(help: ArgumentHelp("Time to train, in minutes.", valueName: "minutes"))
  var minutes: Double?

  @Option(help: "Passes over the training scans, instead of a time.")
  var epochs: Double?

  @Option(help: "Training steps, those of the learned score included, instead of a time.")
  var steps: Int?

  @Option(
    help: ArgumentHelp(
      "Time between checkpoints, all that a training that is killed can lose; see --resume.", valueName: "seconds"))
  var checkpointEvery = Self.defaults.secondsBetweenCheckpoints

  @Option(help: "Seed of all random numbers.")
  var seed = Self.defaults.seed

  @Option(help: Precision.help)
  var precision = Self.defaults.precision

  @Option(help: "Patches a training step.")
  var batchSize = Self.defaults.batchSize

  @Option(help: "Largest learning rate.")
  var learningRate = Self.defaults.learningRate

  @Option(
    help: """
      What is learned: elbo (the evidence lower bound of clean patches), beta (the same with --beta) or denoising (clean \
      patches from corrupted ones, with --beta).
      """)
  var objective = Self.defaults.objective.kind

  @Option(help: "Weight of the KL divergence. (default: 1)")
  var beta: Float?

  @Option(
    help: """
      Likelihood of a value given its reconstruction: laplace, gaussian or bernoulli. bernoulli, the cross-entropy, \
      charges little for an error: lower --beta to about 0.01 with it.
      """)
  var likelihood = Self.defaults.objective.likelihood

  @Option(help: "Spread of the likelihood: one a channel, or predicted for every pixel.")
  var variance = Self.defaults.objective.variance

  @Option(
    help: ArgumentHelp(
      "Latent channels of each stage, finest first; 0,0,0,16 has one resolution. (default: 0,4,8,16)",
      valueName: "numbers"))
  var latents: LatentChannels?

  @Option(help: "Divergence that a latent channel may have for nothing, in nats a patch. (default: 0.5, 0 for elbo)")
  var freeNats: Double?

  @Option(
    help: ArgumentHelp("Steps over which the weight of the KL divergence grows from nothing.", valueName: "steps"))
  var warmUp = Self.defaults.objective.warmUpSteps

  @Option(
    help: """
      How patches are varied: mirror (and gain), mild (also turned and scaled a little) or photograph (turned by any angle, \
      uneven light, color cast, focus). (default: the preset's, mirror)
      """)
  var augmentation: Augmentation?

  @Option(
    help: ArgumentHelp(
      "Stop early after this many checks, of twelve, that brought nothing. By default the whole time is used.",
      valueName: "checks"))
  var patience: Int?

  @Option(
    help: """
      How intensities are brought to a common scale: robust (median and spread of tissue), percentile or zscore (of the \
      foreground), histogram (landmarks of the training scans' histograms, Nyul and Udupa), window (with --window), none \
      (for scans stored as about 0 to 1); for stained slides optical-density or macenko. (default: the preset's, robust)
      """)
  var normalization: NormalizationName?

  @Option(help: "What shares a normalization: scan, case or training-set. (default: the preset's, scan)")
  var normalizationScope: Normalization.Scope?

  @Option(
    parsing: .unconditional,
    help: "Intensities that become 0 and 1, in the file's units, such as -160,240 in Hounsfield units.")
  var window: IntensityWindow?

  @Option(
    help: """
      What sets tissue apart: bright (it is brighter than what is around it), stained (it is colored, or darker than \
      glass) or everywhere (every pixel shows tissue). (default: the preset's; bright becomes everywhere where what is \
      darker is no empty background)
      """)
  var tissue: TissueLook?

  @Option(
    help: """
      Whole factor by which scans are reduced first. By default the shorter edge keeps 128 pixels or more, that of a slide \
      2048.
      """)
  var reduction: Int?

  @Option(help: "Share of the cases held out to choose the checkpoint and to calibrate.")
  var heldOut = Self.defaults.scans.heldOutShare

  @Option(
    parsing: .unconditional,
    help: """
      Direction in which a lesion shifts the channels, a number a channel: 0,1,0 for "in the second". Without it any \
      direction counts.
      """)
  var channelWeights: ChannelWeights?

  @Option(help: "Which sign of a shift is abnormal: bright, dark or both.")
  var polarity: EvidenceRule.Polarity?

  @Option(
    help: """
      Radii of planted lesions, in pixels of the model's grid: 2-32. The learned score is trained on them; checkpoint and \
      ensemble are chosen by others of the same sizes.
      """)
  var lesionSizes: NumberRange?

  @Option(help: "Size of their contrast, in normalized intensity, where 0.12 is the spread of tissue: 0.1-0.7.")
  var lesionContrast: NumberRange?

  @Option(
    help: """
      How far the borders of planted lesions reach, in pixels of the model's grid: 0.5-2; never more than a third of a \
      lesion's radius. By default the preset's, or softer the larger the lesion.
      """)
  var lesionBorders: NumberRange?

  @Option(
    help: ArgumentHelp(
      "Kinds of planted lesions, each of its own size and contrast, that a patch may have. (default: the preset's, 1)",
      valueName: "number"))
  var lesionKinds: Int?

  @Option(
    help: """
      Subtract the mean over a neighbourhood of this many pixels of the model's grid, for an uneven background. 0 does not.
      """)
  var localContrast: Float?

  @Option(help: "Share of the time, of the epochs or of the steps that goes into the learned score.")
  var scoreShare = Self.defaults.scoreShare

  @Option(
    help: """
      Also measure the features of a network that was trained on photographs: a file that norma features wrote.
      """, completion: .model)
  var features: String?

  @Option(help: "Draws of the latent to average over when scoring; 0 takes the posterior's mean. (default: 0)")
  var samples: Int?

  @Flag(
    inversion: .prefixedNo,
    help: "Also see every patch mirrored when scoring, and average. (default: the preset's, no)")
  var flips: Bool?

  @Option(
    help: """
      Share of its edge that a patch has in common with the next when scoring. (default: the preset's, 0.25)
      """)
  var overlap: Double?

  /// Training settings from the options; the preset's values hold where an option is not given.
  func settings(study: String, output: String) -> Train.Settings {
    var settings = Train.Settings(study: study, output: output, preset: preset)
    if let budget = budgets.first { settings.budget = budget }
    settings.secondsBetweenCheckpoints = checkpointEvery
    settings.scoreShare = scoreShare
    settings.features = features
    settings.seed = seed
    settings.precision = precision
    settings.batchSize = batchSize
    settings.learningRate = learningRate
    settings.patience = patience
    settings.objective = objectiveSettings
    settings.latents = latents?.values
    settings.memory = memory.budget
    settings.scans.normalization = chosenNormalization
    settings.scans.heldOutShare = heldOut
    settings.scans.limits = loader.limits
    settings.scans.takesSynthetic = includeSynthetic
    settings.scans.level = resolution.level
    settings.scans.micrometersPerPixel = resolution.micrometersPerPixel
    if let tissue {
      settings.scans.tissueAppearance = tissue
      settings.scans.choosesTissue = false
    }
    if let reduction { settings.scans.reduction = reduction }
    if let localContrast { settings.scans.localContrast = localContrast }
    settings.preset.inference = inference
    if let channelWeights { settings.preset.rule.channelWeights = channelWeights.values }
    if let polarity { settings.preset.rule.polarity = polarity }
    if let lesionSizes { settings.preset.radii = lesionSizes.values }
    if let lesionContrast { settings.preset.contrast = lesionContrast.values }
    if let lesionBorders { settings.preset.borders = lesionBorders.values }
    if let lesionKinds { settings.preset.kinds = lesionKinds }
    if let augmentation { settings.preset.augmentation = augmentation }
    return settings
  }

  /// The budgets that are given; at most one may be.
  private var budgets: [TrainingBudget] {
    [minutes.map(TrainingBudget.minutes), epochs.map(TrainingBudget.epochs), steps.map(TrainingBudget.steps)]
      .compactMap { $0 }
  }

  private var objectiveSettings: Train.Settings.ObjectiveSettings {
    var result = Train.Settings.ObjectiveSettings()
    result.kind = objective
    result.likelihood = likelihood
    result.variance = variance
    result.beta = beta
    result.freeNats = freeNats
    result.warmUpSteps = warmUp
    return result
  }

  private var inference: Inference.Settings {
    var settings = preset.values.inference
    if let samples { settings.samples = samples }
    if let flips { settings.flips = flips }
    if let overlap { settings.overlap = overlap }
    return settings
  }

  func validate() throws {
    if let fault = inference.fault { throw ValidationError("--samples, --overlap: \(fault).") }
    try precision.validate()
    if budgets.count > 1 { throw ValidationError("Give one of --minutes, --epochs and --steps.") }
    if let minutes, !(minutes > 0) { throw ValidationError("--minutes is \(minutes); a number above 0 is expected.") }
    if let epochs, !(epochs > 0) { throw ValidationError("--epochs is \(epochs); a number above 0 is expected.") }
    if let steps, !(1...1_000_000_000).contains(steps) {
      throw ValidationError("--steps is \(steps); a whole number from 1 to 1000000000 is expected.")
    }
    if steps == 1, scoreShare > 0 {
      throw ValidationError("--steps is 1, which leaves the learned score none; give 2 or more, or --score-share 0.")
    }
    if !(checkpointEvery >= 0) {
      throw ValidationError("--checkpoint-every is \(checkpointEvery); 0 seconds or more are expected.")
    }
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
    let settings = settings(study: "", output: "")
    if let fault = settings.architecture(channels: 1, patchSize: 128).fault {
      throw ValidationError("--latents: \(fault).")
    }
    if let fault = objectiveSettings.objective(stages: 1).fault { throw ValidationError("--variance: \(fault).") }
    if window != nil, normalization != nil, normalization != .window {
      throw ValidationError("--window is given with --normalization \(normalization!.rawValue), which has none.")
    }
    if normalization == .window, window == nil {
      throw ValidationError("--normalization window needs --window, two intensities such as -160,240.")
    }
    let chosen = chosenNormalization
    if localContrast ?? preset.values.localContrast ?? 0 > 0,
      chosen.scope == .trainingSet || [.histogram, .macenko, .opticalDensity].contains(chosen.method) || window != nil
    {
      throw ValidationError(
        "--local-contrast subtracts what this normalization goes by; give --local-contrast 0, or another --normalization."
      )
    }
    if reduction != nil, resolution.micrometersPerPixel != nil {
      throw ValidationError("Give --reduction or --micrometers-per-pixel, not both.")
    }
    if let reduction, !(1...ScanReading.largestReduction).contains(reduction) {
      throw ValidationError("--reduction is \(reduction); a whole number from 1 to 64 is expected.")
    }
    if let localContrast, !(0...256).contains(localContrast) {
      throw ValidationError("--local-contrast is \(localContrast); 0 to 256 is expected.")
    }
    if let lesionBorders, !(0.1...64).contains(lesionBorders.values.lowerBound) || lesionBorders.values.upperBound > 64
    {
      throw ValidationError(
        "--lesion-borders is \(lesionBorders.values.lowerBound)-\(lesionBorders.values.upperBound); pixels from 0.1 to 64 "
          + "are expected.")
    }
    if let lesionKinds, !(1...8).contains(lesionKinds) {
      throw ValidationError("--lesion-kinds is \(lesionKinds); 1 to 8 is expected.")
    }
    if !(scoreShare >= 0 && scoreShare < 1) {
      throw ValidationError("--score-share is \(scoreShare); a share from 0 to below 1 is expected.")
    }
    if !(heldOut > 0 && heldOut < 1) {
      throw ValidationError("--held-out is \(heldOut); a share between 0 and 1 is expected.")
    }
  }
}

extension TrainingOptions {
  /// Normalization from the options; the preset's values hold where an option is not given.
  var chosenNormalization: Normalization {
    var result = preset.values.normalization
    if let method = method(normalization ?? (window == nil ? nil : .window)) {
      result.method = method
      // A window is the same for all scans, and its scope does not suit other methods. They keep any other scope of the
      // preset.
      if preset.values.normalization.scope == .trainingSet { result.scope = .scan }
    }
    if let normalizationScope { result.scope = normalizationScope }
    return result
  }

  private func method(_ name: NormalizationName?) -> Normalization.Method? {
    switch name {
    case nil: nil
    case .robust: .robust
    case .percentile: .percentile(99)
    case .zscore: .standardScore
    case .histogram: .histogram
    case .window: window.map { .window(low: $0.low, high: $0.high) }
    case .some(.none): Normalization.Method.none
    case .macenko: .macenko
    case .opticalDensity: .opticalDensity
    }
  }
}
