/// Exact Euclidean distances on the pixel grid.
///
/// Source: Felzenszwalb & Huttenlocher 2012, doi:10.4086/toc.2012.v008a019; linear in the number of pixels.
package enum DistanceTransform {
  /// Distance of every pixel to the nearest set pixel, in pixels; zero at set pixels. `width + height` everywhere if no
  /// pixel is set.
  package static func distances(to pixels: Plane<Bool>) -> Plane<Float> {
    let (width, height, isSet) = (pixels.width, pixels.height, pixels.values)
    guard isSet.contains(true) else { return Plane(width: width, height: height, filledWith: Float(width + height)) }
    // Distance used in columns without a set pixel; larger than any possible distance.
    let far = width + height + 1
    var vertical = [Int](repeating: far, count: isSet.count)
    // First down, then up, a whole row at a time: walking down single columns would miss the cache at every step.
    for y in 0..<height {
      for index in (y * width)..<((y + 1) * width) {
        vertical[index] = isSet[index] ? 0 : y == 0 ? far : min(vertical[index - width] + 1, far)
      }
    }
    for y in stride(from: height - 2, through: 0, by: -1) {
      for index in (y * width)..<((y + 1) * width) {
        vertical[index] = min(vertical[index], vertical[index + width] + 1)
      }
    }
    var result = [Float](repeating: 0, count: isSet.count)
    var centers = [Int](repeating: 0, count: width)
    var borders = [Double](repeating: 0, count: width + 1)
    for y in 0..<height {
      let line = y * width
      func square(_ x: Int) -> Int { vertical[line + x] * vertical[line + x] }
      // The lower envelope of the parabolas over the columns.
      var last = 0
      centers[0] = 0
      (borders[0], borders[1]) = (-.infinity, .infinity)
      for x in 1..<max(width, 1) {
        func crossing(_ center: Int) -> Double {
          Double(square(x) + x * x - square(center) - center * center) / Double(2 * (x - center))
        }
        while crossing(centers[last]) <= borders[last] { last -= 1 }
        let border = crossing(centers[last])
        last += 1
        centers[last] = x
        (borders[last], borders[last + 1]) = (border, .infinity)
      }
      var current = 0
      for x in 0..<width {
        while borders[current + 1] < Double(x) { current += 1 }
        let across = x - centers[current]
        result[line + x] = Float(across * across + square(centers[current])).squareRoot()
      }
    }
    return Plane(width: width, height: height, values: result)
  }
}
