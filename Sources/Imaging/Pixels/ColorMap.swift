/// Colours for a value in 0...1. Lightness grows evenly, so that equal steps look equal, also when printed in gray.
///
/// Colours are interpolated in sRGB between fixed anchors, nine for each colour map and two for gray; the maps are
/// close to those of the same names by van der Walt and Smith (public domain, https://bids.github.io/colormap).
package enum ColorMap: String, Sendable, Codable, CaseIterable {
  case magma, viridis, gray

  /// - Parameter value: clipped to 0...1; NaN, "no data", gives the lowest colour.
  package func rgb(at value: Float) -> (red: UInt8, green: UInt8, blue: UInt8) {
    let anchors = self.anchors
    let place = (value > 0 ? min(value, 1) : 0) * Float(anchors.count - 1)
    let index = min(Int(place), anchors.count - 2)
    let share = place - Float(index)
    let color = (anchors[index] + (anchors[index + 1] - anchors[index]) * share).rounded(.toNearestOrAwayFromZero)
    return (UInt8(color.x), UInt8(color.y), UInt8(color.z))
  }

  private var anchors: [SIMD3<Float>] {
    switch self {
    case .magma: Self.magmaAnchors
    case .viridis: Self.viridisAnchors
    case .gray: Self.grayAnchors
    }
  }

  private static let magmaAnchors: [SIMD3<Float>] = [
    [0, 0, 4], [28, 16, 68], [79, 18, 123], [129, 37, 129], [181, 54, 122], [229, 80, 100], [251, 135, 97],
    [254, 194, 135], [252, 253, 191],
  ]
  private static let viridisAnchors: [SIMD3<Float>] = [
    [68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99],
    [170, 220, 50], [253, 231, 37],
  ]
  private static let grayAnchors: [SIMD3<Float>] = [[0, 0, 0], [255, 255, 255]]
}
