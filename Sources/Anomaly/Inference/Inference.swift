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
  /// Lanes, one for each thread, made when they are needed.
  private var lanes: [InferenceLane] = []
  /// Outputs of the lanes for the patches of a round.
  private var found: [InferenceLane.Output] = []

  /// More patches in a round would let threads wait less for each other at its end, and hold more outputs.
  private static let patchesOfLane = 4
  /// Most threads that run networks side by side; each takes some 25 MB.
  static let mostLanes = 32
  var lanesAllowed = mostLanes

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

  /// Runs the networks over `count` patches; every thread runs them for patches of its own.
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
    try makeLanes(count)
    let passes = (settings.flips ? [false, true] : [false]).flatMap { isMirrored in
      (0..<max(1, settings.samples)).map { InferenceLane.Pass(isMirrored: isMirrored, sample: $0) }
    }
    let samples = settings.samples > 0
    var next = 0
    while next < count {
      try Interruption.check()
      let (first, n) = (next, min(found.count, count - next))
      let own = (first..<first + n).map(units)
      for pass in passes {
        let encodings = try found.withSplitBuffer { outputs in
          try Parallel.apart(lanes, count: n) { lane, k in
            lane.take(isMirrored: pass.isMirrored) { cut(first + k, $0) }
            // The noise of a patch is the same in every run.
            var generator = samples ? RandomGenerator(seed: UInt64(first + k) << 8 | UInt64(pass.sample)) : nil
            return try lane.run(pass, units: own[k], sampling: &generator, into: outputs[k])
          }
        }
        for k in 0..<n { add(first + k, UnsafeBufferPointer(found[k].values), encodings[k]) }
      }
      next += n
    }
  }

  /// Makes the lanes that so many patches can use.
  private func makeLanes(_ count: Int) throws {
    let networks = try network.followers(min(Parallel.threads, lanesAllowed, count))
    for network in networks.dropFirst(lanes.count) {
      lanes.append(
        try InferenceLane(
          network: network, scoreNetwork: scoreNetwork, preparation: preparation, layout: layout,
          scoreInput: scoreInput, takesGradient: takesGradient, restoration: restoration))
      let size = network.architecture.patchSize
      for _ in 0..<Self.patchesOfLane { found.append(.init(capacity: size * size * layout.count)) }
    }
  }

  /// Runs the networks over one batch of patches, on all threads.
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
    try scoreInput.run(
      network, scoreNetwork, on: scan, depth: depth, units: units, statistics: statistics, in: input,
      sampling: &generator)
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
