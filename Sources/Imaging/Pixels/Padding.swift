/// Values that stand apart from a scan's own and mean that nothing was measured: padding around the field of view,
/// such as -2000 in a CT, and text or saturated marks at the largest value that a sample can have.
extension Image {
  /// Makes such values no data.
  ///
  /// A negative value is padding if it is the smallest, reaches the border of the picture, fills `leastPadding` pixels
  /// and their `leastShare`, and lies below all others by a quarter of the range of the others or more; the range is
  /// between their percentiles 1 and 99. A largest value of all its bits is a mark if it lies above all others by that
  /// whole range or more.
  ///
  /// - Parameter bits: bits of a sample in the file.
  /// - Returns: the values, in increasing order.
  package mutating func markPadding(bits: Int) -> [Float] {
    var found: Set<Float> = []
    for channel in 0..<channels {
      for _ in 0..<Self.mostPaddings {
        guard let value = padding(in: channel, bits: bits) else { break }
        found.insert(value)
        markNoData(value, in: channel)
      }
    }
    return found.sorted()
  }

  /// A CT may have padding outside its field of view and around the picture.
  private static let mostPaddings = 3
  private static let leastPadding = 16
  private static let leastShare = 0.0005
  private static let leastMark = 8
  /// Samples of fewer bits are saturated too easily.
  private static let bitsOfMarks = 16
  /// Values of all bits of samples of 16 bits, unsigned and signed. A scanner that measures fewer bits may saturate at
  /// its own largest value in a lesion.
  private static let marks: Set<Float> = [65535, 32767]

  private func padding(in channel: Int, bits: Int) -> Float? {
    let values = Extremes(of: self, channel: channel)
    guard let low = values.low, let high = values.high, let nextLow = values.nextLow, let nextHigh = values.nextHigh
    else { return nil }
    func range(without value: Float) -> Float {
      let sample = ChannelSample(of: [self], channel: channel, excluding: value)
      return sample.quantile(0.99) - sample.quantile(0.01)
    }
    let least = max(Self.leastPadding, Int(Self.leastShare * Double(width * height)))
    if low < 0, values.lowCount >= least, reachesBorder(low, in: channel), case let range = range(without: low),
      range > 0, nextLow - low >= range / 4
    {
      return low
    }
    if bits >= Self.bitsOfMarks, Self.marks.contains(high), values.highCount >= Self.leastMark,
      high - nextHigh > nextHigh - low, case let range = range(without: high), range > 0, high - nextHigh >= range
    {
      return high
    }
    return nil
  }

  /// Whether a pixel of the picture's border has a value: what is around a field of view does, a lesion seldom.
  private func reachesBorder(_ value: Float, in channel: Int) -> Bool {
    (0..<height).contains { y in
      y == 0 || y == height - 1
        ? (0..<width).contains { self[$0, y, channel] == value }
        : self[0, y, channel] == value || self[width - 1, y, channel] == value
    }
  }
}

/// The smallest and the largest value of a channel, how often they occur, and the values next to them.
private struct Extremes {
  var low: Float?
  var lowCount = 0
  var nextLow: Float?
  var high: Float?
  var highCount = 0
  var nextHigh: Float?

  init(of image: Image, channel: Int) {
    image.samples.withUnsafeBufferPointer { samples in
      var (low, high) = (Float.infinity, -Float.infinity)
      var (nextLow, nextHigh) = (Float.infinity, -Float.infinity)
      for i in stride(from: channel, to: samples.count, by: image.channels) {
        let value = samples[i]
        if value < low {
          (nextLow, low, lowCount) = (low, value, 1)
        } else if value == low {
          lowCount += 1
        } else if value < nextLow {
          nextLow = value
        }
        if value > high {
          (nextHigh, high, highCount) = (high, value, 1)
        } else if value == high {
          highCount += 1
        } else if value > nextHigh {
          nextHigh = value
        }
      }
      self.low = low.isFinite ? low : nil
      self.high = high.isFinite ? high : nil
      self.nextLow = nextLow.isFinite ? nextLow : nil
      self.nextHigh = nextHigh.isFinite ? nextHigh : nil
    }
  }
}
