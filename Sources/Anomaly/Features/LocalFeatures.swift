import Compute
import Foundation
import Imaging
import Numerics
import Threads

/// How unusual the features around each pixel are among healthy tissue, by a network that was trained on photographs.
///
/// A scan is doubled in size, and described on cells of 4 x 4 of its pixels by the network's features of three sizes,
/// each smoothed over 3 x 3. `FeatureDensity` says how unusual a cell is. The network sees the scan as a whole, or
/// squares of 384 pixels of a larger one: on smaller patches its features are those of the patch's edges.
package final class LocalFeatures {
  let density: FeatureDensity
  private let network: FeatureNetwork
  private let whitening: FixedConvolution

  /// Pixels of a scan along the edge of a cell.
  private static let cell = 4
  /// How much a scan is enlarged.
  private static let scale = 2
  /// The longest edge that the network sees at once, in pixels of the scan.
  private static let longestEdge = 384
  /// Values beyond this range count as its ends.
  private static let resultRange: ClosedRange<Float> = -6...12
  /// Mean and standard deviation of the colors that the network was trained on.
  private static let (colorMeans, colorDeviations): ([Float], [Float]) = (
    [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
  )
  /// Share of the intensities of healthy tissue that is darker than what the network sees as black, and that is brighter
  /// than white.
  private static let cutShare = 0.005
  private static let mostCells = 16_000
  /// The most squares that are learned from, if every scan has one.
  private static let mostPatches = 1_000
  /// The most scans that are learned from.
  private static let mostScans = 500
  /// Scans with more channels have no colors.
  package static let mostChannels = 3

  /// The warning where features were to be learned and could not be.
  static let tooFew =
    "Features were left out: the training scans show too little tissue to learn how those of healthy tissue are "
    + "distributed."

  var weights: FeatureWeights { network.weights }

  init(_ network: FeatureNetwork, density: FeatureDensity) {
    self.network = network
    self.density = density
    let count = density.mean.count
    whitening = FixedConvolution(
      .init(inputs: count, outputs: count, kernel: 1), weights: density.whitening,
      bias: [Float](repeating: 0, count: count), engine: network.engine)
  }

  /// Learns from healthy scans.
  ///
  /// - Returns: `nil` where there are more than 3 channels, or fewer than 1,000 cells to learn from.
  convenience init?(of scans: [PreparedScan], by network: FeatureNetwork) throws {
    guard let c = scans.first?.image.channels, c <= Self.mostChannels else { return nil }
    let chosen = stride(from: 0, to: scans.count, by: (scans.count + Self.mostScans - 1) / Self.mostScans)
      .map { scans[$0] }
    guard let range = Self.range(of: chosen) else { return nil }
    var found: [[Float]] = []
    for scan in chosen {
      let grid = Self.grid(for: scan.image)
      // A large scan is learned from by some of its squares, evenly spread.
      let patches = stride(
        from: 0, to: grid.count, by: (grid.count * chosen.count + Self.mostPatches - 1) / Self.mostPatches)
      let count = max(Self.mostCells / Self.mostPatches, Self.mostCells / chosen.count / grid.count)
      for patch in patches {
        try Interruption.check()
        let inside = Self.cellsInTissue(of: scan, grid, patch)
        guard !inside.isEmpty else { continue }
        let described = try Self.describe(patch, of: scan, grid, range: range, by: network)
        let (taken, features) = (min(count, inside.count), described.shape.c)
        for i in 0..<taken {
          let place = inside[(2 * i + 1) * inside.count / (2 * taken)] * features
          found.append(Array(described.values[place..<place + features]))
        }
      }
    }
    guard let density = FeatureDensity(of: found, range: range) else { return nil }
    self.init(network, density: density)
  }

  /// The features of a scan as a whole, `[2 x features]`, see `FeatureMoments`.
  func whole(of scan: PreparedScan) throws -> [Float] {
    let grid = Self.grid(for: scan.image)
    var moments = FeatureMoments()
    for patch in 0..<grid.count {
      try Interruption.check()
      let described = try Self.describe(patch, of: scan, grid, range: density.range, by: network)
      moments.add(described, of: Self.cellsInTissue(of: scan, grid, patch))
    }
    return moments.values
  }

  /// - Returns: for each pixel of a scan how many standard deviations the logarithm of its cell's distance lies above
  ///   that of healthy tissue, within -6...12, `[h, w, 1]`, 0 outside tissue; and the same as `whole(of:)`.
  func measure(_ scan: PreparedScan) throws -> (map: Image, whole: [Float]) {
    let grid = Self.grid(for: scan.image)
    let side = grid.patchSize / Self.cell
    var stitcher = PatchStitcher(grid: grid, channels: 1)
    var moments = FeatureMoments()
    for patch in 0..<grid.count {
      let described = try Self.describe(patch, of: scan, grid, range: density.range, by: network)
      moments.add(described, of: Self.cellsInTissue(of: scan, grid, patch))
      standardize(described)
      let white = try whitening.forward(described)
      let (values, count) = (white.split, white.shape.c)
      let unusual = Parallel.map(side * side) { [density] i -> Float in
        let distance = (i * count..<(i + 1) * count).reduce(Float(0)) { $0 + values.start[$1] * values.start[$1] }
        let value = (log(max(distance, FeatureDensity.leastDistance)) - density.middle) / density.scatter
        return Self.resultRange.clip(value)
      }
      Image(width: side, height: side, channels: 1, samples: unusual)
        .resized(width: grid.patchSize, height: grid.patchSize).samples
        .withUnsafeBufferPointer { stitcher.add($0, patch: patch) }
    }
    var result = stitcher.image(pixelSize: scan.image.pixelSize)
    for i in result.samples.indices where scan.depth.values[i] <= 0 { result.samples[i] = 0 }
    return (result, moments.values)
  }

  private func standardize(_ cells: Tensor) {
    let (values, count) = (cells.split, cells.shape.c)
    Parallel.run(chunks: cells.shape.pixels) { [density] cell in
      let cell = values.start + cell * count
      for k in 0..<count { cell[k] = (cell[k] - density.mean[k]) / density.deviation[k] }
    }
  }

  /// The squares of a scan that the network sees, as large as its longer edge where it can see that at once.
  private static func grid(for image: Image) -> PatchGrid {
    let step = FeatureNetwork.granularity / scale
    let edge = min((max(image.width, image.height) + step - 1) / step * step, longestEdge)
    return PatchGrid(width: image.width, height: image.height, patchSize: edge, overlap: edge / 3)
  }

  /// Numbers of a patch's cells whose middle shows tissue of the scan.
  private static func cellsInTissue(of scan: PreparedScan, _ grid: PatchGrid, _ patch: Int) -> [Int] {
    let (origin, side) = (grid.origin(of: patch), grid.patchSize / cell)
    return (0..<side * side).filter { i in
      let (x, y) = (origin.x + i % side * cell + cell / 2, origin.y + i / side * cell + cell / 2)
      return x < scan.image.width && y < scan.image.height && scan.depth[x, y] > 0
    }
  }

  /// The features of a patch's cells, `[1, edge / 4, edge / 4, features]`.
  private static func describe(
    _ patch: Int, of scan: PreparedScan, _ grid: PatchGrid, range: ClosedRange<Float>, by network: FeatureNetwork
  ) throws -> Tensor {
    let (edge, c) = (grid.patchSize, scan.image.channels)
    var values = [Float](repeating: 0, count: edge * edge * c)
    values.withUnsafeMutableBufferPointer { grid.cut(scan.image, into: $0, patches: patch..<patch + 1) }
    let colors = colors(of: values, c, scan.sharedUnits, range)
    let wide = edge * scale
    let x = try Tensor(Shape(1, wide, wide, 3), engine: network.engine)
    let input = Image(width: edge, height: edge, channels: 3, samples: colors).resized(width: wide, height: wide)
    _ = x.values.update(from: input.samples)
    let side = edge / cell
    let result = try Tensor(Shape(1, side, side, FeatureWeights.count), engine: network.engine)
    var first = 0
    for map in try network.forward(x) {
      let (h, w, count) = (map.shape.h, map.shape.w, map.shape.c)
      let smooth = Image(width: w, height: h, channels: count, samples: smoothed(map)).resized(
        width: side, height: side)
      for place in 0..<side * side {
        for k in 0..<count {
          result.values[place * FeatureWeights.count + first + k] = smooth.samples[place * count + k]
        }
      }
      first += count
    }
    return result
  }

  /// The intensities that are seen as black and as white, for all channels together, so that colors stay as they are.
  ///
  /// - Returns: `nil` where there is no tissue, or all of it is equal.
  private static func range(of scans: [PreparedScan]) -> ClosedRange<Float>? {
    let values = Parallel.map(scans.count) { k -> [Float] in
      let (scan, c) = (scans[k], scans[k].image.channels)
      let inside = scan.depth.values.indices.filter { scan.depth.values[$0] > 0 }
      return stride(from: 0, to: inside.count, by: max(1, inside.count / 500)).flatMap { place in
        (0..<c).map { channel in
          intensity(scan.image.samples[inside[place] * c + channel], channel, scan.sharedUnits)
        }.filter(\.isFinite)
      }
    }.flatMap { $0 }.sortedByBits()
    guard !values.isEmpty else { return nil }
    let cut = Int(Double(values.count - 1) * cutShare)
    let (low, high) = (values[cut], values[values.count - 1 - cut])
    return low < high ? low...high : nil
  }

  /// An intensity in shared units, or as it was normalized.
  private static func intensity(_ value: Float, _ channel: Int, _ units: SharedUnits?) -> Float {
    units.map { value * $0.gains[channel] + $0.offsets[channel] } ?? value
  }

  /// The network's input: the channels as red, green and blue. One channel is all three, two are the first two with
  /// their mean.
  ///
  /// - Parameter values: a patch, `[h, w, c]`; `NaN`, which is no data, counts as 0.
  private static func colors(
    of values: [Float], _ c: Int, _ units: SharedUnits?, _ range: ClosedRange<Float>
  ) -> [Float] {
    let (count, width) = (values.count / c, range.upperBound - range.lowerBound)
    var result = [Float](repeating: 0, count: 3 * count)
    for pixel in 0..<count {
      func value(_ channel: Int) -> Float {
        let value = values[pixel * c + channel]
        return (intensity(value.isNaN ? 0 : value, channel, units) - range.lowerBound) / width
      }
      for color in 0..<3 {
        let shown = c == 2 && color == 2 ? (value(0) + value(1)) / 2 : value(min(color, c - 1))
        result[3 * pixel + color] = (min(max(shown, 0), 1) - colorMeans[color]) / colorDeviations[color]
      }
    }
    return result
  }

  /// Means over 3 x 3, of what lies within the map at its edges.
  private static func smoothed(_ map: Tensor) -> [Float] {
    let (h, w, count) = (map.shape.h, map.shape.w, map.shape.c)
    var result = [Float](repeating: 0, count: h * w * count)
    let source = map.values
    for y in 0..<h {
      for x in 0..<w {
        let (rows, columns) = (max(y - 1, 0)...min(y + 1, h - 1), max(x - 1, 0)...min(x + 1, w - 1))
        let (share, target) = (1 / Float(rows.count * columns.count), (y * w + x) * count)
        for row in rows {
          for column in columns {
            let from = (row * w + column) * count
            for k in 0..<count { result[target + k] += share * source[from + k] }
          }
        }
      }
    }
    return result
  }
}
