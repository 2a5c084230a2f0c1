import Numerics

/// The finite values of one channel, sorted; a random sample of them if there are many.
struct ChannelSample {
  private let values: ArraySlice<Float>
  /// With this many values, percentiles are off by less than a thousandth of the distribution.
  private static let mostValues = 1 << 18
  private static let trimmed = 0.001

  /// - Parameter excluded: a value that is left out.
  init(of images: [Image], channel: Int, excluding excluded: Float? = nil) {
    let pixels = images.reduce(0) { $0 + $1.width * $1.height }
    let step = max(1, pixels / Self.mostValues)
    // Steps have random length, since even steps would interfere with the picture's rows. The generator is seeded, so
    // that results repeat.
    var generator = SplitMix64(state: 0x6E6F_726D)
    var values: [Float] = []
    values.reserveCapacity(min(pixels, Self.mostValues) + pixels / (step * 8))
    for image in images {
      let count = image.width * image.height
      var pixel = 0
      while pixel < count {
        let value = image.samples[pixel * image.channels + channel]
        if value.isFinite, value != excluded { values.append(value) }
        pixel += step == 1 ? 1 : Int.random(in: 1...(2 * step - 1), using: &generator)
      }
    }
    values = values.sortedByBits()
    self.values = values[...]
  }

  private init(values: ArraySlice<Float>) { self.values = values }

  /// The darkest value, leaving out the most extreme thousandth.
  var darkest: Float { quantile(Self.trimmed) }

  /// The values brighter than a twentieth of the way from the darkest to the brightest value (both without the most
  /// extreme thousandth); all values if none are.
  var foreground: ChannelSample {
    let (low, high) = (darkest, quantile(1 - Self.trimmed))
    let threshold = low + (high - low) / 20
    var (first, last) = (values.startIndex, values.endIndex)
    while first < last {
      let middle = (first + last) / 2
      if values[middle] > threshold { last = middle } else { first = middle + 1 }
    }
    return first == values.endIndex ? self : ChannelSample(values: values[first...])
  }

  /// The value below which this share of the values lies, interpolated; zero if there are no values.
  func quantile(_ share: Double) -> Float {
    guard !values.isEmpty else { return 0 }
    let place = share * Double(values.count - 1)
    let index = values.startIndex + Int(place)
    let next = min(index + 1, values.endIndex - 1)
    return values[index] + (values[next] - values[index]) * Float(place - place.rounded(.down))
  }

  var moments: (mean: Float, deviation: Float) {
    guard !values.isEmpty else { return (0, 0) }
    let mean = values.reduce(0.0) { $0 + Double($1) } / Double(values.count)
    let variance = values.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(values.count)
    return (Float(mean), Float(variance.squareRoot()))
  }
}

/// Source: Steele, Lea & Flood 2014, doi:10.1145/2714064.2660195.
private struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
