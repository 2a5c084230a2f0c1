import Anomaly
import Compute
import Imaging
import Numerics

/// Makes new healthy scans from known ones: by draws around the latents of one scan, or between those of two scans.
///
/// Sources: Kingma & Welling 2014, arXiv:1312.6114 (draws from the posterior); Verma et al. 2019, arXiv:1806.05236
/// (mixing of hidden representations).
package struct Augmenter {
  private let generator: PatchGenerator
  private let coder: ScanCoder

  /// The share of the other scan in a mixture.
  private static let shares: ClosedRange<Float> = 0.2...0.5
  private static let mixed: Float = 0.5

  package init(_ generator: PatchGenerator, overlap: Double) {
    self.generator = generator
    coder = ScanCoder(generator, overlap: overlap)
  }

  /// A new scan on the model's grid, in normalized units.
  ///
  /// - Parameters:
  ///   - scan: normalized; `NaN` counts as 0.
  ///   - other: a scan of the same size that is mixed in half of the time; `nil` if there is none.
  package func scan(
    like scan: Image, mixing other: Image?, using random: inout RandomGenerator
  ) throws -> Image {
    var drawing: RandomGenerator? = RandomGenerator(seed: random.next())
    var code = try coder.encode(scan, sampling: &drawing)
    let share = random.uniform(Self.shares.lowerBound, Self.shares.upperBound)
    if random.chance(Self.mixed), let other {
      code = code.interpolated(to: try coder.encode(other, sampling: &drawing), share: share, isSpherical: true)
    }
    return try coder.decode(code, width: scan.width, height: scan.height)
  }
}
