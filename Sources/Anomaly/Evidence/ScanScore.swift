import Imaging

/// The score of a scan: the mean of the highest 0.3 % of the heats of its tissue. It does not depend on one noisy
/// pixel, nor on how much background surrounds the tissue.
///
/// Heats are counted in bins of width 0.01, so that a scan may come in parts of any size and order. Only the last bin
/// that is needed may be taken in part, and the mean of the bin stands for its part: a score differs by less than 0.01
/// from the mean of the sorted heats if these lie within ±64.
package struct ScanScore: Sendable {
  private static let scale: Float = 100
  /// The first and the last bin also hold all heats beyond them.
  private static let bins = -6400...6400
  private var counts = [Int](repeating: 0, count: bins.count)
  private var sums = [Double](repeating: 0, count: bins.count)
  private var pixels = 0

  package init() {}

  /// - Parameters:
  ///   - heat: heatmap of a scan on the model's grid.
  ///   - scan: the scan.
  package init(of heat: Heatmap, in scan: PreparedScan) {
    self.init()
    add(heat, depth: scan.depth)
  }

  /// Adds a part of the scan.
  ///
  /// - Parameter depth: distance of the part's pixels to the tissue's edge; 0 outside tissue and where there is no
  ///   data.
  package mutating func add(_ heat: Heatmap, depth: Plane<Float>) {
    precondition(heat.values.count == depth.values.count, "\(heat.values.count) heats, \(depth.values.count) depths")
    let range = Float(Self.bins.lowerBound)...Float(Self.bins.upperBound)
    heat.values.withUnsafeBufferPointer { heat in
      depth.values.withUnsafeBufferPointer { depth in
        counts.withUnsafeMutableBufferPointer { counts in
          sums.withUnsafeMutableBufferPointer { sums in
            for pixel in heat.indices where depth[pixel] > 0 {
              // In this order of arguments NaN counts as the lowest heat.
              let place = min(max(range.lowerBound, heat[pixel] * Self.scale), range.upperBound)
              let bin = Int(place.rounded(.down)) - Self.bins.lowerBound
              counts[bin] += 1
              sums[bin] += Double(heat[pixel])
              pixels += 1
            }
          }
        }
      }
    }
  }

  /// The score of everything that was added; 0 if there is no tissue.
  package var value: Double {
    let most = min(pixels, max(1, pixels * 3 / 1000))
    var (left, sum) = (most, 0.0)
    for bin in counts.indices.reversed() where counts[bin] > 0 {
      let taken = min(left, counts[bin])
      sum += sums[bin] * Double(taken) / Double(counts[bin])
      left -= taken
      if left == 0 { break }
    }
    return sum / Double(max(most, 1))
  }
}
