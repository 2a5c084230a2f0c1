/// A standard histogram learned from scans, and the map that brings another scan's histogram onto it.
///
/// Landmarks are the 1st, 10th, 20th ... 90th and 99th percentiles of a channel's foreground. Learned is where they lie on
/// average once every scan's first and last have been brought to the ends of the standard scale; a scan is then mapped
/// piece by piece so that its landmarks come to lie there.
/// Source: Nyúl, Udupa & Zhang 2000, "New variants of a method of MRI scale standardization", doi:10.1109/42.836373.
package struct HistogramStandard: Sendable, Equatable, Codable {
  /// Where the landmarks of each channel lie, ascending.
  package let landmarks: [[Float]]

  private static let shares = [0.01] + (1...9).map { Double($0) / 10 } + [0.99]
  private static let ends: ClosedRange<Float> = 0.1...0.9

  /// - Parameter groups: the images of each scope, a scan or a case; not empty, all of as many channels.
  init(learnedFrom groups: [[Image]]) {
    let channels = groups[0][0].channels
    landmarks = (0..<channels).map { channel in
      var sums = [Float](repeating: 0, count: Self.shares.count)
      var count: Float = 0
      for images in groups {
        let found = Self.landmarks(of: images, channel: channel)
        let span = found.last! - found.first!
        // A constant channel, such as an empty slice's, has no histogram.
        guard span > 0 else { continue }
        let scale = (Self.ends.upperBound - Self.ends.lowerBound) / span
        for i in sums.indices { sums[i] += Self.ends.lowerBound + scale * (found[i] - found.first!) }
        count += 1
      }
      return count > 0 ? sums.map { $0 / count } : [Float](repeating: Self.ends.lowerBound, count: sums.count)
    }
  }

  /// Whether it was read from a file undamaged.
  package func fits(channels: Int) -> Bool {
    landmarks.count == channels && landmarks.allSatisfy { $0.count == Self.shares.count && $0 == $0.sorted() }
  }

  func curve(of images: [Image], channel: Int) -> IntensityCurve {
    let found = Self.landmarks(of: images, channel: channel)
    // Where nothing varies it is as dark as the darkest, wherever that lies.
    guard found.first! < found.last! else { return IntensityCurve(from: [found[0]], to: [Self.ends.lowerBound]) }
    return IntensityCurve(from: found, to: landmarks[channel])
  }

  private static func landmarks(of images: [Image], channel: Int) -> [Float] {
    let foreground = ChannelSample(of: images, channel: channel).foreground
    return shares.map { foreground.quantile($0) }
  }
}

/// A piecewise linear map of intensities, which goes on beyond its ends as its first and last pieces do.
package struct IntensityCurve: Sendable, Equatable, Codable {
  private var x: [Float]
  private var y: [Float]

  /// - Parameters:
  ///   - x: ascending; of equal ones the last counts.
  ///   - y: what they become.
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

  /// Whether it was read from a file undamaged.
  var isSound: Bool { x.count == y.count && !x.isEmpty && zip(x, x.dropFirst()).allSatisfy { $0 < $1 } }

  /// `NaN` stays.
  func callAsFunction(_ value: Float) -> Float {
    guard x.count > 1 else { return value.isNaN ? value : y.first ?? value }
    var i = 1
    while i < x.count - 1, value > x[i] { i += 1 }
    return y[i - 1] + (value - x[i - 1]) * (y[i] - y[i - 1]) / (x[i] - x[i - 1])
  }
}
