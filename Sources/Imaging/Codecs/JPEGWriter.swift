internal import CJPEG

/// Encodes 8-bit JPEG pictures; used for tiles of slides that were stored as JPEG.
package enum JPEGWriter {
  /// The bytes of a JPEG file.
  ///
  /// - Parameters:
  ///   - pixels: rows from the top, gray or RGB: `[height, width, channels]`.
  ///   - quality: 1...100; at 85 no losses are visible when each pixel is shown at its own size.
  package static func encode(
    _ pixels: [UInt8], width: Int, height: Int, channels: Int, quality: Int = 85
  ) -> [UInt8] {
    precondition(channels == 1 || channels == 3, "a JPEG picture of \(channels) channels")
    precondition(pixels.count == width * height * channels, "\(pixels.count) bytes for \(width)x\(height)x\(channels)")
    // JPEG of noise may be larger than its pixels; tables and markers are added to that.
    let capacity = 2 * pixels.count + 4096
    return [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
      count = norma_jpeg_encode(
        pixels, UInt32(width), UInt32(height), Int32(channels), Int32(quality), buffer.baseAddress, capacity)
      precondition(count > 0, "libjpeg refuses \(width)x\(height) pixels; the buffer has \(capacity) bytes")
    }
  }
}
