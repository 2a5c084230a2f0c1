import Foundation

/// How residuals of healthy tissue are spread: by depth below the tissue's surface, and from channel to channel.
package struct ResidualStatistics: Codable, Sendable, Equatable {
  /// Lower bounds of the depth classes, in pixels of the model's grid.
  package let depths: [Float]
  /// Mean and standard deviation of each depth class and channel.
  package let means: [[Float]]
  package let deviations: [[Float]]
  /// Inverse of the covariance of the standardized residuals, `[c][c]`.
  package let precision: [[Double]]
  /// Evidence at the upper tail probabilities `tails`, over scored healthy pixels.
  package let quantiles: [Float]
  package let rule: EvidenceRule

  static let tails: [Double] =
    (1...99).reversed().map { Double($0) / 100 } + [5e-3, 2e-3, 1e-3, 5e-4, 2e-4, 1e-4, 5e-5, 2e-5, 1e-5]
  private static let depthClasses: [Float] = [0, 5, 8, 12, 18, 26]
  /// Standardized residuals are clipped here, so that one vessel does not rule the covariance.
  private static let clip: Float = 12

  /// - Parameter scans: of held-out healthy cases.
  init(healthy scans: [Residual], channels c: Int, rule: EvidenceRule) {
    self.rule = rule
    depths = Self.depthClasses
    var counts = [Double](repeating: 0, count: depths.count)
    var sums = [[Double]](repeating: [Double](repeating: 0, count: c), count: depths.count)
    var squares = sums
    for scan in scans {
      for pixel in scan.depth.indices where scan.depth[pixel] > 0 {
        let k = Self.depthClass(scan.depth[pixel])
        counts[k] += 1
        for channel in 0..<c {
          let value = Double(min(max(scan.values[pixel * c + channel], -Self.clip), Self.clip))
          sums[k][channel] += value
          squares[k][channel] += value * value
        }
      }
    }
    var means: [[Float]] = []
    var deviations: [[Float]] = []
    for k in depths.indices {
      // A class with hardly any pixels keeps what standardization within the scan aimed at.
      let enough = counts[k] >= 100
      means.append((0..<c).map { enough ? Float(sums[k][$0] / counts[k]) : 0 })
      deviations.append(
        (0..<c).map { channel in
          guard enough else { return 1 }
          let mean = sums[k][channel] / counts[k]
          return Float(max(squares[k][channel] / counts[k] - mean * mean, 1e-4).squareRoot())
        })
    }
    self.means = means
    self.deviations = deviations

    var covariance = [[Double]](repeating: [Double](repeating: 0, count: c), count: c)
    var total = 0.0
    var z = [Float](repeating: 0, count: c)
    for scan in scans {
      for pixel in scan.depth.indices where scan.depth[pixel] > 0 {
        Self.standardize(scan, pixel, means: means, deviations: deviations, into: &z)
        total += 1
        for i in 0..<c {
          for j in 0...i { covariance[i][j] += Double(z[i] * z[j]) }
        }
      }
    }
    for i in 0..<c {
      for j in 0...i {
        covariance[i][j] /= max(total, 1)
        covariance[j][i] = covariance[i][j]
      }
      covariance[i][i] += 0.05  // keeps channels that are copies of each other apart from a division by zero
    }
    precision = Self.inverse(covariance)

    let combination = EvidenceRule.Combination(rule, precision: precision)
    var evidence: [Float] = []
    for scan in scans {
      for pixel in scan.depth.indices where scan.depth[pixel] > 0 {
        Self.standardize(scan, pixel, means: means, deviations: deviations, into: &z)
        evidence.append(z.withUnsafeBufferPointer { combination.evidence($0) })
      }
    }
    evidence.sort()
    quantiles = Self.tails.map { tail in
      evidence.isEmpty ? 0 : evidence[min(evidence.count - 1, Int((1 - tail) * Double(evidence.count)))]
    }
  }

  /// Evidence of every pixel as the standard normal quantile of its rank among healthy pixels; 0 where nothing is scored.
  func heat(of scan: Residual) -> [Float] {
    let combination = EvidenceRule.Combination(rule, precision: precision)
    var z = [Float](repeating: 0, count: scan.channels)
    return scan.depth.indices.map { pixel in
      guard scan.depth[pixel] > 0 else { return 0 }
      Self.standardize(scan, pixel, means: means, deviations: deviations, into: &z)
      return normalQuantile(of: z.withUnsafeBufferPointer { combination.evidence($0) })
    }
  }

  /// Linear between the stored quantiles, and beyond the last two with their slope, so that scores stay ordered.
  func normalQuantile(of evidence: Float) -> Float {
    let normals = Self.tailQuantiles
    var low = 0
    var high = quantiles.count - 1
    while high - low > 1 {
      let middle = (low + high) / 2
      if quantiles[middle] <= evidence { low = middle } else { high = middle }
    }
    if evidence >= quantiles[quantiles.count - 1] {
      // The far tail's slope, over a stretch wide enough not to be ruled by a handful of pixels.
      let anchor = quantiles.count - 5
      let rise = max(quantiles[quantiles.count - 1] - quantiles[anchor], 1e-3)
      let slope = (normals[quantiles.count - 1] - normals[anchor]) / rise
      return normals[quantiles.count - 1] + slope * (evidence - quantiles[quantiles.count - 1])
    }
    let width = max(quantiles[high] - quantiles[low], 1e-6)
    let share = min(max((evidence - quantiles[low]) / width, -10), 1)
    return normals[low] + (normals[high] - normals[low]) * share
  }

  private static let tailQuantiles: [Float] = tails.map { Float(NormalDistribution.quantile(1 - $0)) }

  private static func depthClass(_ depth: Float) -> Int { depthClasses.lastIndex { $0 <= depth } ?? 0 }

  private static func standardize(
    _ scan: Residual, _ pixel: Int, means: [[Float]], deviations: [[Float]], into z: inout [Float]
  ) {
    let k = depthClass(scan.depth[pixel])
    for c in z.indices {
      let value = min(max(scan.values[pixel * z.count + c], -clip), clip)
      z[c] = (value - means[k][c]) / deviations[k][c]
    }
  }

  /// Gauss-Jordan elimination with pivoting, of a symmetric positive definite matrix.
  static func inverse(_ matrix: [[Double]]) -> [[Double]] {
    let n = matrix.count
    var a = matrix
    var result = (0..<n).map { i in (0..<n).map { $0 == i ? 1.0 : 0.0 } }
    for column in 0..<n {
      let pivot = (column..<n).max { abs(a[$0][column]) < abs(a[$1][column]) }!
      a.swapAt(column, pivot)
      result.swapAt(column, pivot)
      let scale = 1 / a[column][column]
      for j in 0..<n {
        a[column][j] *= scale
        result[column][j] *= scale
      }
      for i in 0..<n where i != column {
        let factor = a[i][column]
        for j in 0..<n {
          a[i][j] -= factor * a[column][j]
          result[i][j] -= factor * result[column][j]
        }
      }
    }
    return result
  }
}

