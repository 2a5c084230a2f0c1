import Anomaly
import Compute
import Imaging
import Numerics

/// Encodes and decodes whole scans patch by patch. Patches fade into each other as in scoring.
package struct ScanCoder {
  private let generator: PatchGenerator
  private let overlap: Double

  package init(_ generator: PatchGenerator, overlap: Double) {
    self.generator = generator
    self.overlap = overlap
  }

  /// Means of the posteriors of all patches.
  ///
  /// - Parameter scan: a normalized scan; `NaN` counts as 0.
  package func encode(_ scan: Image) throws -> LatentCode {
    var none: RandomGenerator?
    return try encode(scan, sampling: &none)
  }

  /// Draws from the posteriors of all patches, or their means where `generator` is `nil`.
  package func encode(
    _ scan: Image, sampling generator: inout RandomGenerator?
  ) throws -> LatentCode {
    try self.generator.encode(patches(of: scan), sampling: &generator)
  }

  /// Latents of the nearest healthy version of a scan, patch by patch.
  package func nearestHealthy(to scan: Image, by search: LatentSearch) throws -> LatentSearch.Result {
    try search.nearestHealthy(to: patches(of: scan), by: generator)
  }

  private func patches(of scan: Image) -> [Image] {
    let grid = grid(width: scan.width, height: scan.height)
    return (0..<grid.count).map {
      let (x, y) = grid.origin(of: $0)
      return scan.patch(atX: x, y: y, edge: grid.patchSize)
    }
  }

  /// The scan that the latents of its patches decode to, in normalized units.
  package func decode(_ code: LatentCode, width: Int, height: Int) throws -> Image {
    let grid = grid(width: width, height: height)
    precondition(code.count == grid.count, "latents of \(code.count) patches for \(grid.count)")
    let patches = try generator.decode(code)
    var stitcher = PatchStitcher(grid: grid, channels: generator.architecture.channels)
    for (k, patch) in patches.enumerated() {
      patch.samples.withUnsafeBufferPointer { stitcher.add($0, patch: k) }
    }
    return stitcher.image()
  }

  private func grid(width: Int, height: Int) -> PatchGrid {
    PatchGrid(
      width: width, height: height, patchSize: generator.architecture.patchSize, overlapShare: overlap)
  }
}
