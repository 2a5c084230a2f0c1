import Compute
import Imaging
import Numerics
import Threads

/// Cuts, augments and corrupts batches of patches.
package final class PatchSource: Sendable {
  private let scans: [PreparedScan]
  private let edge: Int
  private let channels: Int
  /// Running sum of the number of patches that each scan counts for, so that larger scans are drawn more often.
  private let worth: [Float]
  private let lesions: SyntheticLesions
  private let augmentation: Augmentation
  private let range: ClosedRange<Float>

  /// - Parameters:
  ///   - edge: edge of a patch in pixels of the model's grid.
  ///   - range: see `Normalization.range`.
  package init(
    _ scans: [PreparedScan], edge: Int, channels: Int, range: ClosedRange<Float>, augmentation: Augmentation = .mirror
  ) {
    self.augmentation = augmentation
    self.range = range
    self.scans = scans
    self.edge = edge
    self.channels = channels
    var sum: Float = 0
    worth = scans.map { scan in
      sum += max(1, Float(scan.image.width * scan.image.height) / Float(edge * edge) * Float(scan.tissue.share))
      return sum
    }
    lesions = SyntheticLesions(edge: edge, channels: channels, range: range)
  }

  /// Number of patches in one pass over the scans.
  var patchesPerEpoch: Int { max(1, Int(worth.last ?? 1)) }

  /// Fills a batch: `clean` is the target of reconstruction (`NaN` where there is no data), `corrupted` the encoder's
  /// input. Both are `[n, edge, edge, c]`.
  ///
  /// - Parameters:
  ///   - corrupting: whether to corrupt the input; if not, the encoder gets the clean patch, 0 where there is no data.
  ///   - share: which patches of the batch to make; `nil` for all. The generator advances as if all were made.
  package func fill(
    clean: Tensor, corrupted: Tensor, corrupting: Bool = true, share: BatchShare? = nil,
    using random: inout RandomGenerator
  ) {
    let seeds = Self.seeds(share ?? BatchShare(of: clean.shape.n), using: &random)
    let (patches, targets, inputs) = (clean.shape.n, clean.split, corrupted.split)
    Parallel.run(chunks: patches) { k in
      var random = RandomGenerator(seed: seeds[k])
      let (target, input) = (targets.part(k, of: patches), inputs.part(k, of: patches))
      let (tissue, _) = self.cut(into: target, using: &random)
      _ = input.update(fromContentsOf: target)
      if corrupting {
        tissue.withUnsafeBufferPointer { tissue in
          if random.chance(0.5) { self.lesions.plant(into: input, tissue: tissue, using: &random) }
          if random.chance(0.5) {
            self.lesions.addCoarseNoise(
              to: input, tissue: tissue, deviation: random.uniform(0.05, 0.25), using: &random)
          }
        }
      }
      for i in input.indices where input[i].isNaN { input[i] = 0 }
    }
  }

  /// Fills a batch of healthy patches with lesions planted in some.
  ///
  /// - Parameters:
  ///   - scans: receives intensities, 0 where there is no data, `[n, edge, edge, c]`.
  ///   - lesions: receives 1 where a pixel is lesion, `[n, edge, edge]`.
  ///   - depth: receives the distance below the surface of the tissue in pixels, 0 outside tissue, `[n, edge, edge]`.
  ///   - share: which patches of the batch to make; the generator advances as if all were made.
  /// - Returns: the units of each patch's scan.
  func fillPlanted(
    _ scans: Tensor, lesions: inout [Float], depth: inout [Float], planter: LesionPlanter, share: BatchShare,
    using random: inout RandomGenerator
  ) -> [SharedUnits?] {
    let (shape, patches) = (scans.shape, scans.split)
    let pixels = shape.h * shape.w
    let seeds = Self.seeds(share, using: &random)
    return lesions.withSplitBuffer { lesions in
      depth.withSplitBuffer { depth in
        Parallel.map(shape.n) { k in
          var random = RandomGenerator(seed: seeds[k])
          let patch = patches.part(k, of: shape.n)
          var (tissue, units) = self.cut(into: patch, using: &random)
          for pixel in 0..<pixels where (0..<shape.c).contains(where: { patch[pixel * shape.c + $0].isNaN }) {
            tissue[pixel] = 0
          }
          let planted = tissue.withUnsafeBufferPointer { planter.plant(into: patch, tissue: $0, using: &random) }
          let mask = TissueMask(width: shape.w, height: shape.h, values: tissue.map { $0 != 0 })
          for (pixel, distance) in mask.depth.values.enumerated() {
            lesions[k * pixels + pixel] = planted[pixel]
            depth[k * pixels + pixel] = distance
          }
          for i in patch.indices where patch[i].isNaN { patch[i] = 0 }
          return units
        }
      }
    }
  }

  /// Seeds of the patches in a share.
  private static func seeds(_ share: BatchShare, using random: inout RandomGenerator) -> [UInt64] {
    Array((0..<share.batch).map { _ in random.next() }[share.patches])
  }

  /// Cuts a random patch in a random pose and scales its channels a little.
  ///
  /// - Parameter target: receives the patch, `[edge, edge, c]`; `NaN` where there is no data.
  /// - Returns: 1 where there is tissue, `[edge, edge]`, and the units of the patch's scan.
  package func cut(
    into target: UnsafeMutableBufferPointer<Float>, using random: inout RandomGenerator
  ) -> (tissue: [UInt8], units: SharedUnits?) {
    let scan = scans[draw(&random)]
    let (width, height) = (scan.image.width, scan.image.height)
    var origin = (x: 0, y: 0)
    // Empty patches teach nothing, so a few places are tried to find one with tissue at its center.
    for _ in 0..<8 {
      origin = (place(width, &random), place(height, &random))
      let middle = min(max(origin.y + edge / 2, 0), height - 1) * width + min(max(origin.x + edge / 2, 0), width - 1)
      if scan.tissue.values[middle] { break }
    }
    let flips = random.chance(0.5)
    let gains = augmentation.gains(channels: channels, using: &random)
    var tissue = [UInt8](repeating: 0, count: edge * edge)
    if let limits = augmentation.pose {
      let pose = PatchPose(origin: origin, edge: edge, flips: flips, limits: limits, using: &random)
      interpolate(scan, in: pose, gains: gains, into: target, tissue: &tissue)
      if augmentation.variesLight {
        PatchLight.vary(target, edge: edge, channels: channels, range: range, using: &random)
      }
      return (tissue, scan.sharedUnits)
    }
    for y in 0..<edge {
      let row = PatchGrid.reflected(origin.y + y, in: height) * width
      for x in 0..<edge {
        let pixel = row + PatchGrid.reflected(origin.x + (flips ? edge - 1 - x : x), in: width)
        tissue[y * edge + x] = scan.tissue.values[pixel] ? 1 : 0
        for c in 0..<channels {
          target[(y * edge + x) * channels + c] = scan.image.samples[pixel * channels + c] * gains[c]
        }
      }
    }
    return (tissue, scan.sharedUnits)
  }

  /// Interpolates intensities bilinearly and takes the tissue of the nearest pixel. A value with any weight on missing
  /// data is missing too.
  private func interpolate(
    _ scan: PreparedScan, in pose: PatchPose, gains: [Float], into target: UnsafeMutableBufferPointer<Float>,
    tissue: inout [UInt8]
  ) {
    let (width, height) = (scan.image.width, scan.image.height)
    scan.image.samples.withUnsafeBufferPointer { samples in
      scan.tissue.values.withUnsafeBufferPointer { isTissue in
        tissue.withUnsafeMutableBufferPointer { tissue in
          for y in 0..<edge {
            for x in 0..<edge {
              let place = pose.place(x: x, y: y)
              let low = place.rounded(.down)
              let t = place - low
              let columns = (
                PatchGrid.reflected(Int(low.x), in: width), PatchGrid.reflected(Int(low.x) + 1, in: width)
              )
              let rows = (
                PatchGrid.reflected(Int(low.y), in: height) * width,
                PatchGrid.reflected(Int(low.y) + 1, in: height) * width
              )
              let corners = SIMD4(
                rows.0 + columns.0, rows.0 + columns.1, rows.1 + columns.0, rows.1 + columns.1)
              let weights = SIMD4((1 - t.x) * (1 - t.y), t.x * (1 - t.y), (1 - t.x) * t.y, t.x * t.y)
              let nearest = (t.y < 0.5 ? rows.0 : rows.1) + (t.x < 0.5 ? columns.0 : columns.1)
              tissue[y * edge + x] = isTissue[nearest] ? 1 : 0
              for c in 0..<channels {
                var sum: Float = 0
                for k in 0..<4 where weights[k] > 0 { sum += weights[k] * samples[corners[k] * channels + c] }
                target[(y * edge + x) * channels + c] = sum * gains[c]
              }
            }
          }
        }
      }
    }
  }

  private func draw(_ random: inout RandomGenerator) -> Int {
    let wanted = random.uniform() * worth[worth.count - 1]
    return min(worth.firstIndex { $0 > wanted } ?? 0, scans.count - 1)
  }

  /// Start of a patch along one edge: anywhere in a larger scan, up to a sixteenth of a patch off in a smaller one.
  private func place(_ length: Int, _ random: inout RandomGenerator) -> Int {
    let slack = max(length - edge, 0)
    let margin = edge / 16
    return random.integer(below: slack + 2 * margin + 1) - margin
  }
}
