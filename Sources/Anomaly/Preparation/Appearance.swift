import Foundation
import Imaging

/// A few numbers that describe how a scan or a case looks. A lesion hardly changes them, but another scanner, stain,
/// organ or modality does.
///
/// All are medians, quantiles or shares over the tissue, measured on the model's grid before normalization. Where norma
/// measures nothing in the units of the study (`SharedUnits`), cases of one population may differ in gain, and no
/// feature changes when a channel is multiplied by a number or has a number added to it. Elsewhere `brightness` and
/// `contrast` do.
package struct Appearance: Codable, Sendable, Equatable {
  /// Values in the order of `AppearanceFeature.all`; `nil` where a feature is not defined, such as the noise of an
  /// empty channel.
  package var values: [Double?]

  package init(values: [Double?]) { self.values = values }

  /// The appearance of a case: the median of each feature over its scans. Scans with next to no tissue are left out.
  package init(of scans: [Appearance]) {
    let showing = scans.filter { $0.tissueShare > Self.leastTissueShare }
    let count = scans.map(\.values.count).max() ?? 0
    values = (0..<count).map { feature in
      let known = showing.compactMap { $0.values[feature] }.sorted()
      guard let middle = Self.quantile(0.5, of: known) else { return nil }
      return Self.rounded(middle)
    }
    if showing.isEmpty, count > 0 { values[0] = 0 }
  }

  /// Fewest pixels over which a median is taken; a median of fewer is not reliable.
  static let fewestPixels = 50
  /// Scans with a smaller share of tissue do not count; training leaves them out too.
  static let leastTissueShare = 0.02

  private var tissueShare: Double { values.first.flatMap { $0 } ?? 0 }

  /// Rounds values for storage in models and indexes: four decimals are far finer than any difference that matters.
  private static func rounded(_ value: Double) -> Double { (value * 1e4).rounded() / 1e4 }

  /// - Parameter sorted: ascending.
  /// - Returns: the interpolated quantile; `nil` where there are no values.
  static func quantile(_ share: Double, of sorted: [some BinaryFloatingPoint]) -> Double? {
    guard !sorted.isEmpty else { return nil }
    let place = share * Double(sorted.count - 1)
    let (low, part) = (Int(place), place - place.rounded(.down))
    let high = min(low + 1, sorted.count - 1)
    let (lower, upper) = (Double(sorted[low]), Double(sorted[high]))
    return lower + (upper - lower) * part
  }
}

/// One feature of an appearance, which has one value.
package struct AppearanceFeature: Sendable, Equatable {
  package enum Kind: String, Sendable, CaseIterable {
    /// Share of the scan that is tissue, in 0...1.
    case tissueShare
    /// Logarithm of the shorter edge in pixels of the model's grid.
    case size
    /// Logarithm of the edge length in micrometers of a pixel of the model's grid; undefined where the file does not
    /// say.
    case pixelSize
    /// Share of the tissue where the channel has no data or its darkest value, in 0...1; 1 for a constant channel.
    case empty
    /// Logarithm of the median's height above the channel's darkest value, in robust standard deviations.
    case level
    /// Median in the study's units; undefined where scans share none.
    case brightness
    /// Logarithm of the robust standard deviation in the study's units; undefined where scans share none.
    case contrast
    /// Quartile skewness `(q75 + q25 - 2 q50) / (q75 - q25)`, in -1...1. Source: Bowley 1901.
    case asymmetry
    /// Logarithm of `(q90 - q10) / (q75 - q25)`.
    case tails
    /// Logarithm of the median absolute Laplacian in robust standard deviations. Source: Immerkær 1996,
    /// doi:10.1006/cviu.1996.0060, with a median in place of the mean.
    case noise
    /// Logarithm of the ratio of two median absolute differences: the one between the images blurred by Gaussians of 0
    /// and 1 pixel, over the one between the images blurred by 1 and 2 pixels.
    case sharpness
    /// The same ratio one octave coarser: the difference between 1 and 2 pixels, over the one between 2 and 4.
    case structure
    /// Logarithm of a channel's share in the sum over channels. Each channel adds the height of its median above its
    /// darkest value.
    case balance
    /// Quadrant correlation of two channels, in -1...1. Source: Mosteller 1946, doi:10.1214/aoms/1177730881.
    case correlation
    /// Logarithm of the median absolute difference between the normalized scan and its reconstruction, over the tissue.
    case residual
    /// Logarithm of the distance of the encoding from those of the training scans, see `LatentReference`.
    case encoding
  }

  package let kind: Kind
  /// Zero-based index of the channel; `nil` for features of the whole scan.
  package let channel: Int?
  package let other: Int?
  /// Whether the scan has further channels, so that this channel has to be named.
  private let isOneOfMany: Bool

  /// Key under which a reference stores the feature.
  package var key: String {
    ([kind.rawValue] + [channel, other].compactMap { $0.map { "\($0 + 1)" } }).joined(separator: " ")
  }

  /// The feature in a user's words.
  package var name: String {
    let owner = isOneOfMany ? " of channel \((channel ?? 0) + 1)" : ""
    return switch kind {
    case .tissueShare: "the share of tissue"
    case .size: "the size of the scans"
    case .pixelSize: "the pixel size"
    case .empty: "the empty share\(owner)"
    case .level: "the brightness\(owner) in units of its spread"
    case .brightness: "the brightness\(owner)"
    case .contrast: "the contrast\(owner)"
    case .asymmetry: "the asymmetry of the intensities\(owner)"
    case .tails: "the reach of the intensities\(owner)"
    case .noise: "the noise\(owner)"
    case .sharpness: "the sharpness\(owner)"
    case .structure: "the coarse structure\(owner)"
    case .balance: "the share of the brightness\(owner)"
    case .correlation: "the correlation of channels \((channel ?? 0) + 1) and \((other ?? 0) + 1)"
    case .residual: "what the model cannot reconstruct\(owner)"
    case .encoding: "the place in the model's latent space"
    }
  }

  /// Differences smaller than this are ignored, even if they are significant. For logarithms, 0.2 is a ratio of 1.22:
  /// training varies a channel's gain by 15 % in either direction.
  var leastDifference: Double {
    switch kind {
    case .tissueShare, .empty: 0.05
    case .asymmetry, .correlation: 0.1
    case .size, .pixelSize, .level, .brightness, .contrast, .tails, .noise, .sharpness, .structure, .balance, .residual,
      .encoding:
      0.2
    }
  }

  package static func all(channels: Int) -> [AppearanceFeature] {
    func feature(_ kind: Kind, _ channel: Int? = nil, _ other: Int? = nil) -> AppearanceFeature {
      AppearanceFeature(kind: kind, channel: channel, other: other, isOneOfMany: channels > 1)
    }
    let own: [Kind] = [.empty, .level, .brightness, .contrast, .asymmetry, .tails, .noise, .sharpness, .structure]
    return [feature(.tissueShare), feature(.size), feature(.pixelSize)]
      + (0..<channels).flatMap { c in own.map { feature($0, c) } }
      + (channels > 1 ? (0..<channels).map { feature(.balance, $0) } : [])
      + pairs(channels).map { feature(.correlation, $0, $1) } + (0..<channels).map { feature(.residual, $0) }
      + [feature(.encoding)]
  }

  /// All pairs if there are at most 4 channels; otherwise only neighbours, because all pairs would outnumber the other
  /// features.
  static func pairs(_ channels: Int) -> [(Int, Int)] {
    (0..<channels).flatMap { a in
      (a + 1..<max(channels, a + 1)).filter { channels <= 4 || $0 == a + 1 }.map { (a, $0) }
    }
  }
}
