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

  /// Maps of some patches, `[n, h, w, channels]`.
  private struct Maps {
    let clean: Tensor
    let reconstruction: Tensor
    /// Divergences of each stage that has a latent.
    let divergences: [Tensor]
    let shown: Tensor
    let logits: Tensor
    let gradient: Tensor

    /// - Parameter inputs: number of the score network's inputs.
    init(patches n: Int, _ architecture: VAE.Architecture, inputs: Int, engine: Engine) throws {
      let edge = architecture.patchSize
      func tensor(_ channels: Int) throws -> Tensor { try Tensor(Shape(n, edge, edge, channels), engine: engine) }
      clean = try tensor(architecture.channels)
      reconstruction = try tensor(architecture.channels)
      divergences = try architecture.latentShapes(patches: n).compactMap {
        try $0.map { try Tensor(Shape($0.n, $0.h, $0.w, 1), engine: engine) }
      }
      (shown, logits, gradient) = (try tensor(inputs), try tensor(1), try tensor(1))
    }

    /// Some of the patches, for the networks that compute them.
    init(_ patches: Range<Int>, of whole: Maps, engine: Engine) throws {
      func part(_ map: Tensor) throws -> Tensor { try Tensor(patches, of: map, engine: engine) }
      clean = try part(whole.clean)
      reconstruction = try part(whole.reconstruction)
      divergences = try whole.divergences.map(part)
      shown = try part(whole.shown)
      logits = try part(whole.logits)
      gradient = try part(whole.gradient)
    }
  }

  /// This process's patches of a step, with their buffers, and the parts that threads compute, see `TrainingStep`.
  private final class Batch {
    let maps: Maps
    let statistics: TissueStatistics
    var lesions: [Float]
    var depth: [Float]
    var random: RandomGenerator
    let parts: [Part]
    let gradients: PartialGradients

    init(_ trainer: ScoreTrainer) throws {
      let (share, network) = (trainer.share, trainer.network)
      let whole = try Maps(
        patches: share.patches.count, network.architecture, inputs: trainer.input.count, engine: network.engine)
      maps = whole
      statistics = try TissueStatistics(trainer.preparation, of: whole.clean.shape, engine: network.engine)
      lesions = [Float](repeating: 0, count: whole.clean.shape.pixels)
      depth = lesions
      random = RandomGenerator(seed: trainer.seed ^ 0x5C0E)
      let shares = share.parts
      parts = try zip(shares, network.followers(shares.count)).map { part, network in
        Part(
          network: network, scoreNetwork: ScoreNetwork(following: trainer.scoreNetwork, engine: network.engine),
          maps: try Maps(share.places(of: part), of: whole, engine: network.engine))
      }
      gradients = PartialGradients(trainer.scoreNetwork.parameters, copies: parts.map(\.scoreNetwork.parameters))
    }
  }

  /// Some patches of the batch, and copies of the networks for them.
  private struct Part {
    let network: VAE
    let scoreNetwork: ScoreNetwork
    let maps: Maps
  }

  private func step(_ batch: Batch, rate: Float) throws -> (loss: Double, norm: Float) {
    do { return try update(batch, rate: rate) } catch {
      ranks?.breakOff()
      throw error
    }
  }

  private func update(_ batch: Batch, rate: Float) throws -> (loss: Double, norm: Float) {
    let maps = batch.maps
    let units = source.fillPlanted(
      maps.clean, lesions: &batch.lesions, depth: &batch.depth, planter: planter, share: share, using: &batch.random)
    _ = try Parallel.apart(batch.parts) { part in
      var none: RandomGenerator?
      part.maps.reconstruction.copy(from: try part.network.forward(part.maps.clean, sampling: &none))
      for (target, map) in zip(part.maps.divergences, part.network.divergenceMaps) { target.copy(from: map) }
    }
    batch.depth.withUnsafeBufferPointer { depth in
      batch.statistics.fill(of: maps.clean, depth: depth, units: units)
      input.fill(
        scan: maps.clean, reconstruction: maps.reconstruction, divergences: maps.divergences, depth: depth,
        statistics: batch.statistics, into: maps.shown)
    }
    _ = try Parallel.apart(batch.parts) { part in
      part.maps.logits.copy(from: try part.scoreNetwork.forward(part.maps.shown))
    }
    let loss = try Self.loss(maps.logits, lesions: batch.lesions, gradient: maps.gradient, ranks: ranks)
    func backward() throws {
      _ = try Parallel.apart(batch.parts) { part in try part.scoreNetwork.backward(part.maps.gradient) }
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
