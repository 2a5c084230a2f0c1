import Numerics
import Threads

/// How intensities are brought to a common scale before a model sees them. It is stored in the model and applied when
/// scoring.
package struct Normalization: Sendable, Equatable, Codable {
  package enum Method: Sendable, Equatable, Codable {
    case none
    /// Divides by a percentile of the foreground, in 0...100; result in 0...1.5.
    case percentile(Double)
    /// Maps `low...high`, in the file's units, to 0...1.
    case window(low: Float, high: Float)
    /// Puts the mean of the foreground at 0.5 and makes one standard deviation 0.12; result in 0...1.5.
    case standardScore
    /// Puts the median of tissue at 0.5 and makes one robust standard deviation (1.4826 times the median absolute
    /// deviation) 0.12; result in 0...1.5. A lesion hardly changes it, unlike the brightest percentile or the mean.
    case robust
    /// Fits the histogram of the foreground to a histogram learned from the training scans; result in 0...1.5.
    case histogram
    /// Optical density of a stained slide, natural logarithm; result in 0...1.5.
    case opticalDensity
    /// Light through a stained slide, with the stains mapped to a standard; result in 0...1.5, glass at 1.
    case macenko
  }

  /// The range of normalized intensities; unbounded for `none`.
  package var range: ClosedRange<Float> {
    switch method {
    case .none: -Float.infinity...Float.infinity
    case .window: 0...1
    case .percentile, .standardScore, .robust, .histogram, .opticalDensity, .macenko: 0...1.5
    }
  }

  /// The center of the values (`robust`: median of the tissue; `standardScore`: mean of the foreground) is mapped to
  /// `middle`, and one standard deviation becomes `deviation`.
  private static let (middle, deviation): (Float, Float) = (0.5, 0.12)

  package enum Scope: String, Sendable, Codable {
    case scan
    /// All scans of a case share their parameters, so that the slices of a volume stay comparable.
    case wholeCase = "case"
    /// All scans, including later ones, use the parameters of the training scans.
    case trainingSet = "training-set"
  }

  package var method: Method
  package var scope: Scope
  /// Parameters that `learned(from:)` found; set for the scope `trainingSet`.
  package private(set) var fixed: NormalizationParameters?
  /// Standard histogram that `learned(from:)` found; set for the method `histogram`.
  package private(set) var standard: HistogramStandard?

  package init(method: Method = .percentile(99), scope: Scope = .scan) {
    self.method = method
    self.scope = scope
  }

  /// Number of channels that the method needs; `nil` if it works with any number.
  package var neededChannels: Int? {
    switch method {
    case .opticalDensity, .macenko: 3
    default: nil
    }
  }

  /// Whether the normalization is complete and valid for this number of channels; checked after it was read from a
  /// file.
  package func fits(channels: Int) -> Bool {
    if case .percentile(let percent) = method, !(0...100).contains(percent) { return false }
    if let neededChannels, neededChannels != channels { return false }
    if scope == .trainingSet {
      guard let fixed, fixed.fits(channels: channels), (neededChannels != nil) == (fixed.stain != nil),
        (method == .histogram) == (fixed.curves != nil)
      else { return false }
    }
    return method != .histogram || standard?.fits(channels: channels) == true
  }

  /// Whether it needs data from the training scans.
  package var isLearned: Bool { method == .histogram || scope == .trainingSet }

  /// The same normalization, with the data that it needs from the training scans.
  ///
  /// - Parameters:
  ///   - cases: the images of each case, at least one case with at least one image; evaluated only if something is
  ///     learned from them.
  ///   - look: how tissue differs from its background in these images.
  package func learned(
    from cases: @autoclosure () -> [[Image]], appearing look: TissueLook = .bright
  ) -> Normalization {
    guard isLearned else { return self }
    let cases = cases()
    var result = self
    if method == .histogram {
      result.standard = HistogramStandard(learnedFrom: scope == .scan ? cases.joined().map { [$0] } : cases)
    }
    if scope == .trainingSet {
      let images = Array(cases.joined())
      result.fixed = result.parameters(of: images, tissue: Self.tissue(of: images, appearing: look))
    }
    return result
  }

  /// The parameters for normalizing each channel of these images, which must all have the same number of channels.
  ///
  /// Foreground is every value that lies more than a twentieth of the way from the channel's darkest value to its
  /// brightest (both without the most extreme thousandth). The origin is the darkest value, not zero, since a
  /// background need not be zero. NaN is left out; a channel without any spread is not scaled.
  ///
  /// - Parameters:
  ///   - tissue: tissue masks of the images, used only by `robust`; computed if not given.
  package func parameters(
    of images: [Image], tissue: [TissueMask]? = nil
  ) -> NormalizationParameters {
    let channels = images.first?.channels ?? 0
    precondition(images.allSatisfy { $0.channels == channels }, "images of one scope differ in their channels")
    if scope == .trainingSet, let fixed { return fixed }
    switch method {
    case .none:
      return NormalizationParameters(channels: channels, offset: 0, scale: 1, range: nil)
    case .window(let low, let high):
      return NormalizationParameters(channels: channels, offset: low, scale: Self.usable(high - low), range: range)
    case .percentile(let percent):
      precondition((0...100).contains(percent), "percentile \(percent)")
      var result = NormalizationParameters(channels: channels, offset: 0, scale: 1, range: range)
      let scales = Parallel.map(channels) { channel in
        let sample = ChannelSample(of: images, channel: channel)
        return (sample.darkest, Self.usable(sample.foreground.quantile(percent / 100) - sample.darkest))
      }
      (result.offset, result.scale) = (scales.map(\.0), scales.map(\.1))
      return result
    case .robust:
      return robustParameters(
        of: images, tissue: tissue ?? Self.tissue(of: images), channels: channels)
    case .histogram:
      guard let standard else { preconditionFailure("a histogram's standard was not learned") }
      var result = NormalizationParameters(channels: channels, offset: 0, scale: 1, range: range)
      result.curves = Parallel.map(channels) { standard.curve(of: images, channel: $0) }
      return result
    case .opticalDensity, .macenko:
      var result = NormalizationParameters(channels: channels, offset: 0, scale: 1, range: range)
      result.stain =
        method == .macenko ? StainTransform.macenko(of: images) : StainTransform.density(of: images)
      return result
    case .standardScore:
      var result = NormalizationParameters(channels: channels, offset: 0, scale: 1, range: range)
      let moments = Parallel.map(channels) { ChannelSample(of: images, channel: $0).foreground.moments }
      for (channel, (mean, deviation)) in moments.enumerated() {
        result.scale[channel] = Self.usable(deviation / Self.deviation)
        result.offset[channel] = mean - Self.middle * result.scale[channel]
      }
      return result
    }
  }

  /// Finds the tissue pixels in the images of one case, before normalization: `robust` needs the mask to measure in.
  ///
  /// - Parameters:
  ///   - channels: the channels that show tissue; `nil` for all.
  package static func tissue(
    of images: [Image], channels: [Int]? = nil, appearing look: TissueLook = .bright
  ) -> [TissueMask] {
    guard !images.isEmpty else { return [] }
    if look == .stained { return Parallel.map(images.count) { TissueMask(of: images[$0].stainedness) } }
    let seen = images.map { image in channels.map { image.channels($0) } ?? image }
    if look == .everywhere { return seen.map { TissueMask(ofDataIn: $0) } }
    let coarse = Normalization(method: .percentile(99), scope: .wholeCase)
    let shared = coarse.parameters(of: seen)
    return Parallel.map(seen.count) { TissueMask(of: coarse.apply(shared, to: seen[$0])) }
  }

  /// Parameters from the median and the median absolute deviation over the tissue of all images.
  private func robustParameters(
    of images: [Image], tissue masks: [TissueMask], channels: Int
  ) -> NormalizationParameters {
    var result = NormalizationParameters(channels: channels, offset: 0, scale: 1, range: range)
    let reach = Normalization(method: .percentile(99)).parameters(of: images).scale
    let spreads = Parallel.map(channels) { channel -> (median: Float, spread: Float)? in
      var values: [Float] = []
      for (image, mask) in zip(images, masks) {
        for pixel in mask.values.indices where mask.values[pixel] {
          let value = image.samples[pixel * channels + channel]
          if value.isFinite { values.append(value) }
        }
      }
      guard !values.isEmpty else { return nil }
      let median = values.median()
      for i in values.indices { values[i] = abs(values[i] - median) }
      // The spread of a nearly constant channel counts as at least 3 % of its reach, so that its noise is not
      // amplified.
      return (median, max(1.4826 * values.median(), 0.03 * reach[channel]))
    }
    for (channel, found) in spreads.enumerated() {
      guard let found else { continue }
      result.scale[channel] = Self.usable(found.spread / Self.deviation)
      result.offset[channel] = found.median - Self.middle * result.scale[channel]
    }
    return result
  }

  package func apply(_ parameters: NormalizationParameters, to image: Image) -> Image {
    precondition(
      parameters.offset.count == image.channels,
      "parameters for \(parameters.offset.count) channels, image has \(image.channels)")
    var result = parameters.stain?.apply(to: image) ?? image
    let channels = image.channels
    let low = parameters.range?.lowerBound ?? -.infinity
    let high = parameters.range?.upperBound ?? .infinity
    result.samples.withUnsafeMutableBufferPointer { samples in
      for channel in 0..<channels {
        let (offset, scale) = (parameters.offset[channel], 1 / parameters.scale[channel])
        let curve = parameters.curves?[channel]
        for index in stride(from: channel, to: samples.count, by: channels) {
          let value = curve?(samples[index]) ?? (samples[index] - offset) * scale
          // NaN fails both comparisons and stays.
          samples[index] = value < low ? low : value > high ? high : value
        }
      }
    }
    return result
  }

  private static func usable(_ scale: Float) -> Float { scale.isFinite && scale > 0 ? scale : 1 }
}
