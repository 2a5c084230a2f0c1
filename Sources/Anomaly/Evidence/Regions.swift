import Imaging

extension Heatmap {
  /// Marks the pixels that belong to regions: those at or above the threshold, which is rounded to the `Float` of
  /// heatmaps.
  package func isInRegion(threshold: Double) -> Plane<Bool> {
    let level = Float(threshold)
    return map { $0 >= level }
  }

  /// Connected groups of pixels at or above a level, sorted by peak, the highest first.
  ///
  /// - Parameters:
  ///   - threshold: smallest `z` of a region's pixels.
  ///   - minimumArea: groups with fewer pixels of this heatmap are left out.
  package func regions(above threshold: Double, minimumArea: Double, pixelSize: PixelSize?) -> [Region] {
    var found = RowComponents(level: Float(threshold))
    forEachRow { found.add(row: $0) }
    return found.regions(minimumArea: minimumArea, pixelSize: pixelSize).map(\.region)
  }

  /// Highest level at which some connected group still has `minimumArea` pixels; 0 if there is none above 0.
  ///
  /// The level is found by bisection to within 0.01, or to the next `Float` where these lie further apart.
  package func highestLevel(withRegionOf minimumArea: Int) -> Double {
    var low: Float = 0
    var high = values.max() ?? 0
    func shows(_ level: Float) -> Bool {
      let isAbove = map { $0 >= level && $0 > 0 }
      guard isAbove.values.count(where: { $0 }) >= minimumArea else { return false }
      return ConnectedComponents(of: isAbove).components
        .contains { $0.pixels >= minimumArea }
    }
    guard high > 0, shows(Float.leastNonzeroMagnitude) else { return 0 }
    while high - low > 0.01 {
      let middle = (low + high) / 2
      guard middle > low, middle < high else { break }
      if shows(middle) { low = middle } else { high = middle }
    }
    return Double(low)
  }
}

extension RowComponents {
  /// The groups as regions, each with its group, sorted by peak, the highest first.
  ///
  /// - Parameters:
  ///   - minimumArea: groups with fewer pixels are left out.
  ///   - downsample: width and height of a pixel of the heatmap, in pixels of the scan.
  ///   - pixelSize: size of the scan's pixels.
  ///   - most: most regions; those with the highest peaks are kept.
  func regions(
    minimumArea: Double, downsample: (x: Double, y: Double) = (1, 1), pixelSize: PixelSize?, most: Int = .max
  ) -> [(region: Region, group: Group)] {
    let kept = groups.filter { Double($0.pixels) >= minimumArea }
      .sorted { ($0.peak, $0.pixels) > ($1.peak, $1.pixels) }
    return kept.prefix(most).enumerated().map { rank, group in
      var region = Region(
        rank: rank + 1, x: group.left, y: group.top, width: group.right - group.left + 1,
        height: group.bottom - group.top + 1, areaPixels: group.pixels, areaSquareMillimeters: nil,
        peak: Double(group.peak), mean: group.sum / Double(group.pixels), peakX: group.peakPlace.x,
        peakY: group.peakPlace.y
      ).scaled(x: downsample.x, y: downsample.y)
      region.areaSquareMillimeters = pixelSize.map { Double(region.areaPixels) * $0.squareMillimeters }
      return (region, group)
    }
  }
}
