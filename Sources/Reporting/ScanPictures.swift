import Anomaly
import Imaging

/// Draws what the pages show of one scan.
package struct ScanPictures: Sendable {
  private let scan: Image
  private let reconstruction: Image
  private let heatmap: Heatmap
  private let residual: Heatmap
  /// `[height, width]`
  private let tissue: [Bool]
  private let scale: HeatScale
  private let display: ScanDisplay
  private let emphasis: [Float]

  /// A scan with a longer side is reduced for the pages; its heatmap file keeps every pixel that was scored.
  package static let longestSide = 2048
  private static let thumbnailSide = 160

  package init(_ layers: ScanLayers, scale: HeatScale, display: ScanDisplay) {
    let longest = max(layers.scan.width, layers.scan.height)
    let factor = (longest + Self.longestSide - 1) / Self.longestSide
    scan = layers.scan.reduced(by: factor)
    reconstruction = layers.reconstruction.reduced(by: factor)
    heatmap = layers.heatmap.reduced(by: factor)
    residual = layers.residual.reduced(by: factor)
    let marks = layers.tissue.map { $0 ? Float(1) : 0 }
    tissue = Heatmap(width: layers.heatmap.width, height: layers.heatmap.height, values: marks)
      .reduced(by: factor).values.map { $0 > 0 }
    self.scale = scale
    self.display = display
    emphasis = layers.emphasis
  }

  /// Draws picture after picture, so that no two need be in memory at once.
  package func draw(_ each: (PictureName, Picture) throws -> Void) rethrows {
    try each(.scan, shown(scan))
    try each(.reconstruction, shown(reconstruction))
    if Self.channelPanels(scan.channels, display) > 0 {
      for channel in 0..<scan.channels {
        try each(.channel(channel + 1), gray(scan) { scan.samples[$0 + channel] })
        try each(.reconstructedChannel(channel + 1), gray(reconstruction) { reconstruction.samples[$0 + channel] })
      }
    }
    try each(.difference, difference)
    try each(.residual, overlay(of: residual))
    try each(.heatmap, heat(of: heatmap))
    let overlay = overlay(of: heatmap)
    try each(.overlay, overlay)
    let side = max(overlay.width, overlay.height)
    try each(.thumbnail, overlay.reduced(by: (side + Self.thumbnailSide - 1) / Self.thumbnailSide))
  }

  /// How many pictures of single channels a scan gets.
  static func channelPanels(_ channels: Int, _ display: ScanDisplay) -> Int {
    display == .channels && channels > 1 ? channels : 0
  }

  // MARK: - Layers

  private func shown(_ image: Image) -> Picture {
    if display == .color && image.channels == 3 {
      return Picture(width: image.width, height: image.height, channels: 3, samples: image.samples.map(Self.byte))
    }
    return gray(image, lightness(of: image))
  }

  private func gray(_ image: Image, _ value: (Int) -> Float) -> Picture {
    let samples = (0..<image.width * image.height).map { Self.byte(value($0 * image.channels)) }
    return Picture(width: image.width, height: image.height, channels: 1, samples: samples)
  }

  /// The lightness of a pixel by the index of its first sample.
  private func lightness(of image: Image) -> (Int) -> Float {
    let samples = image.samples
    switch (image.channels, display) {
    case (1, _): return { samples[$0] }
    // The weights of CSS's grayscale filter, so that the pages' live overlay looks like the one drawn here.
    case (3, .color): return { 0.2126 * samples[$0] + 0.7152 * samples[$0 + 1] + 0.0722 * samples[$0 + 2] }
    case (_, .color): return { samples[$0] }
    case (_, .channels):
      let emphasis = emphasis
      return { first in emphasis.indices.reduce(0) { $0 + emphasis[$1] * samples[first + $1] } }
    }
  }

  /// Middle gray where scan and reconstruction agree, lighter where the scan is brighter than expected; black outside
  /// tissue, which is not compared.
  private var difference: Picture {
    let channels = scan.channels
    return gray(scan) { first in
      guard tissue[first / channels] else { return 0 }
      let mean = emphasis.indices.reduce(Float(0)) {
        $0 + emphasis[$1] * (scan.samples[first + $1] - reconstruction.samples[first + $1])
      }
      return 0.5 + mean
    }
  }

  /// A heatmap alone, to lie over the scan: clear below the threshold, its border opaque.
  private func heat(of heatmap: Heatmap) -> Picture {
    var samples = [UInt8](repeating: 0, count: heatmap.values.count * 4)
    let border = border(of: heatmap)
    for (index, z) in heatmap.values.enumerated() where isAbove(z) {
      let color = border[index] ? Self.borderColor : scale.color(of: Double(z))
      samples[index * 4] = color.red
      samples[index * 4 + 1] = color.green
      samples[index * 4 + 2] = color.blue
      samples[index * 4 + 3] = border[index] ? 255 : Self.heatAlpha
    }
    return Picture(width: heatmap.width, height: heatmap.height, channels: 4, samples: samples)
  }

  /// A heatmap blended over the gray scan.
  private func overlay(of heatmap: Heatmap) -> Picture {
    let value = lightness(of: scan)
    let heat = heat(of: heatmap)
    var samples = [UInt8](repeating: 0, count: heatmap.values.count * 3)
    for index in heatmap.values.indices {
      let base = Int(Self.byte(value(index * scan.channels)))
      let alpha = Int(heat.samples[index * 4 + 3])
      for channel in 0..<3 {
        let color = Int(heat.samples[index * 4 + channel])
        samples[index * 3 + channel] = UInt8((base * (255 - alpha) + color * alpha + 127) / 255)
      }
    }
    return Picture(width: heatmap.width, height: heatmap.height, channels: 3, samples: samples)
  }

  // MARK: - Pixels

  private static let heatAlpha: UInt8 = 190
  private static let borderColor: (red: UInt8, green: UInt8, blue: UInt8) = (94, 234, 255)

  private func isAbove(_ z: Float) -> Bool { Double(z) >= scale.threshold }

  /// Pixels above the threshold within a line's width of one below it.
  private func border(of heatmap: Heatmap) -> [Bool] {
    let (width, height) = (heatmap.width, heatmap.height)
    let line = max(1, max(width, height) / 512)
    var border = [Bool](repeating: false, count: width * height)
    for y in 0..<height {
      for x in 0..<width where isAbove(heatmap.values[y * width + x]) {
        let near = [(x - line, y), (x + line, y), (x, y - line), (x, y + line)]
        border[y * width + x] = near.contains { nx, ny in
          nx >= 0 && ny >= 0 && nx < width && ny < height && !isAbove(heatmap.values[ny * width + nx])
        }
      }
    }
    return border
  }

  /// No data is black.
  private static func byte(_ value: Float) -> UInt8 {
    value.isNaN ? 0 : UInt8(min(1, max(0, value)) * 255 + 0.5)
  }
}

extension Heatmap {
  /// The maximum of every block: a mean would hide a small finding.
  fileprivate func reduced(by factor: Int) -> Heatmap {
    guard factor > 1 else { return self }
    let columns = (width + factor - 1) / factor
    let rows = (height + factor - 1) / factor
    var result = [Float](repeating: -.infinity, count: columns * rows)
    for y in 0..<height {
      for x in 0..<width {
        let block = (y / factor) * columns + x / factor
        result[block] = max(result[block], values[y * width + x])
      }
    }
    return Heatmap(width: columns, height: rows, values: result)
  }
}
