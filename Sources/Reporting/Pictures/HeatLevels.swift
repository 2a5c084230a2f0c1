import Anomaly
import Foundation
import Imaging

/// A heatmap in 256 levels for the pages. It is small, and exact about which pixels are above the threshold.
///
/// Level 0 means no tissue. Each level from 1 covers a sixteenth of a unit of `z`, and level `atThreshold` begins
/// exactly at the threshold.
struct HeatLevels: Sendable {
  /// The level of each pixel.
  let levels: Plane<UInt8>
  private let scale: HeatScale

  static let step = 1.0 / 16
  /// The level that begins at the threshold. The levels cover six units of `z` below the threshold and ten above it.
  static let atThreshold = 96

  /// - Parameter tissue: pixels that are outside tissue and below the threshold get level 0. `nil` if every pixel is
  ///   tissue.
  init(of heatmap: Heatmap, tissue: TissueMask? = nil, scale: HeatScale) {
    let threshold = scale.threshold
    self.scale = scale
    let levels = heatmap.values.indices.map { index -> UInt8 in
      let z = heatmap.values[index]
      guard !z.isNaN else { return 0 }
      let isTissue = tissue?.values[index] ?? true
      let level = Int(max(-300, min(300, ((Double(z) - threshold) / Self.step).rounded(.down)))) + Self.atThreshold
      // Rounding must not move a value across the threshold.
      let side = Double(z) >= threshold ? max(level, Self.atThreshold) : min(level, Self.atThreshold - 1)
      return isTissue || side >= Self.atThreshold ? UInt8(max(1, min(255, side))) : 0
    }
    self.levels = Plane(width: heatmap.width, height: heatmap.height, values: levels)
  }

  init(levels: Plane<UInt8>, scale: HeatScale) {
    self.levels = levels
    self.scale = scale
  }

  /// The `z` at which a level begins.
  static func z(ofLevel level: Int, threshold: Double) -> Double {
    threshold + Double(level - atThreshold) * step
  }

  func isAbove(_ index: Int) -> Bool { Int(levels.values[index]) >= Self.atThreshold }

  /// The heat alone, to be drawn over a scan: transparent below the threshold, with an outline at the threshold.
  var picture: Picture {
    let border = border
    // All transparent pixels get the same color, so that they compress well.
    let places = levels.values.indices.map { index -> UInt8 in
      guard isAbove(index) else { return 0 }
      return border.values[index] ? Self.borderPlace : levels.values[index]
    }
    return Picture(
      width: levels.width, height: levels.height, color: .indexed(palette), samples: places, effort: .repetitions)
  }

  /// The levels as a script that the page loads. A browser does not let a page that was opened from a file read the
  /// pixels of a picture file.
  var values: [UInt8] {
    let picture = Picture(
      width: levels.width, height: levels.height, color: .gray, samples: levels.values, effort: .most)
    let members = [
      "\"threshold\":\(scale.threshold)", "\"first\":\(Self.atThreshold)", "\"step\":\(Self.step)",
      "\"picture\":\"\(Data(picture.data).base64EncodedString())\"",
    ]
    return Array("normaValues({\(members.joined(separator: ","))});\n".utf8)
  }

  /// The color of a heat pixel drawn over a gray pixel, each value in 0...255.
  func blended(
    _ index: Int, over gray: UInt8, palette: [PNGWriter.RGBA], border: Plane<Bool>
  ) -> (UInt8, UInt8, UInt8) {
    guard isAbove(index) else { return (gray, gray, gray) }
    let color = palette[border.values[index] ? Int(Self.borderPlace) : Int(levels.values[index])]
    let alpha = Int(color.w)
    func mix(_ part: UInt8) -> UInt8 { UInt8((Int(gray) * (255 - alpha) + Int(part) * alpha + 127) / 255) }
    return (mix(color.x), mix(color.y), mix(color.z))
  }

  var palette: [PNGWriter.RGBA] { Self.palette(scale) }

  private static func palette(_ scale: HeatScale) -> [PNGWriter.RGBA] {
    (0..<256).map { level in
      if level == Int(borderPlace) { return PNGWriter.RGBA(94, 234, 255, 255) }
      guard level >= atThreshold else { return PNGWriter.RGBA(0, 0, 0, 0) }
      let color = scale.color(of: z(ofLevel: level, threshold: scale.threshold) + step / 2)
      return PNGWriter.RGBA(color.red, color.green, color.blue, heatAlpha)
    }
  }

  /// The colors of the levels from the threshold up, six hexadecimal digits each, for the page's script to draw with.
  static func colors(_ scale: HeatScale) -> String {
    palette(scale)[atThreshold...].map { String(format: "%02x%02x%02x", $0.x, $0.y, $0.z) }.joined()
  }

  private static let heatAlpha: UInt8 = 190
  /// The palette index of the outline's color. No level above the threshold uses it.
  private static let borderPlace: UInt8 = 1

  /// Which pixels belong to the outline: those above the threshold that are a line's width away from a pixel below it.
  var border: Plane<Bool> {
    let (width, height) = (levels.width, levels.height)
    let line = max(1, max(width, height) / 512)
    var border = Plane(width: width, height: height, filledWith: false)
    for y in 0..<height {
      for x in 0..<width where isAbove(y * width + x) {
        let near = [(x - line, y), (x + line, y), (x, y - line), (x, y + line)]
        border[x, y] = near.contains { nx, ny in
          nx >= 0 && ny >= 0 && nx < width && ny < height && !isAbove(ny * width + nx)
        }
      }
    }
    return border
  }
}
