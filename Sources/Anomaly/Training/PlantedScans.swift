import Compute
import Imaging
import Numerics

/// Lesions planted in held-out healthy patches, the same every time. Checkpoints and scores are chosen by how well they
/// find these.
///
/// `SyntheticLesions` draws them, so they differ from the lesions that the score network learns from (`LesionPlanter`).
struct PlantedScans: Sendable {
  /// The same patches without lesions.
  let clean: [PreparedScan]
  let scans: [PreparedScan]
  /// Which pixels are lesion.
  let lesions: [Plane<Bool>]

  private static let patches = 64

  /// - Parameter scoring: gives the lesions' radii and borders if a score is learned.
  init(_ set: TrainingSet, architecture: VAE.Architecture, rule: EvidenceRule, scoring: ScoreTrainer.Settings?) {
    let scans = set.heldOut.flatMap(\.views)
    let edge = architecture.patchSize
    let c = architecture.channels
    let generator = SyntheticLesions(
      edge: edge, channels: c, range: set.preparation.normalization.range, radii: scoring?.radii,
      borders: scoring?.borders)
    let variation = ChannelCovariance(of: scans)
    var random = RandomGenerator(seed: 0xC0FFEE)
    var clean: [PreparedScan] = []
    var planted: [PreparedScan] = []
    var lesions: [Plane<Bool>] = []
    for k in 0..<Self.patches {
      let scan = scans[k * scans.count / Self.patches]
      let grid = PatchGrid(width: scan.image.width, height: scan.image.height, patchSize: edge, overlap: 0)
      let patch = Self.patch(of: grid, in: scan, using: &random)
      var samples = [Float](repeating: 0, count: edge * edge * c)
      samples.withUnsafeMutableBufferPointer { grid.cut(scan.image, into: $0, patches: patch..<patch + 1) }
      let cut = Image(width: edge, height: edge, channels: c, samples: samples)
      let healthy = PreparedScan(
        image: cut, tissue: Self.tissue(scan, grid, patch), sharedUnits: scan.sharedUnits)
      let tissue = healthy.tissue.values.map { UInt8($0 ? 1 : 0) }
      let lesion = samples.withUnsafeMutableBufferPointer { patch in
        tissue.withUnsafeBufferPointer {
          generator.plant(into: patch, tissue: $0, along: rule, healthy: variation, using: &random)
        }
      }
      clean.append(healthy)
      planted.append(
        PreparedScan(
          image: Image(width: edge, height: edge, channels: c, samples: samples), tissue: healthy.tissue,
          sharedUnits: scan.sharedUnits))
      lesions.append(Plane(width: edge, height: edge, values: lesion))
    }
    self.clean = clean
    self.scans = planted
    self.lesions = lesions
  }

  /// Index of a patch: the middle one where the scan is hardly larger than a patch, otherwise a random one with tissue
  /// in it.
  private static func patch(of grid: PatchGrid, in scan: PreparedScan, using random: inout RandomGenerator) -> Int {
    guard grid.count > 4 else { return grid.count / 2 }
    for _ in 0..<8 {
      let patch = random.integer(below: grid.count)
      if tissue(scan, grid, patch).share > 0.3 { return patch }
    }
    return grid.count / 2
  }

  /// The tissue of a scan within a patch.
  static func tissue(_ scan: PreparedScan, _ grid: PatchGrid, _ patch: Int) -> TissueMask {
    let mask = Image(scan.tissue.map { $0 ? 1 : 0 })
    var cut = [Float](repeating: 0, count: grid.patchSize * grid.patchSize)
    cut.withUnsafeMutableBufferPointer { grid.cut(mask, into: $0, patches: patch..<patch + 1) }
    return TissueMask(width: grid.patchSize, height: grid.patchSize, values: cut.map { $0 > 0.5 })
  }
}

extension PlantedScans {
  /// Average precision of a network's residuals on the planted lesions.
  func averagePrecision(of network: VAE, preparation: Preparation, rule: EvidenceRule) throws -> Double {
    let inference = Inference(
      network: network, scoreNetwork: nil, preparation: preparation, takesDivergence: false, takesDeviations: false,
      takesTexture: false)
    func residuals(_ scans: [PreparedScan]) throws -> [Residual] {
      zip(scans, try inference.maps(of: scans)).map {
        Residual(of: $0, reconstruction: $1.reconstruction, rule: rule)
      }
    }
    let statistics = ResidualStatistics(
      healthy: try residuals(clean).map { [$0] }, channels: preparation.channels, rule: rule)
    let heat = try residuals(scans).flatMap { statistics.heat(of: $0).values }
    return Metrics.Ranking(scores: heat, truth: lesions.flatMap(\.values)).averagePrecision ?? 0
  }
}
