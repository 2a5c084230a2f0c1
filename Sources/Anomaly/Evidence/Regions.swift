import Imaging

extension Heatmap {
  /// Marks the pixels that belong to regions: those at or above the threshold, which is rounded to the `Float` of
  /// heatmaps.
  package static func isInRegion(_ values: [Float], threshold: Double) -> [Bool] {
    let level = Float(threshold)
    return values.map { $0 >= level }
  }

  /// Connected groups of pixels at or above a level, sorted by peak, the highest first.
  ///
  /// - Parameters:
  ///   - threshold: smallest `z` of a region's pixels.
  ///   - minimumArea: groups with fewer pixels of this heatmap are left out.
  package func regions(above threshold: Double, minimumArea: Int, pixelSize: PixelSize?) -> [Region] {
    let groups = ConnectedComponents(
      of: Self.isInRegion(values, threshold: threshold), width: width, height: height)
    var peaks = [(value: Float, pixel: Int)](repeating: (-.infinity, 0), count: groups.components.count)
    var sums = [Double](repeating: 0, count: groups.components.count)
    for (pixel, label) in groups.labels.enumerated() where label > 0 {
      let k = Int(label) - 1
      if values[pixel] > peaks[k].value { peaks[k] = (values[pixel], pixel) }
      sums[k] += Double(values[pixel])
    }
    let kept = groups.components.indices.filter { groups.components[$0].pixels >= minimumArea }
      .sorted {
        (peaks[$0].value, groups.components[$0].pixels) > (peaks[$1].value, groups.components[$1].pixels)
      }
    return kept.enumerated().map { rank, k in
      let group = groups.components[k]
      return Region(
        rank: rank + 1, x: group.bounds.x, y: group.bounds.y, width: group.bounds.width, height: group.bounds.height,
        areaPixels: group.pixels,
        areaSquareMillimeters: pixelSize.map { Double(group.pixels) * $0.squareMillimeters },
        peak: Double(peaks[k].value), mean: sums[k] / Double(group.pixels), peakX: peaks[k].pixel % width,
        peakY: peaks[k].pixel / width)
    }
  }

  /// Highest level at which some connected group still has `minimumArea` pixels; 0 if there is none above 0.
  ///
  /// The level is found by bisection to within 0.01.
  package func highestLevel(withRegionOf minimumArea: Int) -> Double {
    var low: Float = 0
    var high = values.max() ?? 0
    func shows(_ level: Float) -> Bool {
      let isAbove = values.map { $0 >= level && $0 > 0 }
      guard isAbove.count(where: { $0 }) >= minimumArea else { return false }
      return ConnectedComponents(of: isAbove, width: width, height: height).components
        .contains { $0.pixels >= minimumArea }
    }
    guard high > 0, shows(Float.leastNonzeroMagnitude) else { return 0 }
    while high - low > 0.01 {
      let middle = (low + high) / 2
      if shows(middle) { low = middle } else { high = middle }
    }
    return Double(low)
  }
}
