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
  /// Time, epochs or steps for the whole training.
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
  /// A file that `norma features` wrote; `nil` measures no features.
  package var features: String?
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
    scans.choosesTissue = self.preset.tissueAppearance == .bright
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
    let parts = budget.divided(scoreShare: scoreShare)
    settings.budget = parts.network
    if let scoreBudget = parts.score {
      settings.score = ScoreTrainer.Settings(
        budget: scoreBudget, radii: preset.radii, contrast: preset.contrast, kinds: preset.kinds,
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
    // The colors of a photograph vary with its light more than with its tissue.
    settings.variesLight = preset.augmentation.variesLight
    settings.takesFeatures = features != nil
    return settings
  }
}

extension TrainingBudget {
  /// The budgets of the network and of the learned score; `nil` for a model without one. Of two steps or more, each
  /// gets one at least.
  fileprivate func divided(scoreShare share: Double) -> (network: TrainingBudget, score: TrainingBudget?) {
    guard share > 0 else { return (self, nil) }
    switch self {
    case .minutes(let minutes): return (.minutes(minutes * (1 - share)), .minutes(minutes * share))
    case .epochs(let epochs): return (.epochs(epochs * (1 - share)), .epochs(epochs * share))
    case .steps(let all):
      let score = min(max(1, Int((Double(all) * share).rounded())), max(1, all - 1))
      return (.steps(max(1, all - score)), .steps(score))
    }
  }

  /// The option of `norma train` whose budget, in whole numbers, has the steps that are needed.
  ///
  /// - Parameters:
  ///   - steps: what comes out of this budget for the network, or for the score network (`ofScore`).
  ///   - scoreShare: share of the budget that the score gets.
  func sufficientOption(_ steps: ModelKnowledge.Steps, ofScore: Bool, scoreShare: Double) -> String {
    let factor = Double(steps.needed) / Double(max(1, steps.taken))
    func whole(_ value: Double) -> String { String(format: "%.0f", (value * factor).rounded(.up)) }
    switch self {
    case .minutes(let minutes): return "--minutes \(whole(minutes))"
    case .epochs(let epochs): return "--epochs \(whole(epochs))"
    case .steps:
      var all = steps.needed
      func part() -> TrainingBudget? {
        let parts = TrainingBudget.steps(all).divided(scoreShare: scoreShare)
        return ofScore ? parts.score : parts.network
      }
      while case .steps(let own)? = part(), own < steps.needed { all += steps.needed - own }
      return "--steps \(all)"
    }
  }
}
