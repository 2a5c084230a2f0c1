import Anomaly
import Files
import Foundation
import Imaging
import Threads

/// Writes Deep Zoom tiles of a slide and of its heat while the slide is scored. With tiles, a page opens gigapixels at
/// once.
///
/// Both layers have the size of the model's grid. Large levels have tiles only where there is tissue; small levels have
/// all tiles. If a tile is missing, a viewer shows the next smaller level.
final class SlideTiles {
  private let paths: [TileLayer: String]
  private let presencePath: String
  private let parts: [TileLayer: String]
  private let width: Int
  private let height: Int
  private let scale: HeatScale
  private let weights: [Float]?
  private let overview: Overview
  private var trees: [TileLayer: TileTree]

  /// A small picture of the whole slide, in the colors of the tiles.
  private struct Overview {
    let width: Int
    let height: Int
    let channels: Int
    let pixels: [UInt8]

    /// The overview's pixels for an area of a level, to replace pixels that were never read. Black if there is no
    /// overview.
    ///
    /// - Parameters:
    ///   - area: the area, in pixels of the level.
    ///   - whole: the size of the level.
    func part(_ area: PixelRectangle, of whole: (width: Int, height: Int)) -> [UInt8] {
      var result = [UInt8](repeating: 0, count: area.width * area.height * channels)
      guard !pixels.isEmpty else { return result }
      let columns = (area.x..<area.x + area.width).map { min(width - 1, $0 * width / whole.width) * channels }
      pixels.withUnsafeBufferPointer { pixels in
        result.withUnsafeMutableBufferPointer { result in
          var to = 0
          for y in area.y..<area.y + area.height {
            let line = min(height - 1, y * height / whole.height) * width * channels
            for column in columns {
              for channel in 0..<channels { result[to &+ channel] = pixels[line &+ column &+ channel] }
              to &+= channels
            }
          }
        }
      }
      return result
    }
  }

  /// - Parameters:
  ///   - path: returns the path of a layer's description.
  ///   - presence: path of the script that says which tiles exist.
  init(of slide: PreparedSlide, to path: (TileLayer) -> String, presence: String, context: StudyContext) {
    presencePath = presence
    let isColored = slide.channels == 3 && context.display == .color
    weights =
      isColored
      ? nil : ChannelViews.lightness(channels: slide.channels, context.display, emphasis: context.emphasis)
    (width, height) = (slide.width, slide.height)
    scale = HeatScale(threshold: context.threshold, reach: context.heatReach)
    paths = TileLayer.allCases.reduce(into: [:]) { $0[$1] = path($1) }
    parts = paths.mapValues { AtomicFile.unfinishedPath(for: $0) }
    let channels = isColored ? 3 : 1
    overview = Overview(
      width: slide.overview?.width ?? 0, height: slide.overview?.height ?? 0, channels: channels,
      pixels: slide.overview.map { [weights] in Self.bytes($0, weights: weights, elsewhere: nil) } ?? [])
    trees = [
      .scan: TileTree(width: slide.width, height: slide.height, channels: channels, keepsLargest: false),
      .heatmap: TileTree(width: slide.width, height: slide.height, channels: 1, keepsLargest: true),
    ]
  }

  deinit { for part in parts.values { try? FileManager.default.removeItem(atPath: part) } }

  /// The folder of the tiles that a description file describes.
  static func folder(of description: String) -> String { description.dropLast(4) + "_files" }

