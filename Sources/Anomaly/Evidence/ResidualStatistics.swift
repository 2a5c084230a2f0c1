import Foundation
import Imaging
import Numerics

/// Distribution of the residuals of healthy tissue: by depth below the tissue's surface, within a scan, and across
/// channels.
///
/// Residuals become evidence in four steps. Standardize by depth with healthy means and deviations. Then, within the
/// scan, subtract the median of each channel and divide by its median absolute deviation. Then combine the channels
/// with the healthy precision matrix. Finally, convert to the standard normal quantile among healthy pixels.
package struct ResidualStatistics: Codable, Sendable, Equatable {
  /// Lower bounds of the depth classes, in pixels of the model's grid.
  package let depths: [Float]
  /// Mean and standard deviation of each depth class and channel.
  package let means: [[Float]]
  package let deviations: [[Float]]
  /// Inverse of the covariance of the standardized residuals, `[c][c]`.
  package let precision: [[Double]]
  /// Evidence at the upper tail probabilities `tails`, over scored healthy pixels; by `tail` where it is used and the
  /// pixels are too few.
  package let quantiles: [Float]
  /// The tail beyond what the pixels can rank.
  package let tail: PixelTail
  package let rule: EvidenceRule

  static let tails: [Double] =
    (1...99).reversed().map { Double($0) / 100 } + [5e-3, 2e-3, 1e-3, 5e-4, 2e-4, 1e-4, 5e-5, 2e-5, 1e-5]
  /// A quantile is taken from the pixels if so many lie above it.
  private static let fewestAbove = 10.0
  /// Tail probability at which groups of pixels become peaks.
  private static let peakTail = 1e-3
  /// Tail probabilities beyond `tails`, at which the scale continues by `tail`.
  private static let farTails = (1...22).map { pow(10, -5 - Double($0) / 2) }
  private static let depthClasses: [Float] = [0, 2, 3, 4, 6, 8, 11, 15, 20, 28]
  /// Weight, in pixels, of the statistics of all depths, which are mixed into those of each depth class. They keep
  /// classes with few pixels stable.
  private static let pseudoPixels = 200.0

  /// Location and spread of a scan's residuals after standardizing by depth, one number per channel.
  package struct Center: Sendable, Equatable {
    let medians: [Float]
    let spreads: [Float]
  }

  /// - Parameter groups: held-out healthy scans; each group is a whole scan or the fields of one scan.
  init(healthy groups: [[Residual]], channels c: Int, rule: EvidenceRule) {
    self.rule = rule
    depths = Self.depthClasses
    let scans = Array(groups.joined())
    (means, deviations) = Self.moments(scans, channels: c)

    var covariance = [[Double]](repeating: [Double](repeating: 0, count: c), count: c)
    var total = 0.0
    let standardized = groups.flatMap { [means, deviations] group in
      guard rule.isStandardized else { return group.map(\.values) }
      let byDepth = group.map { Self.byDepth($0, means: means, deviations: deviations) }
      let center = Self.center(of: byDepth, scans: group)
      return zip(byDepth, group).map { z, scan in
        var z = z
        Self.center(&z, of: scan, at: center)
        return z
      }
    }
    for (scan, z) in zip(scans, standardized) {
      for pixel in scan.depth.values.indices where scan.depth.values[pixel] > rule.erosion {
        total += 1
        for i in 0..<c {
          for j in 0...i { covariance[i][j] += Double(z[pixel * c + i] * z[pixel * c + j]) }
        }
      }
    }
    for i in 0..<c {
      for j in 0...i {
        covariance[i][j] /= max(total, 1)
        covariance[j][i] = covariance[i][j]
      }
      covariance[i][i] += 0.01  // avoids a division by zero for channels that are copies of each other
    }
    precision = SquareMatrix.inverse(covariance)

    let combination = EvidenceRule.Combination(rule, precision: precision)
    var evidence: [Float] = []
    let maps = zip(scans, standardized).map { Self.evidence($0, $1, combination, rule) }
    for (scan, map) in zip(scans, maps) {
      for pixel in map.values.indices where scan.depth.values[pixel] > rule.erosion {
        evidence.append(map.values[pixel])
      }
    }
    evidence = evidence.sortedByBits()
    let ranked = Self.tails.map { tail in
      evidence.isEmpty ? 0 : evidence[min(evidence.count - 1, Int((1 - tail) * Double(evidence.count)))]
    }
    let last = Self.tails.lastIndex { $0 * Double(evidence.count) >= Self.fewestAbove } ?? 0
    let threshold = ranked[min(last, Self.tails.firstIndex(of: Self.peakTail)!)]
    let peaks = zip(scans, maps).flatMap { scan, map in
      PixelTail.peaks(of: map, above: threshold) { scan.depth.values[$0] > rule.erosion }
    }
    let tail = PixelTail(of: peaks, above: threshold, from: ranked[last], probability: Self.tails[last])
    quantiles = Self.tails.indices.map { k in
      k > last && tail.isUsed ? tail.evidence(exceededBy: Self.tails[k]) : ranked[k]
    }
    self.tail = tail
  }

  /// Whether all parts, read from a file, have the sizes and ranges that `heat` relies on.
  func fits(channels c: Int) -> Bool {
    depths == Self.depthClasses && means.count == depths.count && deviations.count == depths.count
      && (means + deviations).allSatisfy { $0.count == c } && deviations.joined().allSatisfy { $0 > 0 }
      && precision.count == c && precision.allSatisfy { $0.count == c } && quantiles.count == Self.tails.count
      && tail.isSound
      && rule.channelWeights.map { $0.count == c } ?? true && (0...64).contains(rule.smoothing)
  }

  /// Center of a whole scan, estimated from fields of it; `nil` if the rule does not standardize or there is too little
  /// tissue.
  func center(of fields: [Residual]) -> Center? {
    guard rule.isStandardized else { return nil }
    return Self.center(
      of: fields.map { Self.byDepth($0, means: means, deviations: deviations) }, scans: fields)
  }

  /// Evidence of every pixel as the standard normal quantile of its rank among healthy pixels; 0 where pixels are not
  /// scored.
  ///
  /// - Parameter center: center of the scan that `scan` is a part of; `nil` for a whole scan.
  func heat(of scan: Residual, center: Center? = nil) -> Plane<Float> {
    var z = scan.values
    if rule.isStandardized {
      z = Self.byDepth(scan, means: means, deviations: deviations)
      Self.center(&z, of: scan, at: center ?? Self.center(of: [z], scans: [scan]))
    }
    var heat = Self.evidence(scan, z, EvidenceRule.Combination(rule, precision: precision), rule)
    let far = tail.isUsed ? Self.farTails.map(tail.evidence) : []
    let scale = NormalScale(
      quantiles: quantiles, normals: Self.tailQuantiles,
      beyond: Array(zip(far, Self.farTailQuantiles)))
    heat.values.withUnsafeMutableBufferPointer { heat in
      scan.depth.values.withUnsafeBufferPointer { depth in scale.bringToNormals(heat) { depth[$0] > rule.erosion } }
    }
    return heat
  }

  private static let tailQuantiles: [Float] = tails.map { Float(NormalDistribution.quantile(1 - $0)) }
  private static let farTailQuantiles: [Float] = farTails.map { Float(-NormalDistribution.quantile($0)) }

  /// Depth class of each whole depth; the last entry holds for all greater depths. Whole depths suffice, because every
  /// class begins at a whole number.
  private static let classOfDepth: [Int] = (0...Int(depthClasses.last!)).map { depth in
    depthClasses.lastIndex { $0 <= Float(depth) } ?? 0
  }

  private static func depthClass(_ depth: Float) -> Int {
    classOfDepth[min(Int(min(depth, 1e6)), classOfDepth.count - 1)]
  }

  private static func moments(_ scans: [Residual], channels c: Int) -> (means: [[Float]], deviations: [[Float]]) {
    let classes = depthClasses.count
    var counts = [Double](repeating: 0, count: classes)
    var sums = [[Double]](repeating: [Double](repeating: 0, count: c), count: classes)
    var squares = sums
    for scan in scans {
      scan.forEachTissuePixel { _, depth, values in
        let k = depthClass(depth)
        counts[k] += 1
        for channel in 0..<c {
          let value = Double(values[channel])
          sums[k][channel] += value
          squares[k][channel] += value * value
        }
      }
    }
    let all = max(counts.reduce(0, +), 1)
    var means = [[Float]](repeating: [Float](repeating: 0, count: c), count: classes)
    var deviations = means
    for channel in 0..<c {
      let mean = sums.reduce(0) { $0 + $1[channel] } / all
      let square = squares.reduce(0) { $0 + $1[channel] } / all
      for k in 0..<classes {
        let weight = counts[k] + pseudoPixels
        let own = (sums[k][channel] + pseudoPixels * mean) / weight
        let ownSquare = (squares[k][channel] + pseudoPixels * square) / weight
        means[k][channel] = Float(own)
        deviations[k][channel] = Float(max(ownSquare - own * own, 1e-8).squareRoot())
      }
    }
    return (means, deviations)
  }

  private static let fewestPixels = 50

  /// Residuals standardized by depth, `[height, width, channels]`; 0 outside tissue.
  private static func byDepth(_ scan: Residual, means: [[Float]], deviations: [[Float]]) -> [Float] {
    let c = scan.channels
    var z = [Float](repeating: 0, count: scan.values.count)
    let (means, deviations) = (Array(means.joined()), Array(deviations.joined()))
    z.withUnsafeMutableBufferPointer { z in
      scan.forEachTissuePixel { pixel, depth, values in
        let k = depthClass(depth) * c
        for channel in 0..<c {
          z[pixel &* c &+ channel] = (values[channel] - means[k &+ channel]) / deviations[k &+ channel]
        }
      }
    }
    return z
  }

  /// Median and spread of each channel over the tissue of a scan. Scanners, protocols and the height of a slice shift
  /// whole scans; a lesion stands out within one scan. Median and median absolute deviation are robust to lesions that
  /// fill less than half of the tissue; the factor 1.4826 converts the latter to the standard deviation of a Gaussian.
  ///
  /// - Returns: `nil` if there is too little tissue.
  private static func center(of standardized: [[Float]], scans: [Residual]) -> Center? {
    guard let c = scans.first?.channels else { return nil }
    let tissue = scans.map { scan in scan.depth.values.indices.filter { scan.depth.values[$0] > 0 } }
    guard tissue.reduce(0, { $0 + $1.count }) >= fewestPixels else { return nil }
    var medians: [Float] = []
    var spreads: [Float] = []
    for channel in 0..<c {
      var chosen: [Float] = []
      for (z, pixels) in zip(standardized, tissue) { for pixel in pixels { chosen.append(z[pixel * c + channel]) } }
      let median = chosen.median()
      for i in chosen.indices { chosen[i] = abs(chosen[i] - median) }
      medians.append(median)
      // A channel that is reconstructed perfectly, such as a constant one, has no spread; the added term keeps it from
      // being blown up.
      spreads.append(1.4826 * chosen.median() + 0.003)
    }
    return Center(medians: medians, spreads: spreads)
  }

  /// Subtracts the medians and divides by the spreads; sets all values to 0 if there is no center.
  private static func center(_ z: inout [Float], of scan: Residual, at center: Center?) {
    let c = scan.channels
    guard let center else { return z = [Float](repeating: 0, count: z.count) }
    let (medians, spreads) = (center.medians, center.spreads)
    z.withUnsafeMutableBufferPointer { z in
      scan.forEachTissuePixel { pixel, _, _ in
        for channel in 0..<c {
          let place = pixel &* c &+ channel
          z[place] = (z[place] - medians[channel]) / spreads[channel]
        }
      }
    }
  }

  private static func evidence(
    _ scan: Residual, _ z: [Float], _ combination: EvidenceRule.Combination, _ rule: EvidenceRule
  ) -> Plane<Float> {
    let c = scan.channels
    var map = Plane<Float>(width: scan.width, height: scan.height, filledWith: 0)
    map.values.withUnsafeMutableBufferPointer { map in
      z.withUnsafeBufferPointer { z in
        scan.depth.values.withUnsafeBufferPointer { depth in
          // Standardized evidence of 0 is neutral. Other maps need their own values beyond the scored pixels, because
          // of the blur.
          for pixel in depth.indices where !rule.isStandardized || depth[pixel] > rule.erosion {
            map[pixel] = combination.evidence(UnsafeBufferPointer(start: z.baseAddress! + pixel &* c, count: c))
          }
        }
      }
    }
    return map.blurred(sigma: min(1, rule.smoothing / 3))
  }
}
