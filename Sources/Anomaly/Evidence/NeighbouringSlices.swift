import Imaging
import Numerics
import Threads

/// Slices of one body that lie next to each other. A lesion goes on from slice to slice, noise and most artifacts do
/// not.
package enum NeighbouringSlices {
  /// Least correlation of neighbours, and how much more neighbours correlate than scans further apart, at least.
  private static let leastCorrelation: Float = 0.2
  private static let leastLead: Float = 0.1
  /// Steps in a series from which scans count as further apart.
  private static let farSteps = 3
  private static let fewestPairs = 10
  private static let fewestPixels = 100
  /// Nearer to its edge, tissue is brighter than what lies beside it in every scan.
  private static let leastDepth: Float = 4

  /// How many steps of their series lie between two scans of one size; `nil` for scans that are in no series together.
  private static func steps(_ a: PreparedScan, _ b: PreparedScan) -> Int? {
    guard let first = a.place, let second = b.place, a.image.width == b.image.width, a.image.height == b.image.height
    else { return nil }
    return first.steps(to: second)
  }

  /// The scans before and after a scan that are one step from it.
  package static func neighbours(of k: Int, in scans: [PreparedScan]) -> [Int] {
    [k - 1, k + 1].filter { scans.indices.contains($0) && steps(scans[k], scans[$0]) == 1 }
  }

  /// Whether the series of a healthy study are slices of bodies: their neighbours resemble each other, more than scans
  /// of the same series that are three or more steps apart.
  ///
  /// - Parameter cases: scans of each case, in order.
  package static func areFound(in cases: [[PreparedScan]]) -> Bool {
    func correlations(in range: ClosedRange<Int>) -> [Float] {
      let pairs = cases.flatMap { scans in
        scans.indices.flatMap { i in
          scans[(i + 1)...].filter { steps(scans[i], $0).map(range.contains) ?? false }.map { (scans[i], $0) }
        }
      }
      return Parallel.map(pairs.count) { correlation(pairs[$0].0, pairs[$0].1) }.compactMap { $0 }
    }
    let near = correlations(in: 1...1)
    guard near.count >= fewestPairs, near.median() >= leastCorrelation else { return false }
    let far = correlations(in: farSteps...2 * farSteps)
    return far.count >= fewestPairs && near.median() >= far.median() + leastLead
  }

  /// Correlation of the mean over channels, at the pixels where both scans show tissue below its surface; `nil` where
  /// these are few.
  private static func correlation(_ a: PreparedScan, _ b: PreparedScan) -> Float? {
    let c = a.image.channels
    var (n, x, y, xx, yy, xy) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    for pixel in a.depth.values.indices
    where a.depth.values[pixel] > leastDepth && b.depth.values[pixel] > leastDepth {
      var (first, second) = (0.0, 0.0)
      for channel in pixel * c..<(pixel + 1) * c {
        first += Double(a.image.samples[channel])
        second += Double(b.image.samples[channel])
      }
      n += 1
      x += first
      y += second
      xx += first * first
      yy += second * second
      xy += first * second
    }
    guard n >= Double(fewestPixels) else { return nil }
    let spread = ((xx - x * x / n) * (yy - y * y / n)).squareRoot()
    return spread > 0 ? Float((xy - x * y / n) / spread) : nil
  }

  /// Each map averaged with those of its neighbours, 1 : 2 : 1, where the neighbours show tissue.
  ///
  /// - Parameters:
  ///   - maps: a map of each scan, of its size.
  ///   - scans: scans of one case or of several, in order.
  package static func smoothed(_ maps: [Plane<Float>], of scans: [PreparedScan]) -> [Plane<Float>] {
    Parallel.map(maps.count) { k in
      let neighbours = neighbours(of: k, in: scans)
      var result = maps[k]
      for pixel in result.values.indices {
        var (sum, weight) = (2 * result.values[pixel], Float(2))
        for neighbour in neighbours where scans[neighbour].depth.values[pixel] > 0 {
          sum += maps[neighbour].values[pixel]
          weight += 1
        }
        result.values[pixel] = sum / weight
      }
      return result
    }
  }
}
