internal import CPNG
import Files

/// Writes 8-bit PNG pictures.
package enum PNGWriter {
  package enum Color: Sendable, Equatable {
    case gray, rgb, rgba
    /// Each pixel is the index of its color in a table of up to 256.
    case indexed([RGBA])

    package var channels: Int {
      switch self {
      case .gray, .indexed: 1
      case .rgb: 3
      case .rgba: 4
      }
    }
  }

  /// Red, green, blue and opacity, each 0...255.
  package typealias RGBA = SIMD4<UInt8>

  /// How much time to spend on making the file smaller.
  package enum Effort: Int32, Sendable {
    /// For scans: their noise hardly compresses at any effort.
    case least = 0
    /// For pictures with few colors and many repetitions.
    case repetitions = 1
    /// For smooth pictures.
    case most = 2
    /// For scans whose channels are similar.
    case little = 3
  }

  /// The bytes of a PNG file.
  ///
  /// - Parameter pixels: rows from the top; the channels of a pixel are adjacent: `[height, width, channels]`.
  package static func encode(
    _ pixels: [UInt8], width: Int, height: Int, color: Color, effort: Effort = .least
  ) -> [UInt8] {
    precondition(
      pixels.count == width * height * color.channels, "\(pixels.count) bytes for \(width)x\(height)x\(color.channels)")
    precondition(width > 0 && height > 0, "a PNG picture of \(width)x\(height) pixels")
    var palette: [UInt8] = []
    if case .indexed(let colors) = color {
      precondition((1...256).contains(colors.count), "a palette of \(colors.count) colors")
      palette = colors.flatMap { [$0.x, $0.y, $0.z, $0.w] }
    }
    // Every row may grow by its filter byte; deflate's stored blocks and the PNG chunks add little.
    let rawBytes = pixels.count + height
    let capacity = rawBytes + rawBytes / 100 + 4096
    return [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
      count = palette.withUnsafeBufferPointer {
        norma_png_encode(
          pixels, UInt32(width), UInt32(height), Int32(color.channels), palette.isEmpty ? nil : $0.baseAddress,
          Int32(palette.count / 4), effort.rawValue, buffer.baseAddress, capacity)
      }
      precondition(count > 0, "libpng refuses \(width)x\(height) pixels; the buffer has \(capacity) bytes")
    }
  }

  /// - Parameter isSynced: see `AtomicFile.commit`.
  /// - Throws: `NormaError` if the file cannot be written; an existing file is then unchanged.
  package static func write(
    _ pixels: [UInt8], width: Int, height: Int, color: Color, effort: Effort = .least, to path: String,
    isSynced: Bool = true
  ) throws(NormaError) {
    try AtomicFile.write(
      encode(pixels, width: width, height: height, color: color, effort: effort), to: path, isSynced: isSynced)
  }
}
