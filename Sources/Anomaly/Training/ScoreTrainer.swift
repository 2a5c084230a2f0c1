import Compute
import Foundation
import Numerics
import Threads

/// Trains the score network on lesions planted in healthy patches. The weights of the VAE in front of it stay fixed.
package final class ScoreTrainer {
  package struct Settings: Codable, Sendable, Equatable {
    package var budget: TrainingBudget
    package var batchSize = 16
    package var learningRate: Float = 2e-3
    /// Radii of planted lesions, in pixels of the model's grid.
    package var radii: ClosedRange<Float>
    /// Size of the planted lesions' offset, in normalized intensity.
    package var contrast: ClosedRange<Float>
    /// Most kinds of lesions that a patch may have at once.
    package var kinds: Int
    /// Width of the lesions' borders, in pixels of the model's grid; `nil` lets it grow with the lesion.
    package var borders: ClosedRange<Float>?

    package init(
      budget: TrainingBudget, radii: ClosedRange<Float> = 3...36, contrast: ClosedRange<Float> = 0.1...0.7,
      kinds: Int = 1, borders: ClosedRange<Float>? = nil
    ) {
      self.borders = borders
      self.kinds = kinds
      self.budget = budget
      self.radii = radii
      self.contrast = contrast
    }
  }

  private let source: PatchSource
  private let network: VAE
  private let scoreNetwork: ScoreNetwork
  private let settings: Settings
  private let seed: UInt64
  private let adam: Adam
  private let planter: LesionPlanter
  private let input: ScoreInput
  private let preparation: Preparation
  /// `ranks` are the processes that share a batch, `share` the patches that belong to this process.
  private let ranks: Ranks?
  private let share: BatchShare
  private let gradientSum: GradientSum?

  /// A lesion pixel counts as much as this many healthy ones in the cross-entropy.
  private static let lesionWeight: Float = 2
  private static let diceWeight: Float = 0.3

  package init(
    _ set: TrainingSet, network: VAE, scoreNetwork: ScoreNetwork, rule: EvidenceRule, settings: Settings,
    augmentation: Augmentation, seed: UInt64, ranks: Ranks? = nil
  ) {
    self.ranks = ranks
    share = BatchShare(of: settings.batchSize, in: ranks)
    gradientSum = ranks.map { GradientSum(scoreNetwork.parameters, over: $0) }
    let architecture = network.architecture
    preparation = set.preparation
    source = PatchSource(
      set.training.flatMap(\.views), edge: architecture.patchSize, channels: architecture.channels,
      range: set.preparation.normalization.range, augmentation: augmentation)
    self.network = network
    self.scoreNetwork = scoreNetwork
    self.settings = settings
    self.seed = seed
    adam = Adam(scoreNetwork.parameters)
    planter = LesionPlanter(
      radii: settings.radii, contrast: settings.contrast, rule: rule, edge: architecture.patchSize,
      channels: architecture.channels, kinds: settings.kinds,
      healthy: ChannelCovariance(of: set.training.flatMap(\.views)), borders: settings.borders,
      healthyShare: preparation.expectation?.tie)
    input = ScoreInput(architecture, preparation: preparation)
  }

  /// Steps over which the learning rate grows from 0; the score network needs as many.
  static let neededSteps = LearningRate.warmUpSteps

  /// The number of steps that the budget is known to have; `nil` for a budget of time.
  var knownSteps: Int? {
    settings.budget.knownSteps(stepsPerEpoch: Double(source.patchesPerEpoch) / Double(settings.batchSize))
  }

  package struct Progress: Sendable {
    package var step: Int
    /// Share of the budget that is used up, in 0...1.
    package var fraction: Double
    /// Mean loss since the last report, in nats per pixel.
    package var loss: Double
    package var patchesPerSecond: Double
  }

  /// Trains until the budget is used up, then puts the averaged weights into the network.
  ///
  /// - Returns: number of steps taken.
  package func run(observe: (Progress) throws -> Void) throws -> Int {
    let n = settings.batchSize
    let batch = try Batch(self)
    let stepsPerEpoch = Double(source.patchesPerEpoch) / Double(n)
    let start = Date()
    var lastReport = (time: start, step: 0)
    var (sum, counted) = (0.0, 0)
    var watch = DivergenceWatch()
    while true {
      try Interruption.check()
      let fraction = settings.budget.fraction(
        seconds: Date().timeIntervalSince(start), steps: adam.step, stepsPerEpoch: stepsPerEpoch)
      if fraction >= 1 { break }
      let rate = LearningRate.rate(peak: settings.learningRate, step: adam.step, fraction: fraction)
      _ = try ranks?.broadcast(Instruction.step(rate: rate))
      let (loss, norm) = try step(batch, rate: rate)
      if let reason = watch.reasonToGoBack(loss: loss, gradientNorm: norm) {
        throw TrainingDiverged(step: adam.step, recoveries: 0, reason: reason)
      }
      guard norm.isFinite else { continue }
      sum += loss
      counted += 1
      let now = Date()
      let since = now.timeIntervalSince(lastReport.time)
      if since >= 1 {
        try observe(
          Progress(
            step: adam.step,
            fraction: min(
              1,
              settings.budget.fraction(
                seconds: now.timeIntervalSince(start), steps: adam.step, stepsPerEpoch: stepsPerEpoch)),
            loss: sum / Double(counted),
            patchesPerSecond: Double((adam.step - lastReport.step) * n) / since))
        lastReport = (now, adam.step)
        (sum, counted) = (0, 0)
      }
    }
    _ = adam.swapInAverages()
    return adam.step
  }

  /// Computes its share of every step until the first process says that training has ended.
  func assist() throws {
    let batch = try Batch(self)
    while case .step(let rate)? = try ranks?.broadcast(Instruction.end) { _ = try step(batch, rate: rate) }
  }

  /// This process's patches of a step, with their buffers, and the parts that threads compute, see `TrainingStep`.
  private final class Batch {
    let clean: Tensor
    let reconstruction: Tensor
    /// One for each stage that has a latent.
    let divergences: [Tensor]
    let shown: Tensor
    let logits: Tensor
    let gradient: Tensor
    let statistics: TissueStatistics
    var lesions: [Float]
    var depth: [Float]
    var random: RandomGenerator
    let parts: [Part]
    let gradients: PartialGradients

    init(_ trainer: ScoreTrainer) throws {
      let (architecture, engine) = (trainer.network.architecture, trainer.network.engine)
      let (n, edge) = (trainer.share.patches.count, architecture.patchSize)
      func tensor(_ channels: Int) throws -> Tensor { try Tensor(Shape(n, edge, edge, channels), engine: engine) }
      clean = try tensor(architecture.channels)
      reconstruction = try tensor(architecture.channels)
      divergences = try architecture.latentShapes(patches: n).compactMap {
        try $0.map { try Tensor(Shape($0.n, $0.h, $0.w, 1), engine: engine) }
      }
      shown = try tensor(trainer.input.count)
      logits = try tensor(1)
      gradient = try tensor(1)
      statistics = try TissueStatistics(trainer.preparation, of: clean.shape, engine: engine)
      lesions = [Float](repeating: 0, count: n * edge * edge)
      depth = lesions
      random = RandomGenerator(seed: trainer.seed ^ 0x5C0E)
      let whole = (clean, reconstruction, divergences, shown, logits, gradient)
      parts = try trainer.share.parts.map { try Part($0, of: whole, trainer) }
      gradients = PartialGradients(trainer.scoreNetwork.parameters, copies: parts.map(\.scoreNetwork.parameters))
    }
  }

  /// Some patches of the batch, and copies of the networks for them.
  private final class Part {
    let network: VAE
    let scoreNetwork: ScoreNetwork
    let clean: Tensor
    let reconstruction: Tensor
    let divergences: [Tensor]
    let shown: Tensor
    let logits: Tensor
    let gradient: Tensor

    init(
      _ share: BatchShare,
      of whole: (
        clean: Tensor, reconstruction: Tensor, divergences: [Tensor], shown: Tensor, logits: Tensor, gradient: Tensor
      ), _ trainer: ScoreTrainer
    ) throws {
      let engine = try Engine(precision: trainer.network.engine.precision)
      network = VAE(following: trainer.network, engine: engine)
      scoreNetwork = ScoreNetwork(following: trainer.scoreNetwork, engine: engine)
      let first = trainer.share.patches.lowerBound
      let patches = share.patches.lowerBound - first..<share.patches.upperBound - first
      func part(of tensor: Tensor) throws -> Tensor { try Tensor(patches, of: tensor, engine: engine) }
      clean = try part(of: whole.clean)
      reconstruction = try part(of: whole.reconstruction)
      divergences = try whole.divergences.map(part)
      shown = try part(of: whole.shown)
      logits = try part(of: whole.logits)
      gradient = try part(of: whole.gradient)
    }
  }

  private func step(_ batch: Batch, rate: Float) throws -> (loss: Double, norm: Float) {
    do { return try update(batch, rate: rate) } catch {
      ranks?.breakOff()
      throw error
    }
  }

  private func update(_ batch: Batch, rate: Float) throws -> (loss: Double, norm: Float) {
    let units = source.fillPlanted(
      batch.clean, lesions: &batch.lesions, depth: &batch.depth, planter: planter, share: share, using: &batch.random)
    _ = try Parallel.apart(batch.parts) { part in
      var none: RandomGenerator?
      part.reconstruction.copy(from: try part.network.forward(part.clean, sampling: &none))
      for (target, map) in zip(part.divergences, part.network.divergenceMaps) { target.copy(from: map) }
    }
    batch.depth.withUnsafeBufferPointer { depth in
      batch.statistics.fill(of: batch.clean, depth: depth, units: units)
      input.fill(
        scan: batch.clean, reconstruction: batch.reconstruction, divergences: batch.divergences, depth: depth,
        statistics: batch.statistics, into: batch.shown)
    }
    _ = try Parallel.apart(batch.parts) { part in
      part.logits.copy(from: try part.scoreNetwork.forward(part.shown))
    }
    let loss = try Self.loss(batch.logits, lesions: batch.lesions, gradient: batch.gradient, ranks: ranks)
    func backward() throws {
      _ = try Parallel.apart(batch.parts) { part in try part.scoreNetwork.backward(part.gradient) }
      try batch.gradients.sum()
    }
    if let gradientSum { try gradientSum.sum(during: backward) } else { try backward() }
    return (loss, loss.isFinite ? adam.update(learningRate: rate) : .nan)
  }

  /// Cross-entropy with more weight on lesions, plus a soft Dice loss over the batch, so that the many healthy pixels
  /// do not outweigh small lesions. Source of the Dice loss: Milletari et al. 2016, arXiv:1606.04797, equation 2 (here
  /// without squares).
  ///
  /// - Parameters:
  ///   - logits: `[n, h, w, 1]`.
  ///   - lesions: 0 or 1, `[n, h, w]`.
  ///   - gradient: receives the gradient of the loss with respect to the logits.
  ///   - ranks: the processes that share the batch, if there are several.
  package static func loss(
    _ logits: Tensor, lesions: [Float], gradient: Tensor, ranks: Ranks? = nil
  ) throws -> Double {
    let (patches, pixels) = (logits.shape.n, logits.shape.count / logits.shape.n)
    let (x, g) = (logits.split, gradient.split)
    // Sums of cross-entropy, lesion times probability, probability, and lesion. Each patch has its own, so that the
    // number of threads does not change a bit of the result.
    var sums = [SIMD4<Double>](repeating: .zero, count: patches)
    return try lesions.withUnsafeBufferPointer { lesions throws in
      let lesions = ReadBuffer(lesions)
      sums.withSplitBuffer { sums in
        Parallel.run(chunks: patches) { n in
          var sum = SIMD4<Double>.zero
          for i in n * pixels..<(n + 1) * pixels {
            let y = lesions[i]
            let decay = exp(-abs(x[i]))
            let softplus = max(x[i], 0) + log1p(decay)
            let probability = (x[i] < 0 ? decay : 1) / (1 + decay)
            g[i] = probability
            sum += SIMD4(
              Double(y * lesionWeight * (softplus - x[i]) + (1 - y) * softplus), Double(y * probability),
              Double(probability), Double(y))
          }
          sums[n] = sum
        }
      }
      let own = sums.reduce(.zero, +)
      var total = [own[0], own[1], own[2], own[3], Double(patches * pixels)]
      try ranks?.sum(&total)
      let (both, denominator, count) = (total[1], total[2] + total[3] + 1, total[4])
      let scale = 1 / Float(count)
      let byMiss = -Float((2 * denominator - (2 * both + 1)) / (denominator * denominator))
      let byFalse = Float((2 * both + 1) / (denominator * denominator))
      Parallel.run(chunks: patches) { n in
        for i in n * pixels..<(n + 1) * pixels {
          let (y, probability) = (lesions[i], g[i])
          let byEntropy = ((1 - y) * probability - y * lesionWeight * (1 - probability)) * scale
          let byDice = y > 0 ? byMiss : byFalse
          g[i] = byEntropy + diceWeight * byDice * probability * (1 - probability)
        }
      }
      return total[0] / count + Double(diceWeight) * (1 - (2 * both + 1) / denominator)
    }
  }
}
