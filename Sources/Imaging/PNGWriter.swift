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

    fileprivate var format: UInt32 {
      switch self {
      case .gray: norma_png_gray
      case .rgb: norma_png_rgb
      case .rgba: norma_png_rgba
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
    var image = png_image()
    image.version = UInt32(PNG_IMAGE_VERSION)
    image.width = UInt32(width)
    image.height = UInt32(height)
    image.format = color.format
    // Every row may grow by its filter byte; deflate's stored blocks and the chunks add little.
    let rawBytes = pixels.count + height
    let capacity = rawBytes + rawBytes / 1000 + 4096
    return [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
      var size = png_alloc_size_t(capacity)
      let isWritten = png_image_write_to_memory(&image, buffer.baseAddress, &size, 0, pixels, 0, nil)
      precondition(isWritten == 1, "libpng refuses \(width)x\(height) pixels; the buffer has \(capacity) bytes")
      count = Int(size)
    }
  }

  /// - Throws: `ImagingError` where the file cannot be written; it then is as it was before.
  package static func write(
    _ pixels: [UInt8], width: Int, height: Int, color: Color, to path: String
  ) throws(ImagingError) {
    let file = try AtomicFile(path: path)
    try file.write(encode(pixels, width: width, height: height, color: color))
    try file.commit()
  }
}
