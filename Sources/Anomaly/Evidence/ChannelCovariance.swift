import Compute
import Imaging
import Numerics

/// The covariance of the channels of healthy tissue within a scan.
package struct ChannelCovariance: Sendable {
  /// Lower triangular matrix, `[c][c]`. Its product with a vector of standard normal numbers is a random shift with the
  /// covariance of healthy tissue.
  private let factor: [[Double]]

  private static let pixelStep = 7

  package init(of scans: [PreparedScan]) {
    let c = scans.first?.image.channels ?? 0
    var covariance = [[Double]](repeating: [Double](repeating: 0, count: c), count: c)
    for scan in scans {
      let pixels = stride(from: 0, to: scan.tissue.values.count, by: Self.pixelStep).filter { pixel in
        scan.tissue.values[pixel] && (0..<c).allSatisfy { scan.image.samples[pixel * c + $0].isFinite }
      }
      guard pixels.count > 1 else { continue }
      let means = (0..<c).map { channel in
        pixels.reduce(0) { $0 + Double(scan.image.samples[$1 * c + channel]) } / Double(pixels.count)
      }
      for pixel in pixels {
        let d = (0..<c).map { Double(scan.image.samples[pixel * c + $0]) - means[$0] }
        for i in 0..<c { for j in 0...i { covariance[i][j] += d[i] * d[j] / Double(pixels.count * scans.count) } }
      }
    }
    // Cholesky decomposition; the small term keeps it defined for channels that never vary or are copies of each other.
    var factor = covariance.map { $0.map { _ in 0.0 } }
    for i in 0..<c {
      for j in 0...i {
        let rest = covariance[i][j] - (0..<j).reduce(0) { $0 + factor[i][$1] * factor[j][$1] }
        factor[i][j] = i == j ? max(rest, 1e-6).squareRoot() : rest / factor[j][j]
      }
    }
    self.factor = factor
  }

  /// A random shift of the channels with the covariance of healthy tissue.
  func direction(using random: inout RandomGenerator) -> [Float] {
    let normal = factor.indices.map { _ in Double(random.normal()) }
    return factor.map { row in Float(zip(row, normal).reduce(0) { $0 + $1.0 * $1.1 }) }
  }
}