/// The standard normal distribution.
package enum NormalDistribution {
  /// Inverse of the cumulative distribution, for probabilities in 0...1 excluded; relative error below 1.2e-9 before one
  /// step of refinement. Source: Acklam 2003, "An algorithm for computing the inverse normal cumulative distribution
  /// function"; the refinement is Halley's with `erfc`.
  package static func quantile(_ p: Double) -> Double {
    precondition(p > 0 && p < 1, "the normal quantile of \(p)")
    let a = [-39.69683028665376, 220.9460984245205, -275.9285104469687, 138.3577518672690, -30.66479806614716, 2.506628277459239]
    let b = [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572]
    let c = [-0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968, 2.938163982698783]
    let d = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416]
    func horner(_ coefficients: [Double], _ x: Double) -> Double { coefficients.reduce(0) { $0 * x + $1 } }
    func tail(_ p: Double) -> Double {
      let q = (-2 * log(p)).squareRoot()
      return horner(c, q) / (horner(d, q) * q + 1)
    }
    var x: Double
    if p < 0.02425 {
      x = tail(p)
    } else if p > 1 - 0.02425 {
      x = -tail(1 - p)
    } else {
      let q = p - 0.5
      x = horner(a, q * q) * q / (horner(b, q * q) * q * q + 1)
    }
    let error = 0.5 * erfc(-x / 2.0.squareRoot()) - p
    let step = error * (2 * Double.pi).squareRoot() * exp(x * x / 2)
    x -= step / (1 + x * step / 2)
    return x
  }
}
