import Compute
import Numerics
import Threads

/// Copies of the networks, and buffers, with which one thread runs them over patches, one at a time and without the other
/// threads.
final class InferenceLane {
  /// One of the runs over a patch.
  struct Pass: Sendable {
    let isMirrored: Bool
    let sample: Int
  }

  /// The networks' outputs for a patch, `[size, size, layout.count]`.
  final class Output {
    let values: UnsafeMutableBufferPointer<Float>

    init(capacity: Int) {
      values = .allocate(capacity: capacity)
      values.initialize(repeating: 0)
    }

    deinit { values.deallocate() }
  }

  private let network: VAE
  private let scoreNetwork: ScoreNetwork?
  private let layout: InferenceMaps.Layout
  private let scoreInput: ScoreInput
  private let takesGradient: Bool
  private let restoration: Restoration?
  private let scan: Tensor
  private let zero: Tensor
  private let shown: Tensor?
  private let statistics: TissueStatistics
  private let workspace: Restoration.Workspace?
  /// The patch as it was cut; `depth` holds its last channel separately.
  private let patch: UnsafeMutableBufferPointer<Float>
  private let depth: UnsafeMutableBufferPointer<Float>

  /// - Parameter network: for this lane alone. The other parameters are those of `Inference`.
  init(
    network: VAE, scoreNetwork: ScoreNetwork?, preparation: Preparation, layout: InferenceMaps.Layout,
    scoreInput: ScoreInput, takesGradient: Bool, restoration: Restoration?
  ) throws {
    let engine = network.engine
    self.network = network
    self.scoreNetwork = scoreNetwork.map { ScoreNetwork(following: $0, engine: engine) }
    (self.layout, self.scoreInput) = (layout, scoreInput)
    (self.takesGradient, self.restoration) = (takesGradient, restoration)
    let size = network.architecture.patchSize
    let shape = Shape(1, size, size, preparation.channels)
    scan = try Tensor(shape, engine: engine)
    zero = try Tensor(shape, engine: engine)
    shown = scoreNetwork == nil ? nil : try Tensor(Shape(1, size, size, scoreInput.count), engine: engine)
    statistics = try TissueStatistics(
      preparation, of: shape, takesDeviations: scoreNetwork != nil || !layout.deviations.isEmpty,
      takesTexture: scoreNetwork != nil || !layout.texture.isEmpty, engine: engine)
    workspace = restoration == nil ? nil : try Restoration.Workspace(shape, network: network)
    patch = .allocate(capacity: size * size * (preparation.channels + 1))
    depth = .allocate(capacity: size * size)
  }

  deinit {
    patch.deallocate()
    depth.deallocate()
  }

  /// Takes a patch, `[size, size, channels + 1]`: intensities, 0 where there is no data, and depth.
  func take(isMirrored: Bool, _ cut: (UnsafeMutableBufferPointer<Float>) -> Void) {
    cut(patch)
    let (size, c) = (scan.shape.w, scan.shape.c)
    let (source, target) = (patch, scan.values)
    for row in stride(from: 0, to: size * size, by: size) {
      for x in 0..<size {
        let from = (row &+ (isMirrored ? size &- 1 &- x : x)) &* (c + 1)
        for channel in 0..<c { target[(row &+ x) &* c &+ channel] = source[from &+ channel] }
        depth[row &+ x] = source[from &+ c]
      }
    }
  }

  /// Runs the networks over the patch that was taken.
  ///
  /// - Parameters:
  ///   - units: those of the patch's scan.
  ///   - output: receives the outputs. The restored patch is computed in the first pass alone, because it does not depend
  ///     on draws of the latent.
  func run(
    _ pass: Pass, units: SharedUnits?, sampling generator: inout RandomGenerator?, into output: Output
  ) throws -> PatchEncoding {
    let (y, logits) = try scoreInput.run(
      network, scoreNetwork, on: scan, depth: UnsafeBufferPointer(depth), units: [units], statistics: statistics,
      in: shown, sampling: &generator)
    let encoding = encoding
    let scales = network.scales
    let gradient =
      takesGradient
      ? try network.backwardToInput(
        zero, scaleGradient: scales == nil ? nil : zero,
        divergenceWeights: [Float](repeating: 1, count: network.architecture.widths.count), freeNats: 0) : nil
    let isMirrored = pass.isMirrored
    let (size, channels) = (scan.shape.w, scan.shape.c)
    let count = layout.count
    /// Writes the first `samples` of the `width` channels that a map has.
    func put(_ samples: Int, of map: Tensor, with width: Int? = nil, to first: Int) {
      let (source, width, target) = (map.values, width ?? samples, output.values)
      for row in 0..<size {
        for column in 0..<size {
          let from = (row &* size &+ (isMirrored ? size &- 1 &- column : column)) &* width
          let to = (row &* size &+ column) &* count &+ first
          for c in 0..<samples { target[to &+ c] = source[from &+ c] }
        }
      }
    }
    put(channels, of: y, to: layout.reconstruction.lowerBound)
    if let scales { put(channels, of: scales, to: layout.scales.lowerBound) }
    if let logits { put(1, of: logits, to: layout.logit.lowerBound) }
    if !layout.deviations.isEmpty, let map = statistics.deviations {
      put(channels, of: map, to: layout.deviations.lowerBound)
    }
    if !layout.texture.isEmpty, let map = statistics.texture {
      put(1, of: map, with: LocalTexture.count, to: layout.texture.lowerBound)
    }
    if let gradient {
      put(channels, of: gradient, to: layout.gradient.lowerBound)
      for pixel in 0..<size * size {
        for c in layout.gradient { output.values[pixel * count + c] = abs(output.values[pixel * count + c]) }
      }
    }
    for (stage, map) in network.divergenceMaps.enumerated() where stage < layout.divergence.count {
      let (h, w) = (map.shape.h, map.shape.w)
      let share = Float(h * w) / Float(size * size)
      for row in 0..<size {
        let cells = row * h / size * w
        for column in 0..<size {
          let x = isMirrored ? size - 1 - column : column
          output.values[(row * size + column) * count + layout.divergence.lowerBound + stage] =
            map.values[cells + x * w / size] * share
        }
      }
    }
    if pass.sample == 0, let restoration, let workspace {
      // Restoration comes last: it runs the network again, which overwrites the outputs used above.
      try restoration.restore(scan, by: network, in: workspace)
      put(channels, of: workspace.restored, to: layout.restored.lowerBound)
    }
    return encoding
  }

  /// Mean of each latent channel of the patch in the last run; its weight is the share of the patch that is tissue.
  private var encoding: PatchEncoding {
    var means: [Float] = []
    for latent in network.latents {
      guard let latent else { continue }
      let (k, cells) = (latent.shape.c, latent.shape.h * latent.shape.w)
      for c in 0..<k {
        var sum: Float = 0
        for cell in 0..<cells { sum += latent.values[cell * k + c] }
        means.append(sum / Float(cells))
      }
    }
    return PatchEncoding(values: means, weight: Float(depth.count { $0 > 0 }) / Float(depth.count))
  }
}

/// A short description of a patch's latents.
struct PatchEncoding {
  /// Mean of each latent channel.
  let values: [Float]
  /// Share of the patch that is tissue.
  let weight: Float
}
