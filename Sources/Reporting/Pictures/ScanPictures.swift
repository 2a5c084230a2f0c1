import Anomaly
import Imaging

/// Draws the pictures of one scan for the pages.
///
/// Each picture is stored once: the scan, its reconstruction, and two transparent pictures that contain only heat. The
/// page draws them over each other and picks channels from them.
package struct ScanPictures: Sendable {
  private let scan: Image
  private let original: Image?
  private let reconstruction: Image
  let heat: HeatLevels
  private let residual: HeatLevels
  private let display: ScanDisplay
  private let emphasis: [Float]

  /// The longest side of a picture, in pixels. A larger scan is reduced for the pages; its heatmap file keeps every
  /// scored pixel.
  package static let longestSide = 2048
  private static let thumbnailSide = 160

  package init(_ layers: ScanLayers, scale: HeatScale, display: ScanDisplay) {
    let longest = max(layers.scan.width, layers.scan.height)
    let factor = (longest + Self.longestSide - 1) / Self.longestSide
    scan = layers.scan.reduced(by: factor)
    // A channel shown in gray needs no original: the page's window and level can show as much.
    original = display == .color && layers.scan.channels == 3 ? layers.original?.reduced(by: factor) : nil
    reconstruction = layers.reconstruction.reduced(by: factor)
    let tissue = layers.tissue.map { $0 ? Float(1) : 0 }.reducedToLargest(by: factor).map { $0 > 0 }
    heat = HeatLevels(of: layers.heatmap.reducedToLargest(by: factor), tissue: tissue, scale: scale)
    residual = HeatLevels(of: layers.residual.reducedToLargest(by: factor), tissue: tissue, scale: scale)
    self.display = display
    emphasis = layers.emphasis
  }

  /// Draws the pictures one after another, so that no two need to be in memory at once.
  package func draw(_ each: (PictureName, Picture) throws -> Void) rethrows {
    try each(.scan, shown(scan))
    if let original { try each(.original, Self.developed(original)) }
    try each(.reconstruction, shown(reconstruction))
    for channel in 0..<Self.separateChannels(scan.channels, display) {
      try each(.channel(channel + 1), gray(scan) { scan.samples[$0 + channel] })
      try each(.reconstructedChannel(channel + 1), gray(reconstruction) { reconstruction.samples[$0 + channel] })
    }
    try each(.residual, residual.picture)
    try each(.heatmap, heat.picture)
    try each(.thumbnail, thumbnail)
  }

  /// The number of channels that a page shows in separate panels.
  static func channelPanels(_ channels: Int, _ display: ScanDisplay) -> Int {
    display == .channels && channels > 1 ? channels : 0
  }

  /// The pictures of a scan, except the original, which only scans in color have.
  static func names(channels: Int, _ display: ScanDisplay) -> [PictureName] {
    let separate = separateChannels(channels, display)
    return PictureName.always + (0..<separate).flatMap { [.channel($0 + 1), .reconstructedChannel($0 + 1)] }
  }

  /// The number of channels that have separate pictures. Up to three channels are stored as the colors of one picture.
  static func separateChannels(_ channels: Int, _ display: ScanDisplay) -> Int {
    channelPanels(channels, display) > 3 ? channels : 0
  }

  // MARK: - Layers

  private func shown(_ image: Image) -> Picture {
    if image.channels == 3 {
      return Picture(
        width: image.width, height: image.height, color: .rgb, samples: image.samples.shown)
    }
    if image.channels == 2, display == .channels {
      var samples = [UInt8](repeating: 0, count: image.width * image.height * 3)
      for pixel in 0..<image.width * image.height {
        for channel in 0..<2 { samples[3 * pixel + channel] = UInt8(shown: image.samples[2 * pixel + channel]) }
      }
      return Picture(width: image.width, height: image.height, color: .rgb, samples: samples)
    }
    return gray(image, lightness(of: image))
  }

  /// The colors as in the file. Black is 0. White depends on the highest sample: it is 1 if that is at most 1, 255 if
  /// that is at most 255, and otherwise the 99.9th percentile of the samples, but at least 1.
  private static func developed(_ image: Image) -> Picture {
    let highest = image.samples.lazy.filter { !$0.isNaN }.max() ?? 1
    var white: Float = highest <= 1 ? 1 : 255
    if highest > 255 {
      let step = max(1, image.samples.count / 100_000)
      let some = stride(from: 0, to: image.samples.count, by: step).map { image.samples[$0] }.filter { !$0.isNaN }
      white = max(some.sorted()[some.count * 999 / 1000], 1)
    }
    return Picture(
      width: image.width, height: image.height, color: .rgb, samples: image.samples.map { UInt8(shown: $0 / white) })
  }

  private func gray(_ image: Image, _ value: (Int) -> Float) -> Picture {
    let samples = (0..<image.width * image.height).map { UInt8(shown: value($0 * image.channels)) }
    return Picture(width: image.width, height: image.height, color: .gray, samples: samples)
  }

  /// A function that returns the lightness of a pixel, given the index of the pixel's first sample.
  private func lightness(of image: Image) -> (Int) -> Float {
    let weights = ChannelViews.lightness(channels: image.channels, display, emphasis: emphasis)
    return { image.weightedSum(of: weights, atSample: $0) }
  }

  /// A small picture of the heatmap blended over the gray scan.
  private var thumbnail: Picture {
    let value = lightness(of: scan)
    let (palette, border) = (heat.palette, heat.border)
    var samples = [UInt8](repeating: 0, count: heat.levels.values.count * 3)
    for index in heat.levels.values.indices {
      let gray = UInt8(shown: value(index * scan.channels))
      let color = heat.blended(index, over: gray, palette: palette, border: border)
      (samples[index * 3], samples[index * 3 + 1], samples[index * 3 + 2]) = color
    }
    let overlay = Picture(
      width: heat.levels.width, height: heat.levels.height, color: .rgb, samples: samples, effort: .little)
    let side = max(overlay.width, overlay.height)
    return overlay.reduced(by: (side + Self.thumbnailSide - 1) / Self.thumbnailSide)
  }
}
