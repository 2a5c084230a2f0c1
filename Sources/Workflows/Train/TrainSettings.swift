import Anomaly
import Compute
import Imaging

/// How a model is trained. Settings that a preset determines start from the preset's values.
package struct TrainSettings: Sendable {
  /// Folder of healthy scans.
  package var study: String
  /// Which files and cases of it are taken.
  package var selection = StudySelection()
  /// Model file to write; the checkpoint is next to it.
  package var output: String
  /// Whether to continue from the checkpoint next to the output.
  package var resumes = false
  package var secondsBetweenCheckpoints = 60.0
  /// Time or epochs for the whole training.
  package var budget = TrainingBudget.minutes(10)
  /// Share of the budget that is spent on the learned score, from 0 to below 1.
  package var scoreShare = 0.5
  package var seed: UInt64 = 0
  package var precision = Precision.fastest
  package var batchSize = 16
  package var learningRate: Float = 2e-3
  package var patience: Int?
  package var objective = ObjectiveSettings()
  /// Latent channels of each stage, finest first; `nil` for the network's defaults.
  package var latents: [Int]?
  /// How scans are read, prepared and divided. Seed, memory and channel weights are taken from these training settings.
  package var scans = TrainingSet.Settings()
  package var memory = MemoryBudget.unlimited
  package var preset: Preset.Values

  /// Settings of the objective.
  package struct ObjectiveSettings: Sendable {
    package var kind = Objective.Kind.denoising
    package var likelihood = Likelihood.laplace
    package var variance = Objective.Variance.channel
    /// Weight of the divergence; `nil` for 1.
    package var beta: Float?
    /// Free nats of each latent channel; `nil` for the objective's default.
    package var freeNats: Double?
    package var warmUpSteps = 300

    package init() {}

    /// - Parameter stages: number of the network's stages.
    package func objective(stages: Int) -> Objective {
      var result = Objective(stages: stages)
      result.kind = kind
      result.likelihood = likelihood
      result.variance = variance
      result.divergenceWeights = result.divergenceWeights.map { $0 * (beta ?? 1) }
      result.freeNats = freeNats ?? (kind == .elbo ? 0 : result.freeNats)
      result.warmUpSteps = warmUpSteps
      return result
    }
  }

  package init(study: String, output: String, preset: Preset = .generic) {
    self.study = study
    self.output = output
    self.preset = preset.values
    scans.normalization = self.preset.normalization
    scans.tissueAppearance = self.preset.tissueAppearance
    scans.reduction = self.preset.reduction
    scans.localContrast = self.preset.localContrast
  }

  package func architecture(channels: Int, patchSize: Int) -> VAE.Architecture {
    var result = VAE.Architecture(channels: channels, patchSize: patchSize)
    if let latents { result.latents = latents }
    result.suit(objective.objective(stages: result.widths.count))
    return result
  }

  /// The trainer's settings for a network with this many stages.
  func trainer(stages: Int) -> Trainer.Settings {
    var settings = Trainer.Settings(objective: objective.objective(stages: stages), rule: preset.rule)
    settings.budget = budget.part(1 - scoreShare)
    if scoreShare > 0 {
      settings.score = ScoreTrainer.Settings(
        budget: budget.part(scoreShare), radii: preset.radii, contrast: preset.contrast, kinds: preset.kinds,
        borders: preset.borders)
    }
    settings.inference = preset.inference
    settings.seed = seed
    settings.batchSize = batchSize
    settings.learningRate = learningRate
    settings.augmentation = preset.augmentation
    settings.patience = patience
    return settings
  }

  /// The settings of the training set, completed with the settings chosen for the whole training.
  func trainingSet() -> TrainingSet.Settings {
    var settings = scans
    settings.localContrast = settings.localContrast.flatMap { $0 > 0 ? $0 : nil }
    settings.memory = memory
    settings.seed = seed
    settings.channelWeights = preset.rule.channelWeights
    return settings
  }
}

extension TrainingBudget {
  fileprivate func part(_ share: Double) -> TrainingBudget {
    switch self {
    case .minutes(let minutes): .minutes(minutes * share)
    case .epochs(let epochs): .epochs(epochs * share)
    }
  }
}
