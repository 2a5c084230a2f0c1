import Foundation
import Imaging
import Numerics

extension Appearance {
  /// Measures one scan, but for the features in the study's units, see `PreparedScan.appearance`.
  ///
  /// - Parameters:
  ///   - scan: image on the model's grid, before normalization.
  ///   - tissue: mask of the same size.
  ///   - depth: distance to the tissue's edge.
  init(of scan: Image, tissue: TissueMask, depth: Plane<Float>) {
    let c = scan.channels
    let channels = (0..<c).map { Channel(scan.channels([$0]), tissue: tissue, depth: depth) }
    var found: [String: Double] = [:]
    func set(_ kind: AppearanceFeature.Kind, _ value: Double?, _ places: Int...) {
      found[([kind.rawValue] + places.map { "\($0 + 1)" }).joined(separator: " ")] = value
    }
    set(.tissueShare, tissue.share)
    set(.size, log(Double(max(min(scan.width, scan.height), 1))))
    set(.pixelSize, scan.pixelSize.map { log(($0.x * $0.y).squareRoot()) })
    let levels = channels.map { $0.height ?? 0 }
    for (k, channel) in channels.enumerated() {
      set(.empty, channel.empty, k)
      if let height = channel.height, levels.allSatisfy({ $0 > 0 }) {
        set(.balance, log(height / levels.reduce(0, +)), k)
      }
      guard let shape = channel.shape else { continue }
      set(.level, shape.level, k)
      set(.asymmetry, shape.asymmetry, k)
      set(.tails, shape.tails, k)
      set(.noise, shape.noise, k)
      set(.sharpness, shape.sharpness, k)
      set(.structure, shape.structure, k)
    }
    for (a, b) in AppearanceFeature.pairs(c) {
      set(.correlation, Self.quadrantCorrelation(of: scan, a, b, tissue: tissue), a, b)
    }
    values = AppearanceFeature.all(channels: c).map { found[$0.key].flatMap { $0.isFinite ? $0 : nil } }
  }

  /// Mean product of the signs of two channels about their medians over the tissue.
  private static func quadrantCorrelation(of scan: Image, _ a: Int, _ b: Int, tissue: TissueMask) -> Double? {
    var pairs: [(Float, Float)] = []
    for pixel in tissue.values.indices where tissue.values[pixel] {
      let (x, y) = (scan.samples[pixel * scan.channels + a], scan.samples[pixel * scan.channels + b])
      if x.isFinite, y.isFinite { pairs.append((x, y)) }
    }
    guard pairs.count >= Self.fewestPixels else { return nil }
    let (x0, y0) = (pairs.map(\.0).median(), pairs.map(\.1).median())
    let signs = pairs.reduce(0) { sum, pair in
      sum + (pair.0 > x0 ? 1 : pair.0 < x0 ? -1 : 0) * (pair.1 > y0 ? 1 : pair.1 < y0 ? -1 : 0)
    }
    return Double(signs) / Double(pairs.count)
  }
}

/// Measurements of one channel.
private struct Channel {
  struct Shape {
    var level: Double
    var asymmetry: Double
    var tails: Double
    var noise: Double
    var sharpness: Double
    var structure: Double
  }

  /// Pixels nearer to the tissue's edge than this are left out of the texture, if enough others remain.
  private static let margin: Float = 2

  /// Share of the tissue without data or at the channel's darkest value.
  let empty: Double?
  /// Median above the darkest value, in the file's units.
  let height: Double?
  /// `nil` where the channel is constant or has too little tissue.
  let shape: Shape?

  init(_ image: Image, tissue: TissueMask, depth: Plane<Float>) {
    let inside = tissue.values.indices.filter { tissue.values[$0] }
    let all = image.samples.filter(\.isFinite).sortedByBits()
    guard let darkest = Appearance.quantile(0.001, of: all), let brightest = Appearance.quantile(0.999, of: all) else {
      (empty, height, shape) = (inside.isEmpty ? nil : 1, nil, nil)
      return
    }
    let isConstant = !(brightest > darkest)
    let values = inside.map { image.samples[$0] }.filter(\.isFinite).sortedByBits()
    // Pixels at the darkest value are a missing part of the field of view, not dark tissue.
    let nothing = inside.count { !(image.samples[$0].isFinite && Double(image.samples[$0]) > darkest) }
    empty = inside.isEmpty ? nil : isConstant ? 1 : Double(nothing) / Double(inside.count)
    guard values.count >= Appearance.fewestPixels, !isConstant else {
      (height, shape) = (nil, nil)
      return
    }
    func quantile(_ share: Double) -> Double { Appearance.quantile(share, of: values)! }
    let median = quantile(0.5)
    let least = 0.01 * (brightest - darkest)
    let deviation = Appearance.quantile(0.5, of: values.map { Float(abs(Double($0) - median)) }.sortedByBits())!
    let spread = max(1.4826 * deviation, least)
    let quartiles = max(quantile(0.75) - quantile(0.25), least)
    height = max(median - darkest, least)
    let texture = Self.texture(of: image, depth: depth, filling: Float(median))
    // An image that is rounded to few levels has differences of zero, so both terms are kept away from zero.
    func ratio(_ a: Double, _ b: Double) -> Double { log(max(a, 1e-3 * spread) / max(b, 1e-3 * spread)) }
    shape = Shape(
      level: log(max(median - darkest, least) / spread),
      asymmetry: (quantile(0.75) + quantile(0.25) - 2 * median) / quartiles,
      tails: log(max(quantile(0.9) - quantile(0.1), quartiles) / quartiles),
      noise: ratio(texture.laplacian, spread), sharpness: ratio(texture.bands[0], texture.bands[1]),
      structure: ratio(texture.bands[1], texture.bands[2]))
  }

  /// Median absolute Laplacian, and median absolute differences between images blurred by Gaussians of 0, 1, 2 and 4
  /// pixels.
  private static func texture(
    of image: Image, depth: Plane<Float>, filling: Float
  ) -> (laplacian: Double, bands: [Double]) {
    var filled = image
    for i in filled.samples.indices where !filled.samples[i].isFinite { filled.samples[i] = filling }
    var places = depth.values.indices.filter { depth.values[$0] > margin && image.samples[$0].isFinite }
    if places.count < Appearance.fewestPixels {
      places = depth.values.indices.filter { depth.values[$0] > 0 && image.samples[$0].isFinite }
    }
    let (width, height) = (image.width, image.height)
    let laplacian = places.map { i in
      let (x, y) = (i % width, i / width)
      let neighbours =
        filled.samples[y * width + max(x - 1, 0)] + filled.samples[y * width + min(x + 1, width - 1)]
        + filled.samples[max(y - 1, 0) * width + x] + filled.samples[min(y + 1, height - 1) * width + x]
      return abs(neighbours - 4 * filled.samples[i])
    }
    var finer = filled
    let bands = [Float(1), 2, 4].map { sigma in
      let coarser = filled.blurred(sigma: sigma)
      let band = places.map { abs(finer.samples[$0] - coarser.samples[$0]) }
      finer = coarser
      return Double(band.median())
    }
    return (Double(laplacian.median()), bands)
  }
}
