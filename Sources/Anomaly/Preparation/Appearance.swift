import Foundation
import Imaging

/// What a scan or a case looks like to a stranger: a few numbers that a lesion hardly moves and another scanner, stain,
/// organ or modality does.
///
/// All are medians, quantiles or shares over the tissue, measured on the model's grid before normalization, and none
/// changes when a channel is multiplied by a number or has one added to it: cases of one population differ in gain.
package struct Appearance: Codable, Sendable, Equatable {
  /// In the order of `AppearanceFeature.all`; `nil` where a feature is not defined, such as the noise of an empty channel.
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

  /// A median over fewer pixels says nothing.
  static let fewestPixels = 50
  /// Training leaves out scans with less tissue.
  static let leastTissueShare = 0.02

  private var tissueShare: Double { values.first.flatMap { $0 } ?? 0 }

  /// Stored in models and indexes: four decimals are far finer than any difference that matters.
  private static func rounded(_ value: Double) -> Double { (value * 1e4).rounded() / 1e4 }

  /// - Parameter sorted: ascending.
  /// - Returns: interpolated; `nil` where there are no values.
  static func quantile(_ share: Double, of sorted: [some BinaryFloatingPoint]) -> Double? {
    guard !sorted.isEmpty else { return nil }
    let place = share * Double(sorted.count - 1)
    let (low, part) = (Int(place), place - place.rounded(.down))
    let high = min(low + 1, sorted.count - 1)
    let (lower, upper) = (Double(sorted[low]), Double(sorted[high]))
    return lower + (upper - lower) * part
  }
}

/// One number of an appearance.
package struct AppearanceFeature: Sendable, Equatable {
  package enum Kind: String, Sendable, CaseIterable {
    /// Share of the scan that is tissue, in 0...1.
    case tissueShare
    /// Shorter edge in pixels of the model's grid, as a logarithm.
    case size
    /// Micrometers a pixel of the model's grid, as a logarithm; undefined where the file does not say.
    case pixelSize
    /// Share of the tissue where the channel has no data or its darkest value, in 0...1; 1 for a constant channel.
    case empty
    /// Median above the channel's darkest value, in robust deviations, as a logarithm.
    case level
    /// Quartile skewness `(q75 + q25 - 2 q50) / (q75 - q25)`, in -1...1. Source: Bowley 1901.
    case asymmetry
    /// `(q90 - q10) / (q75 - q25)`, as a logarithm.
    case tails
    /// Median absolute Laplacian in robust deviations, as a logarithm. Source: Immerkær 1996, doi:10.1006/cviu.1996.0060,
    /// with a median in place of the mean.
    case noise
    /// Median absolute band between Gaussians of 0 and 1 pixel over that between 1 and 2, as a logarithm.
    case sharpness
    /// The same, one octave coarser: 1 to 2 over 2 to 4 pixels.
    case structure
    /// A channel's median above its darkest value among all channels', as a logarithm of its share.
    case balance
    /// Quadrant correlation of two channels, in -1...1. Source: Mosteller 1946, doi:10.1214/aoms/1177730881.
    case correlation
    /// Median absolute difference from the reconstruction over the normalized tissue, as a logarithm.
    case residual
    /// Distance of the encoding from those of the training scans, see `LatentReference`, as a logarithm.
    case encoding
  }

  package let kind: Kind
  /// Zero-based; `nil` for what belongs to the whole scan.
  package let channel: Int?
  package let other: Int?
  /// Whether the scan has further channels, so that this one has to be named.
  private let isOneOfMany: Bool

  /// Under which a reference stores it.
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

  /// A smaller difference is of no consequence, however sure. For logarithms it is a ratio of 1.22: training varies a
  /// channel's gain by 15 % to either side.
  var leastDifference: Double {
    switch kind {
    case .tissueShare, .empty: 0.05
    case .asymmetry, .correlation: 0.1
    case .size, .pixelSize, .level, .tails, .noise, .sharpness, .structure, .balance, .residual, .encoding: 0.2
    }
  }

  package static func all(channels: Int) -> [AppearanceFeature] {
    func feature(_ kind: Kind, _ channel: Int? = nil, _ other: Int? = nil) -> AppearanceFeature {
      AppearanceFeature(kind: kind, channel: channel, other: other, isOneOfMany: channels > 1)
    }
    let own: [Kind] = [.empty, .level, .asymmetry, .tails, .noise, .sharpness, .structure]
    return [feature(.tissueShare), feature(.size), feature(.pixelSize)]
      + (0..<channels).flatMap { c in own.map { feature($0, c) } }
      + (channels > 1 ? (0..<channels).map { feature(.balance, $0) } : [])
      + pairs(channels).map { feature(.correlation, $0, $1) } + (0..<channels).map { feature(.residual, $0) }
      + [feature(.encoding)]
  }

  /// All pairs of few channels; of many only neighbours, since their number would drown the other features.
  static func pairs(_ channels: Int) -> [(Int, Int)] {
    (0..<channels).flatMap { a in
      (a + 1..<max(channels, a + 1)).filter { channels <= 4 || $0 == a + 1 }.map { (a, $0) }
    }
  }
}
