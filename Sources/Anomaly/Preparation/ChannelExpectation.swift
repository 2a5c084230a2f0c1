import Compute
import Foundation
import Imaging
import Numerics
import Threads

/// The value and the spread that healthy tissue has in each channel where the other channels are known.
///
/// Both are predicted for a pixel from the other channels, from their means around the pixel, and from its depth below
/// the tissue's surface. A lesion that changes one channel, or several in another way than healthy tissue varies, lies
/// many spreads from the prediction. Value and logarithm of the spread are ridge regressions on rectified random
/// projections of the inputs, so that both are solved for at once. Sources: Huang, Zhu, Siew 2006,
/// doi:10.1016/j.neucom.2005.12.126, for the projections; Liang et al. 2023, arXiv:2308.16150, for channels predicted
/// from each other.
package struct ChannelExpectation: Codable, Sendable, Equatable {
  /// Mean and standard deviation over healthy tissue of the inputs: each channel in normalized intensity, each channel's
  /// local mean in units of the channel's deviation, and depth in pixels; `[2 c + 1]`.
  private let means: [Float]
  private let deviations: [Float]
  /// Random projections of the inputs of a channel, `[projections, inputs]`, and the number added to each.
  private let projections: [Float]
  private let offsets: [Float]
  /// Weights of value and logarithm of the spread, by channel: of 1, of each input, and of each rectified projection.
  private let values: [[Float]]
  private let spreads: [[Float]]
  /// Share of each channel's variance over healthy tissue that the prediction explains, in -1000...1; 0 for a channel
  /// that does not vary.
  package let explained: [Double]

  /// How closely healthy tissue ties the channels to each other: the mean of `explained`, in 0...1.
  var tie: Float { Float(min(max(explained.reduce(0, +) / Double(explained.count), 0), 1)) }

  /// Numbers of channels for which there is an expectation.
  private static let channelCounts = 2...16
  private static let projectionCount = 64
  /// Standard deviation of the Gaussian for local means, in pixels.
  private static let reach: Float = 5
  /// Greater depths count as this depth, in pixels.
  private static let greatestDepth: Float = 30
  /// Pixels nearer to the tissue's edge are not learned from.
  private static let leastDepth: Float = 2
  private static let mostPixels = 60_000
  private static let fewestPixels = 2_000
  private static let ridge = 1e-4
  /// Added to a deviation from the value before its logarithm is taken, in deviations of the channel.
  private static let leastSpread: Float = 0.05
  /// Range of inputs, in deviations; inputs beyond it count as its ends.
  private static let inputRange: ClosedRange<Float> = -4...4
  private static let resultRange: ClosedRange<Float> = -12...12
  /// Channels of which the others explain a greater share are copies of each other, but for noise.
  private static let copied = 0.98
  /// A column with a smaller standard deviation counts as constant.
  private static let leastDeviation: Float = 1e-6

  private typealias Lanes = SIMD16<Float>

  private var channels: Int { values.count }

  /// Learns from healthy scans.
  ///
  /// - Returns: `nil` where there is one channel or more than 16, where all channels are copies of each other, and where
  ///   there are fewer than 2,000 pixels to learn from.
  package init?(of scans: [PreparedScan]) {
    let c = scans.first?.image.channels ?? 0
    guard Self.channelCounts.contains(c) else { return nil }
    let perScan = max(1, Self.mostPixels / scans.count)
    let pixels = Parallel.map(scans.count) { k -> [Int] in
      let scan = scans[k]
      let all = scan.depth.values.indices.filter { pixel in
        scan.depth.values[pixel] > Self.leastDepth
          && (0..<c).allSatisfy { scan.image.samples[pixel * c + $0].isFinite }
      }
      let count = min(perScan, all.count)
      return (0..<count).map { all[(2 * $0 + 1) * all.count / (2 * count)] }
    }
    guard pixels.reduce(0, { $0 + $1.count }) >= Self.fewestPixels else { return nil }
    let (ownMeans, ownDeviations) = Self.moments(
      zip(scans, pixels).flatMap { scan, pixels in
        pixels.map { pixel in (0..<c).map { scan.image.samples[pixel * c + $0] } }
      })
    let raw = Parallel.map(scans.count) { k -> [[Float]] in
      let scan = scans[k]
      let image = Self.standardized(
        scan.image, depth: scan.depth.values, means: ownMeans, deviations: ownDeviations)
      let local = image.blurred(sigma: Self.reach)
      return pixels[k].map { pixel in
        let own = pixel * c..<(pixel + 1) * c
        return image.samples[own] + local.samples[own] + [min(scan.depth.values[pixel], Self.greatestDepth)]
      }
    }.flatMap { $0 }
    let (means, deviations) = Self.moments(raw.map { Array($0[c...]) })
    self.means = ownMeans + means
    self.deviations = ownDeviations + deviations
    let inputs = raw.map { row in
      row.indices.map { i in Self.inputRange.clip(i < c ? row[i] : (row[i] - means[i - c]) / deviations[i - c]) }
    }

    var random = RandomGenerator(seed: 0xC0DE)
    let count = 2 * (c - 1) + 1
    let projections = (0..<Self.projectionCount * count).map { _ in
      1.5 / Float(count).squareRoot() * random.normal()
    }
    let offsets = (0..<Self.projectionCount).map { _ in random.uniform(-1.5, 1.5) }
    self.projections = projections
    self.offsets = offsets
    let solved = Parallel.map(c) { channel -> (value: [Float], spread: [Float], explained: Double) in
      let chosen = Self.inputs(of: channel, channels: c)
      let rows = inputs.map { row in
        Self.regressors(chosen.map { row[$0] }, projections: projections, offsets: offsets)
      }
      let target = raw.map { $0[channel] }
      let gram = Self.gram(rows)
      let value = Self.solve(gram, rows, target)
      let rest = zip(rows, target).map { row, target in target - zip(row, value).reduce(0) { $0 + $1.0 * $1.1 } }
      let spread = Self.solve(gram, rows, rest.map { log(abs($0) + Self.leastSpread) })
      // The variance of the target is 1, unless the channel does not vary: then there is nothing to explain.
      let varies = zip(target, target.dropFirst()).contains { $0 != $1 }
      let left = rest.reduce(0.0) { $0 + Double($1 * $1) } / Double(rest.count)
      return (value, spread, varies ? 1 - left : 0)
    }
    values = solved.map(\.value)
    spreads = solved.map(\.spread)
    explained = solved.map(\.explained)
    if explained.allSatisfy({ $0 > Self.copied }) { return nil }
  }

  /// Whether all parts, read from a file, have the sizes and ranges that `fill` relies on.
  package func fits(channels c: Int) -> Bool {
    let inputs = 2 * (c - 1) + 1
    return Self.channelCounts.contains(c) && means.count == 2 * c + 1 && deviations.count == means.count
      && projections.count == offsets.count * inputs && values.count == c
      && spreads.count == c && (values + spreads).allSatisfy { $0.count == 1 + inputs + offsets.count }
      && explained.count == c && explained.allSatisfy { (-1e3...1).contains($0) }
      && deviations.allSatisfy { $0 >= Self.leastDeviation }
      && (means + deviations + projections + offsets).allSatisfy(\.isFinite)
      && (values + spreads).joined().allSatisfy(\.isFinite)
  }

  /// How far each pixel lies from what is expected of it, in expected spreads, within ±12.
  ///
  /// - Parameters:
  ///   - result: receives the deviations, `[n, h, w, c]`; 0 outside tissue.
  ///   - scans: normalized intensities without `NaN`, `[n, h, w, c]`.
  ///   - depth: distance below the tissue's surface in pixels, `[n, h, w]`; 0 outside tissue.
  package func fill(_ result: Tensor, of scans: Tensor, depth: UnsafeBufferPointer<Float>) {
    let shape = scans.shape
    precondition(shape.c == channels && result.shape == shape && depth.count == shape.pixels)
    let (patches, depth, results) = (scans.split, ReadBuffer(depth), result.split)
    let pixels = shape.h * shape.w
    Parallel.run(chunks: shape.n) { n in
      fill(
        results.start + n * pixels * shape.c, of: patches.start + n * pixels * shape.c,
        depth: (0..<pixels).map { depth[n * pixels + $0] }, width: shape.w, height: shape.h)
    }
  }

  /// - Parameters:
  ///   - result: receives the deviations, `[height, width, c]`.
  ///   - patch: `[height, width, c]`.
  ///   - depth: `[height, width]`.
  private func fill(
    _ result: UnsafeMutablePointer<Float>, of patch: UnsafePointer<Float>, depth: [Float], width: Int, height: Int
  ) {
    let (c, pixels) = (channels, width * height)
    let image = Self.standardized(
      Image(
        width: width, height: height, channels: c,
        samples: Array(UnsafeBufferPointer(start: patch, count: pixels * c))),
      depth: depth, means: means, deviations: deviations)
    let local = image.blurred(sigma: Self.reach)
    let chosen = (0..<c).map { Self.inputs(of: $0, channels: c) }
    let spans = stride(from: 0, to: pixels, by: Lanes.scalarCount)
    for first in spans {
      let lanes = min(Lanes.scalarCount, pixels - first)
      guard (first..<first + lanes).contains(where: { depth[$0] > 0 }) else {
        for i in first * c..<(first + lanes) * c { result[i] = 0 }
        continue
      }
      var inputs = [Lanes](repeating: .zero, count: 2 * c + 1)
      for lane in 0..<lanes {
        let pixel = first + lane
        for channel in 0..<c {
          inputs[channel][lane] = Self.inputRange.clip(image.samples[pixel * c + channel])
          inputs[c + channel][lane] = Self.inputRange.clip(
            (local.samples[pixel * c + channel] - means[c + channel]) / deviations[c + channel])
        }
        inputs[2 * c][lane] = Self.inputRange.clip(
          (min(depth[pixel], Self.greatestDepth) - means[2 * c]) / deviations[2 * c])
      }
      for channel in 0..<c {
        let (value, spread) = predict(chosen[channel].map { inputs[$0] }, values[channel], spreads[channel])
        for lane in 0..<lanes {
          let pixel = first + lane
          let deviation = (image.samples[pixel * c + channel] - value[lane]) / exp(spread[lane])
          result[pixel * c + channel] = depth[pixel] > 0 ? Self.resultRange.clip(deviation) : 0
        }
      }
    }
  }

  /// Value and logarithm of the spread for sixteen pixels.
  private func predict(_ inputs: [Lanes], _ value: [Float], _ spread: [Float]) -> (value: Lanes, spread: Lanes) {
    let n = inputs.count
    return inputs.withUnsafeBufferPointer { inputs in
      projections.withUnsafeBufferPointer { projections in
        value.withUnsafeBufferPointer { value in
          spread.withUnsafeBufferPointer { spread in
            var (sum, logarithm) = (Lanes(repeating: value[0]), Lanes(repeating: spread[0]))
            for i in 0..<n {
              sum.addProduct(inputs[i], Lanes(repeating: value[1 &+ i]))
              logarithm.addProduct(inputs[i], Lanes(repeating: spread[1 &+ i]))
            }
            for j in offsets.indices {
              var projection = Lanes(repeating: offsets[j])
              for i in 0..<n { projection.addProduct(inputs[i], Lanes(repeating: projections[j &* n &+ i])) }
              projection.replace(with: 0, where: projection .< 0)
              sum.addProduct(projection, Lanes(repeating: value[1 &+ n &+ j]))
              logarithm.addProduct(projection, Lanes(repeating: spread[1 &+ n &+ j]))
            }
            return (sum, logarithm)
          }
        }
      }
    }
  }

  /// Places of a channel's inputs among all: the other channels, their local means, and depth.
  private static func inputs(of channel: Int, channels c: Int) -> [Int] {
    (0...2 * c).filter { $0 % c != channel || $0 == 2 * c }
  }

  private static func regressors(_ inputs: [Float], projections: [Float], offsets: [Float]) -> [Float] {
    let n = inputs.count
    return [1] + inputs
      + offsets.indices.map { j in
        max(0, (0..<n).reduce(offsets[j]) { $0 + inputs[$1] * projections[j * n + $1] })
      }
  }

  /// The image in deviations of its channels; 0 outside tissue and where there is no data.
  private static func standardized(
    _ image: Image, depth: some RandomAccessCollection<Float>, means: [Float], deviations: [Float]
  ) -> Image {
    var result = image
    let c = image.channels
    for (pixel, depth) in depth.enumerated() {
      for channel in 0..<c {
        let i = pixel * c + channel
        result.samples[i] =
          depth > 0 && image.samples[i].isFinite ? (image.samples[i] - means[channel]) / deviations[channel] : 0
      }
    }
    return result
  }

  /// Mean and standard deviation of each column; a column that does not vary has a deviation of 1.
  private static func moments(_ rows: [[Float]]) -> (means: [Float], deviations: [Float]) {
    let columns = rows.first?.indices ?? 0..<0
    let means = columns.map { column in rows.reduce(0.0) { $0 + Double($1[column]) } / Double(rows.count) }
    let deviations = columns.map { column -> Float in
      let squares = rows.reduce(0.0) { sum, row in
        let rest = Double(row[column]) - means[column]
        return sum + rest * rest
      }
      let deviation = Float((squares / Double(rows.count)).squareRoot())
      return deviation > leastDeviation ? deviation : 1
    }
    return (means.map { Float($0) }, deviations)
  }

  /// Sums of products of the regressors, with the ridge on all but the constant.
  private static func gram(_ rows: [[Float]]) -> [[Double]] {
    var gram = SquareMatrix.products(of: rows)
    for i in gram.indices.dropFirst() { gram[i][i] += ridge * Double(rows.count) }
    return gram
  }

  private static func solve(_ gram: [[Double]], _ rows: [[Float]], _ target: [Float]) -> [Float] {
    var sums = [Double](repeating: 0, count: gram.count)
    for (row, target) in zip(rows, target) {
      for i in sums.indices { sums[i] += Double(row[i]) * Double(target) }
    }
    return SquareMatrix.solve(gram, sums).map { Float($0) }
  }
}
