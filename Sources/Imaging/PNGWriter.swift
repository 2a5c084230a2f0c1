internal import CPNG

/// Writes 8-bit PNG pictures.
package enum PNGWriter {
  package enum Color: Sendable {
    case gray, rgb, rgba

    package var channels: Int {
      switch self {
      case .gray: 1
      case .rgb: 3
      case .rgba: 4
      }
    }
  }

  /// The bytes of a PNG file.
  ///
  /// - Parameter pixels: row by row, the channels of a pixel together: `[height, width, channels]`.
  package static func encode(_ pixels: [UInt8], width: Int, height: Int, color: Color) -> [UInt8] {
    precondition(
      pixels.count == width * height * color.channels, "\(pixels.count) bytes for \(width)x\(height)x\(color.channels)")
    precondition(width > 0 && height > 0, "a PNG picture of \(width)x\(height) pixels")
    // Every row may grow by its filter byte; deflate's stored blocks and the chunks add little.
    let rawBytes = pixels.count + height
    let capacity = rawBytes + rawBytes / 100 + 4096
    return [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
      // Overlays are clear almost everywhere; long runs of nothing are what a search for repetitions is good at.
      count = norma_png_encode(
        pixels, UInt32(width), UInt32(height), Int32(color.channels), color == .rgba ? 1 : 0,
        buffer.baseAddress, capacity)
      precondition(count > 0, "libpng refuses \(width)x\(height) pixels; the buffer has \(capacity) bytes")
    }
  }

  /// - Parameter isSynced: see `AtomicFile.commit`.
  /// - Throws: `ImagingError` where the file cannot be written; it then is as it was before.
  package static func write(
    _ pixels: [UInt8], width: Int, height: Int, color: Color, to path: String, isSynced: Bool = true
  ) throws(ImagingError) {
    let file = try AtomicFile(path: path)
    try file.write(encode(pixels, width: width, height: height, color: color))
    try file.commit(isSynced: isSynced)
  }
}
