/// The side of the upright picture on which a page's first stored row and column lie (TIFF 6.0, tag 274).
package enum TIFFOrientation: Int, Sendable, Codable {
  case topLeft = 1
  case topRight, bottomRight, bottomLeft, leftTop, rightTop, rightBottom, leftBottom

  /// Whether rows are stored as columns, so that the width and height of the upright page are swapped.
  package var isTransposed: Bool { rawValue >= 5 }

  private var isMirroredAcross: Bool { [.topRight, .bottomRight, .rightTop, .rightBottom].contains(self) }
  var isMirroredDown: Bool { [.bottomRight, .bottomLeft, .rightBottom, .leftBottom].contains(self) }

  package var name: String {
    switch self {
    case .topLeft: "top left"
    case .topRight: "top right"
    case .bottomRight: "bottom right"
    case .bottomLeft: "bottom left"
    case .leftTop: "left top"
    case .rightTop: "right top"
    case .rightBottom: "right bottom"
    case .leftBottom: "left bottom"
    }
  }

  /// The stored rectangle that appears as `region` on the upright page.
  ///
  /// - Parameter width: width of the upright page; `height` is its height.
  func stored(_ region: PixelRectangle, width: Int, height: Int) -> PixelRectangle {
    let x = isMirroredAcross ? width - region.x - region.width : region.x
    let y = isMirroredDown ? height - region.y - region.height : region.y
    return isTransposed
      ? PixelRectangle(x: y, y: x, width: region.height, height: region.width)
      : PixelRectangle(x: x, y: y, width: region.width, height: region.height)
  }

  /// How the position in the upright picture changes while walking over the stored rectangle, in pixels: where the walk
  /// starts, and the steps for one pixel right and one down.
  ///
  /// - Parameter width: width of the upright picture; `height` is its height.
  func walk(width: Int, height: Int) -> (start: Int, right: Int, down: Int) {
    let right = isMirroredAcross ? -1 : 1
    let down = isMirroredDown ? -width : width
    let start = (isMirroredAcross ? width - 1 : 0) + (isMirroredDown ? (height - 1) * width : 0)
    return isTransposed ? (start, down, right) : (start, right, down)
  }
}
