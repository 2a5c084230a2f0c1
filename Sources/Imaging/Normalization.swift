/// How intensities are brought to a common scale before a model sees them. Stored in the model, applied when scoring.
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
    /// deviation) 0.12; result in 0...1.5. Hardly moved by a lesion, unlike the brightest percentile or the mean.
    case robust
  }

  /// Where normalized intensities lie; without bounds for `none`.
  package var range: ClosedRange<Float> {
    switch method {
    case .none: -Float.infinity...Float.infinity
    case .window: 0...1
    case .percentile, .standardScore, .robust: 0...1.5
    }
  }

  /// What median and one deviation of tissue become, where a method sets them.
  private static let (middle, deviation): (Float, Float) = (0.5, 0.12)

  package enum Scope: String, Sendable, Codable {
    case scan
    /// All scans of a case share their parameters, so that slices of a volume stay comparable.
    case wholeCase = "case"
  }

  package var method: Method
  package var scope: Scope

  package init(method: Method = .percentile(99), scope: Scope = .scan) {
    self.method = method
    self.scope = scope
  }

  /// What to do to each channel of these images, all of which have the same number of channels.
  ///
  /// Foreground is what lies more than a twentieth of the way from the channel's darkest value to its brightest (both
  /// without the most extreme thousandth). The darkest value, not zero, is the origin, since a background need not be
  /// zero. NaN is left out; a channel without any spread is not scaled.
  ///
  /// - Parameter tissue: masks of the images, for `robust` alone; worked out where they are not given.
  package func parameters(of images: [Image], tissue: [TissueMask]? = nil) -> NormalizationParameters {
    let channels = images.first?.channels ?? 0
    precondition(images.allSatisfy { $0.channels == channels }, "images of one scope differ in their channels")
    switch method {
    case .none:
      return NormalizationParameters(channels: channels, offset: 0, scale: 1, range: nil)
    case .window(let low, let high):
      return NormalizationParameters(channels: channels, offset: low, scale: Self.usable(high - low), range: range)
    case .percentile(let percent):
      precondition((0...100).contains(percent), "percentile \(percent)")
      var result = NormalizationParameters(channels: channels, offset: 0, scale: 1, range: range)
      for channel in 0..<channels {
        let sample = ChannelSample(of: images, channel: channel)
        let value = sample.foreground.quantile(percent / 100)
        result.offset[channel] = sample.darkest
        result.scale[channel] = Self.usable(value - sample.darkest)
      }
      return result
    case .robust:
      return robustParameters(of: images, tissue: tissue ?? Self.tissue(of: images), channels: channels)
    case .standardScore:
      var result = NormalizationParameters(channels: channels, offset: 0, scale: 1, range: range)
      for channel in 0..<channels {
        let (mean, deviation) = ChannelSample(of: images, channel: channel).foreground.moments
        result.scale[channel] = Self.usable(deviation / Self.deviation)
        result.offset[channel] = mean - Self.middle * result.scale[channel]
      }
      return result
    }
  }

  /// Which pixels are tissue, from the pictures of one case as they were read: the mask has to stand before `robust` can
  /// measure in it.
  ///
  /// - Parameter channels: those that show tissue; `nil` for all.
  package static func tissue(of images: [Image], channels: [Int]? = nil) -> [TissueMask] {
    guard !images.isEmpty else { return [] }
    let coarse = Normalization(method: .percentile(99), scope: .wholeCase)
    let seen = images.map { image in channels.map { image.channels($0) } ?? image }
    let shared = coarse.parameters(of: seen)
    return seen.map { TissueMask(of: coarse.apply(shared, to: $0)) }
  }

  /// Median and median absolute deviation over the tissue of all images.
  private func robustParameters(
    of images: [Image], tissue masks: [TissueMask], channels: Int
  ) -> NormalizationParameters {
    var result = NormalizationParameters(channels: channels, offset: 0, scale: 1, range: range)
    let reach = Normalization(method: .percentile(99)).parameters(of: images).scale
    for channel in 0..<channels {
      var values: [Float] = []
      for (image, mask) in zip(images, masks) {
        for pixel in mask.isTissue.indices where mask.isTissue[pixel] {
          let value = image.samples[pixel * channels + channel]
          if value.isFinite { values.append(value) }
        }
      }
      guard !values.isEmpty else { continue }
      let median = values.median()
      for i in values.indices { values[i] = abs(values[i] - median) }
      // A channel that is nearly constant is not blown up: its spread counts as at least 3 % of its reach.
      let spread = max(1.4826 * values.median(), 0.03 * reach[channel])
      result.scale[channel] = Self.usable(spread / Self.deviation)
      result.offset[channel] = median - Self.middle * result.scale[channel]
    }
    return result
  }

  package func apply(_ parameters: NormalizationParameters, to image: Image) -> Image {
    precondition(
      parameters.offset.count == image.channels,
      "parameters for \(parameters.offset.count) channels, image has \(image.channels)")
    var result = image
    let channels = image.channels
    let low = parameters.range?.lowerBound ?? -.infinity
    let high = parameters.range?.upperBound ?? .infinity
    result.samples.withUnsafeMutableBufferPointer { samples in
      for channel in 0..<channels {
        let (offset, scale) = (parameters.offset[channel], 1 / parameters.scale[channel])
        for index in stride(from: channel, to: samples.count, by: channels) {
          let value = (samples[index] - offset) * scale
          // NaN fails both comparisons and stays.
          samples[index] = value < low ? low : value > high ? high : value
        }
      }
    }
    return result
  }

  private static func usable(_ scale: Float) -> Float { scale.isFinite && scale > 0 ? scale : 1 }
}
