import Compute
import Foundation
import Imaging
import Numerics
import Threads

/// Runs the networks over whole scans, patch by patch.
package final class Inference {
  /// Extra passes beyond one pass with the posterior's mean; every pass costs as much as the first.
  package struct Settings: Codable, Sendable, Equatable {
    /// Number of draws of the latent to average over; 0 uses the posterior's mean.
    package var samples = 0
    /// Whether every patch is also run mirrored left to right.
    package var flips = false
    /// Share of a patch's edge by which it overlaps the next patch, in 0...0.75.
    package var overlap = 0.25

    package init() {}

    /// A sentence that says which of these numbers is not supported; `nil` if all are.
    package var fault: String? {
      (0...64).contains(samples) && (0...0.75).contains(overlap)
        ? nil : "\(samples) samples, overlap \(overlap); 0 to 64 and 0 to 0.75 are supported"
    }
  }

  let network: VAE
  let scoreNetwork: ScoreNetwork?
  let preparation: Preparation
  let settings: Settings
  private let scoreInput: ScoreInput
  private let takesGradient: Bool
  private let restoration: Restoration?
  private let features: LocalFeatures?
  let layout: InferenceMaps.Layout
  private var batches: [Int: Batch] = [:]

  /// Numbers of patches per batch, the largest first, which keeps all threads busy. Every size that occurs keeps
  /// buffers of its own, and larger batches are hardly faster.
  private static let batchSizes = [8, 4, 2, 1].filter { $0 <= max(2, Parallel.threads) }

  private struct Batch {
    let scan: Tensor
    let zero: Tensor
    let score: Tensor?
    let statistics: TissueStatistics
    let workspace: Restoration.Workspace?
    /// Patches as they were cut; `depth` holds their last channel separately.
    let patches: UnsafeMutableBufferPointer<Float>
    let depth: UnsafeMutableBufferPointer<Float>
    let output: UnsafeMutableBufferPointer<Float>
    /// Mean of each latent channel of each patch.
    let encodings: UnsafeMutableBufferPointer<Float>

    func deallocate() { for buffer in [patches, depth, output, encodings] { buffer.deallocate() } }
  }

  /// - Parameters:
  ///   - takesDivergence: whether maps of the divergence are kept.
  ///   - takesDeviations: whether maps of the deviations from `ChannelExpectation` are kept, if there is one.
  ///   - takesTexture: whether maps of unusual texture are kept, if texture was learned.
  ///   - takesGradient: whether the gradient of the divergence is computed, which costs a backward pass.
  ///   - restoration: how scans are restored, which costs as much as eight backward passes; `nil` to restore none.
  ///   - features: what says how unusual the features of whole scans are; `nil` to leave them out.
  package init(
    network: VAE, scoreNetwork: ScoreNetwork?, preparation: Preparation, settings: Settings = Settings(),
    takesDivergence: Bool = true, takesDeviations: Bool = true, takesTexture: Bool = true,
    takesGradient: Bool = false, restoration: Restoration? = nil, features: LocalFeatures? = nil
  ) {
    self.restoration = restoration
    self.features = features
    self.network = network
    self.scoreNetwork = scoreNetwork
    self.preparation = preparation
    self.settings = settings
    scoreInput = ScoreInput(network.architecture, preparation: preparation)
    self.takesGradient = takesGradient
    layout = InferenceMaps.Layout(
      channels: preparation.channels, stages: takesDivergence ? scoreInput.stages : 0,
      hasScales: network.architecture.predictsScales,
      takesGradient: takesGradient, restores: restoration != nil, hasScore: scoreNetwork != nil,
      takesDeviations: takesDeviations && preparation.expectation != nil,
      takesTexture: takesTexture && preparation.localTexture != nil)
  }

  deinit { for batch in batches.values { batch.deallocate() } }

  private struct Job {
    let scan: Int
    let patch: Int
  }

  package func maps(of scans: [PreparedScan]) throws -> [InferenceMaps] {
    let size = network.architecture.patchSize
    let grids = scans.map {
      PatchGrid(
        width: $0.image.width, height: $0.image.height, patchSize: size,
        overlapShare: settings.overlap)
    }
    // Intensities and depth are cut together; `NaN` has depth 0 and is replaced by 0.
    let sources = scans.map(Self.withDepth)
    let jobs = grids.indices.flatMap { scan in (0..<grids[scan].count).map { Job(scan: scan, patch: $0) } }
    // A scan is stitched as its patches are finished and split into maps after the last one: holding the sums of all
    // scans at once would take several times the memory of the maps.
    var stitchers: [Int: PatchStitcher] = [:]
    var left = grids.map { $0.count * timesEachPatch }
    var encodings = scans.map { _ in MeanEncoding() }
    var result = [InferenceMaps?](repeating: nil, count: scans.count)
    try run(count: jobs.count, units: { scans[jobs[$0].scan].sharedUnits }) { k, patch in
      let job = jobs[k]
      grids[job.scan].cut(sources[job.scan], into: patch, patches: job.patch..<job.patch + 1)
    } add: { k, values, encoding in
      let job = jobs[k]
      stitchers[job.scan, default: PatchStitcher(grid: grids[job.scan], channels: layout.count)]
        .add(values, patch: job.patch)
      encodings[job.scan].add(encoding)
      left[job.scan] -= 1
      guard left[job.scan] == 0, let whole = stitchers.removeValue(forKey: job.scan) else { return }
      var maps = layout.maps(in: whole.image(pixelSize: scans[job.scan].image.pixelSize))
      maps.encoding = encodings[job.scan].mean
      result[job.scan] = maps
    }
    return try zip(scans, result).map { scan, maps in
      var maps = maps!
      if let found = try features?.measure(scan) { (maps.features, maps.wholeFeatures) = found }
      return maps
    }
  }

  /// Number of times that `run` calls `add` for each patch.
  private var timesEachPatch: Int { (settings.flips ? 2 : 1) * max(1, settings.samples) }

  /// Encodings of the scans that show tissue, see `LatentReference`.
  func encodings(of scans: [PreparedScan]) throws -> [[Float]] {
    let plain = Inference(
      network: network, scoreNetwork: nil, preparation: preparation, settings: settings, takesDivergence: false,
      takesDeviations: false, takesTexture: false)
    var result: [[Float]] = []
    // Run a few scans at a time, because only the encodings are kept and the maps can be freed.
    for first in stride(from: 0, to: scans.count, by: 32) {
      result += try plain.maps(of: Array(scans[first..<min(first + 32, scans.count)])).map(\.encoding).filter {
        !$0.isEmpty
      }
    }
    return result
  }

  /// Runs the networks over `count` patches, in batches that are as large as possible.
  ///
  /// - Parameters:
  ///   - units: the units of a patch's scan.
  ///   - cut: writes a patch, `[size, size, channels + 1]`: intensities, 0 where there is no data, and depth. It is
  ///     called on all threads.
  ///   - add: receives the networks' outputs for a patch, `[size, size, layout.count]`, and its encoding; called more
  ///     than once per patch if patches are sampled or mirrored.
  func run(
    count: Int, units: (Int) -> SharedUnits?, cut: @Sendable (Int, UnsafeMutableBufferPointer<Float>) -> Void,
    add: (Int, UnsafeBufferPointer<Float>, PatchEncoding) -> Void
  ) throws {
    let size = network.architecture.patchSize
    let c = preparation.channels
    var next = 0
    while next < count {
      try Interruption.check()
      let n = Self.batchSizes.first { $0 <= count - next }!
      let batch = try batch(of: n)
      let own = (next..<next + n).map(units)
      let (patches, scans, depths, first) = (
        SplitBuffer(batch.patches), batch.scan.split, SplitBuffer(batch.depth), next
      )
      for isMirrored in settings.flips ? [false, true] : [false] {
        Parallel.run(chunks: n) { k in
          let (patch, scan, depth) = (patches.part(k, of: n), scans.part(k, of: n), depths.part(k, of: n))
          cut(first + k, patch)
          for row in stride(from: 0, to: size * size, by: size) {
            for x in 0..<size {
              let from = (row &+ (isMirrored ? size &- 1 &- x : x)) &* (c + 1)
              for channel in 0..<c { scan[(row &+ x) &* c &+ channel] = patch[from &+ channel] }
              depth[row &+ x] = patch[from &+ c]
            }
          }
        }
        for sample in 0..<max(1, settings.samples) {
          // The noise of a patch depends on its batch. This does no harm, as averages differ by less than their own
          // spread. Repeating the same run gives the same bits.
          var generator = settings.samples > 0 ? RandomGenerator(seed: UInt64(next) << 8 | UInt64(sample)) : nil
          try run(batch, units: own, isMirrored: isMirrored, restores: sample == 0, sampling: &generator)
          let values = size * size * layout.count
          for k in 0..<n {
            add(
              next + k, UnsafeBufferPointer(rebasing: batch.output[k * values..<(k + 1) * values]),
              encoding(ofPatch: k, in: batch))
          }
        }
      }
      next += n
    }
  }

  /// Runs the networks over one batch of patches.
  ///
  /// - Parameters:
  ///   - scan: normalized intensities without `NaN`, `[n, h, w, c]`.
  ///   - depth: distance below the tissue's surface in pixels, `[n, h, w]`; 0 outside tissue.
  ///   - units: those of each patch's scan.
  ///   - input: buffer for the score network's input, `[n, h, w, inputs]`; `nil` without a score network.
  ///   - statistics: receives those of the scan; with a score network it holds all that was learned.
  /// - Returns: the reconstruction and the log-odds of a lesion, valid until the networks run again.
  package func run(
    _ scan: Tensor, depth: UnsafeBufferPointer<Float>, units: [SharedUnits?], input: Tensor?,
    statistics: TissueStatistics, sampling generator: inout RandomGenerator?
  ) throws -> (reconstruction: Tensor, logits: Tensor?) {
    let y = try network.forward(scan, sampling: &generator)
    statistics.fill(of: scan, depth: depth, units: units)
    guard let scoreNetwork, let input else { return (y, nil) }
    scoreInput.fill(
      scan: scan, reconstruction: y, divergences: network.divergenceMaps, depth: depth,
      statistics: statistics, into: input)
    return (y, try scoreNetwork.forward(input))
  }

  /// Fills the batch's output, `[n, size, size, outputs]`.
  ///
  /// - Parameter restores: whether restored scans are computed too. Otherwise those of the previous run stay, because
  ///   they do not depend on draws of the latent.
  private func run(
    _ batch: Batch, units: [SharedUnits?], isMirrored: Bool, restores: Bool, sampling generator: inout RandomGenerator?
  ) throws {
    let (y, logits) = try run(
      batch.scan, depth: UnsafeBufferPointer(batch.depth), units: units, input: batch.score,
      statistics: batch.statistics, sampling: &generator)
    keepEncodings(in: batch)
    let maps = network.divergenceMaps
    let scales = network.scales
    let gradient =
      takesGradient
      ? try network.backwardToInput(
        batch.zero, scaleGradient: scales == nil ? nil : batch.zero,
        divergenceWeights: [Float](repeating: 1, count: network.architecture.widths.count), freeNats: 0) : nil
    let (shape, layout, output) = (batch.scan.shape, layout, SplitBuffer(batch.output))
    let (reconstructed, spreads, logOdds, slopes) = (y.split, scales?.split, logits?.split, gradient?.split)
    let deviations = layout.deviations.isEmpty ? nil : batch.statistics.deviations?.split
    let texture = layout.texture.isEmpty ? nil : batch.statistics.texture?.split
    let cells = maps.map { (values: $0.split, shape: $0.shape) }
    Parallel.run(chunks: shape.n) { n in
      for row in n * shape.h..<(n + 1) * shape.h {
        let target = output.start + row * shape.w * layout.count
        // The first `samples` of the `channels` that a map has.
        func put(_ samples: Int, of map: SplitBuffer<Float>, with channels: Int, to first: Int) {
          let source = map.start + row * shape.w * channels
          for column in 0..<shape.w {
            let x = isMirrored ? shape.w &- 1 &- column : column
            for c in 0..<samples { target[column &* layout.count &+ first &+ c] = source[x &* channels &+ c] }
          }
        }
        func put(_ samples: Int, of map: SplitBuffer<Float>, to first: Int) {
          put(samples, of: map, with: samples, to: first)
        }
        put(shape.c, of: reconstructed, to: layout.reconstruction.lowerBound)
        if let spreads { put(shape.c, of: spreads, to: layout.scales.lowerBound) }
        if let logOdds { put(1, of: logOdds, to: layout.logit.lowerBound) }
        if let deviations { put(shape.c, of: deviations, to: layout.deviations.lowerBound) }
        if let texture { put(1, of: texture, with: LocalTexture.count, to: layout.texture.lowerBound) }
        if let slopes {
          put(shape.c, of: slopes, to: layout.gradient.lowerBound)
          for column in 0..<shape.w {
            for c in layout.gradient { target[column * layout.count + c] = abs(target[column * layout.count + c]) }
          }
        }
        for (stage, map) in cells.enumerated() where stage < layout.divergence.count {
          let (h, w) = (map.shape.h, map.shape.w)
          let cells = map.values.start + (n * h + (row - n * shape.h) * h / shape.h) * w
          for column in 0..<shape.w {
            let x = isMirrored ? shape.w - 1 - column : column
            target[column * layout.count + layout.divergence.lowerBound + stage] =
              cells[x * w / shape.w] * Float(h * w) / Float(shape.h * shape.w)
          }
        }
      }
    }
    guard restores, let restoration, let workspace = batch.workspace else { return }
    // Restoration comes last: it runs the network again, which overwrites the outputs used above.
    try restoration.restore(batch.scan, by: network, in: workspace)
    for row in 0..<shape.n * shape.h {
      for column in 0..<shape.w {
        let from = row * shape.w + (isMirrored ? shape.w - 1 - column : column)
        let to = batch.output.baseAddress! + (row * shape.w + column) * layout.count + layout.restored.lowerBound
        for c in 0..<shape.c { to[c] = workspace.restored.values[from * shape.c + c] }
      }
    }
  }

  /// Mean of each latent channel of a patch in the last run; its weight is the share of the patch that is tissue.
  private func encoding(ofPatch patch: Int, in batch: Batch) -> PatchEncoding {
    let pixels = batch.scan.shape.h * batch.scan.shape.w
    let tissue = batch.depth[patch * pixels..<(patch + 1) * pixels].count { $0 > 0 }
    let width = batch.encodings.count / batch.scan.shape.n
    return PatchEncoding(
      values: Array(batch.encodings[patch * width..<(patch + 1) * width]), weight: Float(tissue) / Float(pixels))
  }

  private func keepEncodings(in batch: Batch) {
    var channel = 0
    let width = batch.encodings.count / batch.scan.shape.n
    for latent in network.latents {
      guard let latent else { continue }
      let (k, cells) = (latent.shape.c, latent.shape.h * latent.shape.w)
      for n in 0..<latent.shape.n {
        for c in 0..<k {
          var sum: Float = 0
          for cell in n * cells..<(n + 1) * cells { sum += latent.values[cell * k + c] }
          batch.encodings[n * width + channel + c] = sum / Float(cells)
        }
      }
      channel += k
    }
  }

  private func batch(of n: Int) throws -> Batch {
    if let known = batches[n] { return known }
    let size = network.architecture.patchSize
    let made = Batch(
      scan: try Tensor(Shape(n, size, size, preparation.channels), engine: network.engine),
      zero: try Tensor(Shape(n, size, size, preparation.channels), engine: network.engine),
      score: scoreNetwork == nil
        ? nil : try Tensor(Shape(n, size, size, scoreInput.count), engine: network.engine),
      statistics: try TissueStatistics(
        preparation, of: Shape(n, size, size, preparation.channels),
        takesDeviations: scoreNetwork != nil || !layout.deviations.isEmpty,
        takesTexture: scoreNetwork != nil || !layout.texture.isEmpty, engine: network.engine),
      workspace: restoration == nil
        ? nil
        : try Restoration.Workspace(Shape(n, size, size, preparation.channels), network: network),
      patches: .allocate(capacity: n * size * size * (preparation.channels + 1)),
      depth: .allocate(capacity: n * size * size),
      output: .allocate(capacity: n * size * size * layout.count),
      encodings: .allocate(capacity: n * network.architecture.latents.reduce(0, +)))
    batches[n] = made
    return made
  }

  /// The scan with depth below the tissue's surface as an additional last channel, and 0 in place of `NaN`.
  private static func withDepth(_ scan: PreparedScan) -> Image {
    let c = scan.image.channels
    var result = Image(width: scan.image.width, height: scan.image.height, channels: c + 1)
    for (pixel, depth) in scan.depth.values.enumerated() {
      for channel in 0..<c {
        let value = scan.image.samples[pixel * c + channel]
        result.samples[pixel * (c + 1) + channel] = value.isNaN ? 0 : value
      }
      result.samples[pixel * (c + 1) + c] = depth
    }
    return result
  }
}

/// A short description of a patch's latents.
struct PatchEncoding {
  /// Mean of each latent channel.
  let values: [Float]
  /// Share of the patch that is tissue.
  let weight: Float
}

/// Mean of the encodings of patches, weighted by their share of tissue.
private struct MeanEncoding {
  private var sums: [Float] = []
  private var weight: Float = 0

  mutating func add(_ patch: PatchEncoding) {
    guard patch.weight > 0 else { return }
    if sums.isEmpty { sums = [Float](repeating: 0, count: patch.values.count) }
    for i in sums.indices { sums[i] += patch.weight * patch.values[i] }
    weight += patch.weight
  }

  var mean: [Float] { sums.map { $0 / weight } }
}
