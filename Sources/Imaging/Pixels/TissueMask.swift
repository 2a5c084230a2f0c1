/// Marks the pixels of a scan that show tissue; other pixels are neither trained on nor scored.
package typealias TissueMask = Plane<Bool>

/// How tissue differs from its background.
package enum TissueLook: String, Sendable, Codable {
  /// Tissue is brighter.
  case bright
  /// Tissue is colored, or darker than the glass around it.
  case stained
  /// Every pixel with data shows tissue, the dark ones too.
  case everywhere
}

extension TissueMask {
  /// Fraction of the pixels that are tissue, in 0...1.
  package var share: Double { values.isEmpty ? 0 : Double(values.count { $0 }) / Double(values.count) }

  /// Finds tissue that is brighter than its background.
  ///
  /// The brightest channel is blurred and split by Otsu's threshold, moved halfway to the background's mean so that
  /// dark tissue is kept. Then specks are removed and holes are filled. If nothing is bright, the mask is empty; if
  /// nothing is dark compared to the rest, it is full. Pixels without data are never tissue.
  ///
  /// - Parameter image: a normalized image, so that tissue is near 1 and an empty background near the smallest value.
  /// Source: Otsu 1979, doi:10.1109/TSMC.1979.4310076.
  package init(of image: Image) {
    let blurred = Self.brightness(of: image).blurred(sigma: 1)
    guard let threshold = Self.threshold(of: blurred) else {
      self.init(width: image.width, height: image.height, filledWith: false)
      return
    }
    let hasData = Self.hasData(image)
    let mask = blurred.map { $0 > threshold }.opened().withoutHoles().withoutSpecks()
    self.init(width: image.width, height: image.height, values: zip(mask.values, hasData).map { $0 && $1 })
  }

  /// The pixels with data in all channels.
  package init(ofDataIn image: Image) {
    self.init(width: image.width, height: image.height, values: Self.hasData(image))
  }

  /// Distance of every tissue pixel to the nearest pixel that is not tissue, in pixels; zero outside tissue.
  ///
  /// The picture's border does not count as an edge: tissue is assumed to go on beyond it. If every pixel is tissue,
  /// the distance is `width + height`. Exact: Felzenszwalb & Huttenlocher 2012, doi:10.4086/toc.2012.v008a019.
  package var depth: Plane<Float> { DistanceTransform.distances(to: map { !$0 }) }

  // MARK: Threshold

  private static func brightness(of image: Image) -> Plane<Float> {
    var result = Plane<Float>(width: image.width, height: image.height, filledWith: 0)
    for pixel in result.values.indices {
      var brightest = -Float.infinity
      for channel in 0..<image.channels {
        brightest = max(brightest, noData(image.samples[pixel * image.channels + channel]))
      }
      result.values[pixel] = brightest
    }
    let lowest = result.values.lazy.filter(\.isFinite).min() ?? 0
    let shift = min(lowest, 0)
    for pixel in result.values.indices {
      result.values[pixel] = result.values[pixel].isFinite ? result.values[pixel] - shift : 0
    }
    return result
  }

  private static func noData(_ value: Float) -> Float { value.isFinite ? value : -.infinity }

  private static func hasData(_ image: Image) -> [Bool] {
    (0..<image.width * image.height).map { pixel in
      (0..<image.channels).allSatisfy { image.samples[pixel * image.channels + $0].isFinite }
    }
  }

  /// Smallest brightness that can be tissue, on the scale where tissue is near 1.
  private static var faintest: Float { 0.05 }
  /// If the mean of the darker pixels exceeds this fraction of the mean of the brighter ones, the darker pixels are
  /// dark tissue, not background.
  private static var darkTissue: Float { 0.35 }

