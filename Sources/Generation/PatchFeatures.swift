import Foundation
import Imaging

/// Describes a patch by a few numbers that need no trained network. Samples are compared with real patches by them.
///
/// The features of each channel are: its mean over each field of a 4 x 4 grid; mean, deviation and the quantiles 5, 50
/// and 95 % of its intensities; the root mean square of five bands between Gaussians of 0, 1, 2, 4, 8 and 16 pixels;
/// the mean sizes of the horizontal and the vertical gradient. Each pair of neighbouring channels adds its correlation.
package struct PatchFeatures: Sendable {
  private static let fields = 4
  private static let scales: [Float] = [1, 2, 4, 8, 16]
  private static let quantiles = [0.05, 0.5, 0.95]

  /// - Parameter patch: a normalized patch without `NaN`.
  package static func values(of patch: Image) -> [Double] {
    let planes = (0..<patch.channels).map { patch.channels([$0]) }
    var result = planes.flatMap(values(ofPlane:))
    for (a, b) in zip(planes, planes.dropFirst()) { result.append(correlation(a.samples, b.samples)) }
    return result
  }

  private static func values(ofPlane plane: Image) -> [Double] {
    let (width, height) = (plane.width, plane.height)
    var means = [Double](repeating: 0, count: fields * fields)
    for y in 0..<height {
      for x in 0..<width {
        means[y * fields / height * fields + x * fields / width] += Double(plane.samples[y * width + x])
      }
    }
    let perField = Double(width * height) / Double(fields * fields)
    let (mean, deviation) = moments(plane.samples)
    let sorted = plane.samples.sorted()
    let levels = quantiles.map { Double(sorted[Int($0 * Double(sorted.count - 1))]) }
    var finer = plane
    let bands = scales.map { sigma in
      let coarser = plane.blurred(sigma: sigma)
      let energy = zip(finer.samples, coarser.samples).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
      finer = coarser
      return (energy / Double(width * height)).squareRoot()
    }
    return means.map { $0 / perField } + [mean, deviation] + levels + bands + gradients(of: plane)
  }

  /// Mean absolute differences to the right and to the lower neighbour.
  static func gradients(of plane: Image) -> [Double] {
    let (width, height) = (plane.width, plane.height)
    var across = 0.0
    var down = 0.0
    for y in 0..<height - 1 {
      for x in 0..<width - 1 {
        let value = plane.samples[y * width + x]
        across += Double(abs(plane.samples[y * width + x + 1] - value))
        down += Double(abs(plane.samples[(y + 1) * width + x] - value))
      }
    }
    let count = Double(max(1, (width - 1) * (height - 1)))
    return [across / count, down / count]
  }

  static func moments(_ values: [Float]) -> (mean: Double, deviation: Double) {
    let n = Double(max(values.count, 1))
    let mean = values.reduce(0.0) { $0 + Double($1) } / n
    let variance = values.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / n
    return (mean, variance.squareRoot())
  }

  private static func correlation(_ a: [Float], _ b: [Float]) -> Double {
    let (ma, mb) = (moments(a), moments(b))
    guard ma.deviation > 1e-9, mb.deviation > 1e-9 else { return 0 }
    let covariance = zip(a, b).reduce(0.0) { $0 + (Double($1.0) - ma.mean) * (Double($1.1) - mb.mean) }
    return covariance / Double(a.count) / ma.deviation / mb.deviation
  }
}
