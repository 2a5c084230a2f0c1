/// A rectangle of whole pixels.
@usableFromInline package struct PixelRectangle: Sendable, Equatable, Codable {
  @usableFromInline package var x: Int
  @usableFromInline package var y: Int
  @usableFromInline package var width: Int
  @usableFromInline package var height: Int

  package init(x: Int, y: Int, width: Int, height: Int) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }

  /// The part of this rectangle that lies in another; `nil` if there is none.
  package func intersection(_ other: PixelRectangle) -> PixelRectangle? {
    let (left, top) = (max(x, other.x), max(y, other.y))
    let right = min(x + width, other.x + other.width)
    let bottom = min(y + height, other.y + other.height)
    return left < right && top < bottom
      ? PixelRectangle(x: left, y: top, width: right - left, height: bottom - top) : nil
  }

  /// The same rectangle where the upper left corner of another rectangle is the origin.
  package func seen(from other: PixelRectangle) -> PixelRectangle {
    PixelRectangle(x: x - other.x, y: y - other.y, width: width, height: height)
  }
}