  /// The size of the largest level in pixels; `nil` if the file is missing or malformed.
  static func size(inDescription path: String) -> (width: Int, height: Int)? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8),
      let match = text.firstMatch(of: /Size Width="([0-9]{1,9})" Height="([0-9]{1,9})"/),
      let width = Int(match.1), let height = Int(match.2), width > 0, height > 0
    else { return nil }
    return (width, height)
  }

  func append(_ band: SlideBand) throws {
    let (scale, weights, overview, whole) = (scale, weights, overview, (width: width, height: height))
    let drawn = Parallel.map(band.parts.count) { k in
      let part = band.parts[k]
      let levels = HeatLevels(of: part.heat, scale: scale)
      // Pixels far from tissue were not read and are NaN.
      let isWhole = !part.scan.samples.contains { $0.isNaN }
      let scan = Self.bytes(
        part.scan, weights: weights, elsewhere: isWhole ? nil : overview.part(part.area, of: whole))
      return (scan: scan, heat: levels.levels.values)
    }
    for (part, pixels) in zip(band.parts, drawn) {
      trees[.scan]!.add(pixels.scan, at: part.area, blank: blank(.scan))
      trees[.heatmap]!.add(pixels.heat, at: part.area, blank: blank(.heatmap))
    }
    for layer in TileLayer.allCases {
      try write(trees[layer]!.complete(above: band.rows.upperBound, blank: blank(layer)), of: layer)
    }
  }

  /// Writes the remaining tiles and moves the tile folders to their final names.
  func finish() throws {
    for layer in TileLayer.allCases {
      let blank = blank(layer)
      try write(trees[layer]!.complete(above: height, blank: blank), of: layer)
      try write(trees[layer]!.missing(upTo: max(overview.width, overview.height, 1), blank: blank), of: layer)
      let path = paths[layer]!
      let target = Self.folder(of: path)
      if FileManager.default.fileExists(atPath: target) { try FileManager.default.removeItem(atPath: target) }
      try FileManager.default.moveItem(atPath: parts[layer]!, toPath: target)
      try AtomicFile.write(Array(description(of: layer).utf8), to: path, isSynced: false)
    }
    try AtomicFile.write(Array(presence.utf8), to: presencePath, isSynced: false)
  }

  /// A script that tells the page which tiles exist, so that it does not request missing ones. It holds one Base64 text
  /// per level, with one bit per tile, row by row, the lowest bit of each byte first.
  private var presence: String {
    let levels = trees[.scan]!.presence.map { "\"\(Data($0).base64EncodedString())\"" }
    return "normaTiles([\(levels.joined(separator: ","))]);\n"
  }

  private func description(of layer: TileLayer) -> String {
    """
    <?xml version="1.0" encoding="UTF-8"?>
    <Image xmlns="http://schemas.microsoft.com/deepzoom/2008" Format="\(layer.format)" Overlap="0" \
    TileSize="\(TileTree.edge)"><Size Width="\(width)" Height="\(height)"/></Image>

    """
  }

  private func blank(_ layer: TileLayer) -> (TileTree.Tile) -> [UInt8] {
    let (width, height, overview) = (width, height, overview)
    return { tile in
      guard layer == .scan else { return [UInt8](repeating: 0, count: tile.width * tile.height) }
      let size = TileTree.size(ofLevel: tile.level, width: width, height: height)
      return overview.part(tile.area, of: size)
    }
  }

  private func write(_ tiles: [TileTree.Tile], of layer: TileLayer) throws {
    let folder = parts[layer]!
    for level in Set(tiles.map(\.level)) {
      try FileManager.default.createDirectory(atPath: "\(folder)/\(level)", withIntermediateDirectories: true)
    }
    let (channels, scale) = (overview.channels, scale)
    _ = try Parallel.map(tiles.count) { k in
      let tile = tiles[k]
      let bytes: [UInt8]
      switch layer {
      case .scan:
        bytes = JPEGWriter.encode(tile.pixels, width: tile.width, height: tile.height, channels: channels)
      case .heatmap:
        let levels = Plane(width: tile.width, height: tile.height, values: tile.pixels)
        bytes = HeatLevels(levels: levels, scale: scale).picture.data
      }
      // The folder has a temporary name until it is complete, so its tiles need no temporary names.
      try Data(bytes).write(to: URL(filePath: "\(folder)/\(tile.level)/\(tile.column)_\(tile.row).\(layer.format)"))
    }
  }

  /// The image's colors as bytes; its lightness if there are weights.
  ///
  /// - Parameter elsewhere: bytes for pixels without data; `nil` for black.
  private static func bytes(_ image: Image, weights: [Float]?, elsewhere: [UInt8]?) -> [UInt8] {
    let c = image.channels
    let values =
      weights.map { weights in (0..<image.width * image.height).map { image.weightedSum(of: weights, atSample: $0 * c) }
      }
      ?? image.samples
    var bytes = values.shown
    if let elsewhere { for place in values.indices where values[place].isNaN { bytes[place] = elsewhere[place] } }
    return bytes
  }
}