  /// Brightness above which a pixel is tissue; `nil` if there is no tissue.
  private static func threshold(of brightnesses: Plane<Float>) -> Float? {
    guard let low = brightnesses.values.min(), let high = brightnesses.values.max(), high > faintest else { return nil }
    guard high - low > high * 1e-3 else { return -.infinity }
    let bins = 256
    var counts = [Double](repeating: 0, count: bins)
    let scale = Float(bins - 1) / (high - low)
    for value in brightnesses.values { counts[Int((value - low) * scale)] += 1 }

    let total = Double(brightnesses.values.count)
    let sum = counts.enumerated().reduce(0) { $0 + Double($1.offset) * $1.element }
    var (below, sumBelow, best) = (0.0, 0.0, -1.0)
    var split = (bin: 0, lower: 0.0, upper: 0.0)
    for bin in 0..<(bins - 1) {
      below += counts[bin]
      sumBelow += Double(bin) * counts[bin]
      guard below > 0, below < total else { continue }
      let (lower, upper) = (sumBelow / below, (sum - sumBelow) / (total - below))
      let between = below * (total - below) * (upper - lower) * (upper - lower)
      if between > best { (best, split) = (between, (bin, lower, upper)) }
    }
    func brightness(_ bin: Double) -> Float { low + Float(bin) / scale }
    if brightness(split.lower) > darkTissue * brightness(split.upper) { return -.infinity }
    if brightness(split.upper) <= faintest { return nil }
    return max((brightness(split.lower) + brightness(Double(split.bin) + 0.5)) / 2, faintest / 2)
  }

  // MARK: Morphology

  /// Erosion, then dilation, by 3x3: removes threads and specks thinner than three pixels.
  private func opened() -> TissueMask { shrunk(while: true).shrunk(while: false) }

  /// Erodes if `value` is true, else dilates; pixels beyond the border have no effect.
  private func shrunk(while value: Bool) -> TissueMask {
    var rows = values
    var all = values
    for y in 0..<height {
      for x in 0..<width where values[y * width + x] == value {
        let index = y * width + x
        if (x > 0 && values[index - 1] != value) || (x + 1 < width && values[index + 1] != value) {
          rows[index] = !value
        }
      }
    }
    for index in all.indices {
      all[index] = rows[index]
      if rows[index] == value
        && ((index >= width && rows[index - width] != value)
          || (index + width < rows.count && rows[index + width] != value))
      {
        all[index] = !value
      }
    }
    return TissueMask(width: width, height: height, values: all)
  }

  /// Turns background that is enclosed by tissue into tissue.
  private func withoutHoles() -> TissueMask {
    let background = ConnectedComponents(of: map { !$0 }, connectivity: .four)
    let isHole = background.components.map { component in
      let bounds = component.bounds
      return bounds.x > 0 && bounds.y > 0 && bounds.x + bounds.width < width && bounds.y + bounds.height < height
    }
    return background.labels.map { $0 == 0 || isHole[Int($0) - 1] }
  }

  /// Removes pieces smaller than a hundredth of the largest piece or a thousandth of the scan.
  private func withoutSpecks() -> TissueMask {
    let pieces = ConnectedComponents(of: self)
    let smallest = max((pieces.components.map(\.pixels).max() ?? 0) / 100, width * height / 1000)
    return pieces.labels.map { $0 != 0 && pieces.components[Int($0) - 1].pixels >= smallest }
  }
}

extension Image {
  /// The value of `max(saturation, lost light / 2)` that counts as fully stained; `stainedness` is 1 there.
  fileprivate static let fullStain: Float = 0.4

  /// An image of one channel: near 1 in stained tissue and near 0 on glass, whatever the scale of the samples.
  var stainedness: Image {
    let white = (0..<channels).map {
      max(ChannelSample(of: [self], channel: $0).quantile(0.999), .leastNormalMagnitude)
    }
    var result = Image(width: width, height: height, channels: 1)
    for pixel in 0..<width * height {
      var (low, high) = (Float.infinity, -Float.infinity)
      for c in 0..<channels {
        let light = samples[pixel * channels + c] / white[c]
        // NaN fails both comparisons, so a pixel with a missing channel is judged by its other channels.
        if light < low { low = light }
        if light > high { high = light }
      }
      let saturation = high > 0 ? (high - low) / high : 0
      result.samples[pixel] =
        low.isFinite ? min(max(saturation, (1 - high) / 2) / Self.fullStain, 1) : .nan
    }
    return result
  }
}
