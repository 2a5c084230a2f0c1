import Anomaly
import Foundation
import Imaging

/// A heatmap in 256 levels, as the pages hold it: small, and exact about what lies above the threshold.
///
/// Level 0 is no tissue; levels from 1 are sixteenths of `z`, of which `atThreshold` begins just there.
struct HeatLevels: Sendable {
  let width: Int
  let height: Int
  /// `[height, width]`
  let levels: [UInt8]
  private let scale: HeatScale

  static let step = 1.0 / 16
  /// Six units of `z` below the threshold can be told apart, ten above.
  static let atThreshold = 96

  /// - Parameter tissue: `[height, width]`; what lies outside and below the threshold is level 0; `nil` where all is tissue.
  init(of heatmap: Heatmap, tissue: [Bool]? = nil, scale: HeatScale) {
    let threshold = scale.threshold
    self.scale = scale
    width = heatmap.width
    height = heatmap.height
    levels = heatmap.values.indices.map { index in
      let z = heatmap.values[index]
      guard !z.isNaN else { return 0 }
      let isTissue = tissue?[index] ?? true
      let level = Int(max(-300, min(300, ((Double(z) - threshold) / Self.step).rounded(.down)))) + Self.atThreshold
      // Rounding must not lift a value over the threshold, nor push it below.
      let side = Double(z) >= threshold ? max(level, Self.atThreshold) : min(level, Self.atThreshold - 1)
      return isTissue || side >= Self.atThreshold ? UInt8(max(1, min(255, side))) : 0
    }
  }

  /// - Parameter levels: `[height, width]`.
  init(width: Int, height: Int, levels: [UInt8], scale: HeatScale) {
    self.width = width
    self.height = height
    self.levels = levels
    self.scale = scale
  }

  /// The `z` a level begins with.
  static func z(ofLevel level: Int, threshold: Double) -> Double {
    threshold + Double(level - atThreshold) * step
  }

  func isAbove(_ index: Int) -> Bool { Int(levels[index]) >= Self.atThreshold }

  /// The heat alone, to lie over a scan: clear below the threshold, outlined where it is crossed.
  var picture: Picture {
    let border = border
    // What is clear is one color, so that it packs to nothing.
    let places = levels.indices.map { index -> UInt8 in
      guard isAbove(index) else { return 0 }
      return border[index] ? Self.borderPlace : levels[index]
    }
    return Picture(
      width: width, height: height, color: .indexed(palette), samples: places, effort: .repetitions)
  }

  /// The levels as a script that a page loads: a browser does not let a page read a picture's pixels where both come from
  /// files.
  var values: [UInt8] {
    let picture = Picture(width: width, height: height, color: .gray, samples: levels, effort: .most)
    let members = [
      "\"threshold\":\(scale.threshold)", "\"first\":\(Self.atThreshold)", "\"step\":\(Self.step)",
      "\"picture\":\"\(Data(picture.data).base64EncodedString())\"",
    ]
    return Array("normaValues({\(members.joined(separator: ","))});\n".utf8)
  }

  /// The color of a pixel over a gray one, each 0...255.
  func blended(_ index: Int, over gray: UInt8, palette: [PNGWriter.RGBA], border: [Bool]) -> (UInt8, UInt8, UInt8) {
    guard isAbove(index) else { return (gray, gray, gray) }
    let color = palette[border[index] ? Int(Self.borderPlace) : Int(levels[index])]
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

  /// The colors from the threshold up, six hexadecimal digits each, for the page's own drawing.
  static func colors(_ scale: HeatScale) -> String {
    palette(scale)[atThreshold...].map { String(format: "%02x%02x%02x", $0.x, $0.y, $0.z) }.joined()
  }

  private static let heatAlpha: UInt8 = 190
  /// A place in the palette that no level above the threshold has.
  private static let borderPlace: UInt8 = 1

  /// Pixels above the threshold within a line's width of one below it.
  var border: [Bool] {
    let line = max(1, max(width, height) / 512)
    var border = [Bool](repeating: false, count: width * height)
    for y in 0..<height {
      for x in 0..<width where isAbove(y * width + x) {
        let near = [(x - line, y), (x + line, y), (x, y - line), (x, y + line)]
        border[y * width + x] = near.contains { nx, ny in
          nx >= 0 && ny >= 0 && nx < width && ny < height && !isAbove(ny * width + nx)
        }
      }
    }
    return border
  }
}
