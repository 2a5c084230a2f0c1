/// A map with one value for each pixel of a picture: heat, tissue, depth, levels.
///
/// Pictures of several channels are `Image`s. An `Image` of one channel and a `Plane<Float>` turn into each other
/// without a copy.
@usableFromInline package struct Plane<Value> {
  @usableFromInline package let width: Int
  @usableFromInline package let height: Int
  /// `[height, width]`, row by row.
  @usableFromInline package var values: [Value]

  @inlinable package init(width: Int, height: Int, values: [Value]) {
    precondition(values.count == width * height, "\(values.count) values for \(width)x\(height)")
    self.width = width
    self.height = height
    self.values = values
  }

  @inlinable package init(width: Int, height: Int, filledWith value: Value) {
    self.init(width: width, height: height, values: [Value](repeating: value, count: width * height))
  }

  @inlinable package subscript(x: Int, y: Int) -> Value {
    get { values[y * width + x] }
    set { values[y * width + x] = newValue }
  }

  /// A map of the same size with a value made from each value.
  @inlinable package func map<New>(_ transform: (Value) -> New) -> Plane<New> {
    Plane<New>(width: width, height: height, values: values.map(transform))
  }

  /// Calls `body` with the rows from top to bottom.
  @inlinable package func forEachRow(_ body: (UnsafeBufferPointer<Value>) throws -> Void) rethrows {
    try values.withUnsafeBufferPointer { values in
      for y in 0..<height { try body(UnsafeBufferPointer(rebasing: values[y * width..<(y + 1) * width])) }
    }
  }

  /// The part of the map within a rectangle.
  @inlinable package func cropped(to area: PixelRectangle) -> Plane {
    precondition(
      area.x >= 0 && area.y >= 0 && area.x + area.width <= width && area.y + area.height <= height,
      "\(area) leaves a map of \(width)x\(height)")
    let count = area.width * area.height
    let part = [Value](unsafeUninitializedCapacity: count) { target, size in
      values.withUnsafeBufferPointer { source in
        for row in 0..<area.height {
          let from = (area.y + row) * width + area.x
          _ = UnsafeMutableBufferPointer(rebasing: target[row * area.width..<(row + 1) * area.width])
            .initialize(fromContentsOf: source[from..<from + area.width])
        }
      }
      size = count
    }
    return Plane(width: area.width, height: area.height, values: part)
  }

  /// Copies another map to a position in this map.
  @inlinable package mutating func paste(_ other: Plane, atX x: Int, y: Int) {
    precondition(
      x >= 0 && y >= 0 && x + other.width <= width && y + other.height <= height,
      "\(other.width)x\(other.height) at \(x), \(y) leaves a map of \(width)x\(height)")
    values.withUnsafeMutableBufferPointer { target in
      other.values.withUnsafeBufferPointer { source in
        for row in 0..<other.height {
          let (from, to) = (row * other.width, (y + row) * width + x)
          _ = target[to..<to + other.width].update(fromContentsOf: source[from..<from + other.width])
        }
      }
    }
  }

  /// Repeats every value `factor` times along both axes.
  ///
  /// - Parameters:
  ///   - newWidth: width of the result, at most `width * factor`; the rest is cut off.
  ///   - newHeight: height of the result, likewise.
  @inlinable package func enlarged(by factor: Int, width newWidth: Int, height newHeight: Int) -> Plane {
    guard factor > 1 || newWidth != width || newHeight != height else { return self }
    var result: [Value] = []
    result.reserveCapacity(newWidth * newHeight)
    for y in 0..<newHeight {
      for x in 0..<newWidth { result.append(values[y / factor * width + x / factor]) }
    }
    return Plane(width: newWidth, height: newHeight, values: result)
  }
}

extension Plane: Sendable where Value: Sendable {}
extension Plane: Equatable where Value: Equatable {}

extension Plane where Value == Float {
  /// The samples of an image of one channel.
  package init(_ image: Image) {
    precondition(image.channels == 1, "a map of \(image.channels) channels")
    self.init(width: image.width, height: image.height, values: image.samples)
  }

  /// See `Image.blurred`.
  package func blurred(sigma: Float) -> Plane { Plane(Image(self).blurred(sigma: sigma)) }

  /// A smaller map of the largest value of every block of `factor` by `factor` pixels. A mean would hide a small
  /// finding.
  ///
  /// The size is rounded up.
  package func reducedToLargest(by factor: Int) -> Plane {
    guard factor > 1 else { return self }
    let columns = (width + factor - 1) / factor
    let rows = (height + factor - 1) / factor
    var result = Plane(width: columns, height: rows, filledWith: -.infinity)
    for y in 0..<height {
      for x in 0..<width {
        let block = (y / factor) * columns + x / factor
        result.values[block] = max(result.values[block], values[y * width + x])
      }
    }
    return result
  }
}

extension Image {
  /// An image of one channel.
  package init(_ plane: Plane<Float>, pixelSize: PixelSize? = nil) {
    self.init(
      width: plane.width, height: plane.height, channels: 1, samples: plane.values, pixelSize: pixelSize)
  }
}
