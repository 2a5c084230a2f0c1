/// A standard histogram learned from scans, and the map that fits another scan's histogram to it.
///
/// Landmarks are the 1st, 10th, 20th ... 90th and 99th percentiles of a channel's foreground. Learning first maps every
/// scan linearly, so that its first and last landmarks lie at the ends of the standard scale. The standard is the
/// average position of each landmark over the scans. A scan is then mapped piecewise linearly so that its landmarks
/// come to lie at the standard's.
/// Source: Nyúl, Udupa & Zhang 2000, "New variants of a method of MRI scale standardization", doi:10.1109/42.836373.
package struct HistogramStandard: Sendable, Equatable, Codable {
  /// Positions of the landmarks on the standard scale for each channel, ascending.
  package let landmarks: [[Float]]

  private static let shares = [0.01] + (1...9).map { Double($0) / 10 } + [0.99]
  private static let ends: ClosedRange<Float> = 0.1...0.9

  /// - Parameter groups: the images of each scope (a scan or a case); not empty, all images with the same number of
  ///   channels.
  init(learnedFrom groups: [[Image]]) {
    let channels = groups[0][0].channels
    landmarks = (0..<channels).map { channel in
      var sums = [Float](repeating: 0, count: Self.shares.count)
      var count: Float = 0
      for images in groups {
        let found = Self.landmarks(of: images, channel: channel)
        let span = found.last! - found.first!
        // A constant channel, such as that of an empty slice, has no histogram.
        guard span > 0 else { continue }
        let scale = (Self.ends.upperBound - Self.ends.lowerBound) / span
        for i in sums.indices { sums[i] += Self.ends.lowerBound + scale * (found[i] - found.first!) }
        count += 1
      }
      return count > 0 ? sums.map { $0 / count } : [Float](repeating: Self.ends.lowerBound, count: sums.count)
    }
  }

  /// Whether the standard is valid for this number of channels; checked after it was read from a file.
  package func fits(channels: Int) -> Bool {
    landmarks.count == channels && landmarks.allSatisfy { $0.count == Self.shares.count && $0 == $0.sorted() }
  }

  func curve(of images: [Image], channel: Int) -> IntensityCurve {
    let found = Self.landmarks(of: images, channel: channel)
    // A constant channel is mapped to the darkest standard value, whatever its own value is.
    guard found.first! < found.last! else { return IntensityCurve(from: [found[0]], to: [Self.ends.lowerBound]) }
    return IntensityCurve(from: found, to: landmarks[channel])
  }

  private static func landmarks(of images: [Image], channel: Int) -> [Float] {
    let foreground = ChannelSample(of: images, channel: channel).foreground
    return shares.map { foreground.quantile($0) }
  }
}

/// A piecewise linear map of intensities; beyond its ends the first and last pieces are extended.
package struct IntensityCurve: Sendable, Equatable, Codable {
  private var x: [Float]
  private var y: [Float]

  /// - Parameters:
  ///   - x: intensities, ascending; of several equal ones the last counts.
  ///   - y: the intensities that they are mapped to.
  init(from x: [Float], to y: [Float]) {
    (self.x, self.y) = ([], [])
    for (x, y) in zip(x, y) {
      if let last = self.x.last, !(x > last) {
        self.y[self.y.count - 1] = y
      } else {
        self.x.append(x)
        self.y.append(y)
      }
    }
  }

  /// Whether the curve is valid; checked after it was read from a file.
  var isSound: Bool { x.count == y.count && !x.isEmpty && zip(x, x.dropFirst()).allSatisfy { $0 < $1 } }

  /// The mapped value; `NaN` stays `NaN`.
  func callAsFunction(_ value: Float) -> Float {
    guard x.count > 1 else { return value.isNaN ? value : y.first ?? value }
    var i = 1
    while i < x.count - 1, value > x[i] { i += 1 }
    return y[i - 1] + (value - x[i - 1]) * (y[i] - y[i - 1]) / (x[i] - x[i - 1])
  }
}
