internal import CDeflate

/// Packs the samples of a strip or tile, as libtiff would, but several at once if need be: differences first, then Deflate.
///
/// Sources: TIFF 6.0, section 14 (horizontal differencing); Adobe Photoshop TIFF Technical Note 3 (floating point
/// predictor); RFC 1950.
struct TIFFPacking {
  let samples: TIFFWriter.Samples
  /// Of a pixel.
  let channels: Int
  /// Deflate's, from 1, the fastest, to 12.
  let level: Int32

  /// - Parameters:
  ///   - width: pixels of a row of the strip or tile.
  ///   - rows: of the strip or tile.
  ///   - row: samples of a row, from the left, `nil` where there is none; what is left of the row is 0.
  /// - Returns: what is stored in the file; `nil` where there is no memory for it.
  func pack(width: Int, rows: Int, row: (Int) -> ArraySlice<Float>?) -> [UInt8]? {
    let (count, rowBytes) = (width * channels, width * channels * samples.bits / 8)
    var line = [UInt8](repeating: 0, count: rowBytes)
    let differences = [UInt8](unsafeUninitializedCapacity: rows * rowBytes) { bytes, size in
      for y in 0..<rows {
        let target = UnsafeMutableRawBufferPointer(
          rebasing: UnsafeMutableRawBufferPointer(bytes)[y * rowBytes..<(y + 1) * rowBytes])
        line.withUnsafeMutableBytes { line in
          let values = row(y) ?? []
          if values.count < count { line.initializeMemory(as: UInt8.self, repeating: 0) }
          values.withUnsafeBufferPointer { store($0, of: count, in: line) }
          subtract(UnsafeRawBufferPointer(line), into: target)
        }
      }
      size = rows * rowBytes
    }
    guard let compressor = libdeflate_alloc_compressor(level) else { return nil }
    defer { libdeflate_free_compressor(compressor) }
    return [UInt8](unsafeUninitializedCapacity: libdeflate_zlib_compress_bound(compressor, differences.count)) {
      bytes, size in
      size = libdeflate_zlib_compress(compressor, differences, differences.count, bytes.baseAddress!, bytes.count)
    }
  }

  /// - Parameter count: samples of the whole row.
  private func store(
    _ values: UnsafeBufferPointer<Float>, of count: Int, in line: UnsafeMutableRawBufferPointer
  ) {
    // `max(0, NaN)` would be NaN; `NaN > 0` is false.
    func clipped(_ value: Float, _ high: Float) -> Float { value > 0 ? min(value, high).rounded() : 0 }
    switch samples {
    case .uint8:
      for i in values.indices { line[i] = UInt8(clipped(values[i], 255)) }
    case .uint16:
      let words = line.assumingMemoryBound(to: UInt16.self)
      for i in values.indices { words[i] = UInt16(clipped(values[i], 65535)) }
    case .float32:
      // The bytes of all samples, the most significant ones first.
      for k in 0..<4 {
        let plane = line.baseAddress!.assumingMemoryBound(to: UInt8.self) + k * count
        let shift = UInt32(24 - 8 * k)
        for i in values.indices { plane[i] = UInt8(truncatingIfNeeded: values[i].bitPattern &>> shift) }
      }
    }
  }

  /// Every sample, or byte of one, less that of the pixel before.
  private func subtract(_ line: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) {
    func differences<T: FixedWidthInteger>(of type: T.Type) {
      let (from, to) = (line.assumingMemoryBound(to: type), target.assumingMemoryBound(to: type))
      let first = min(channels, from.count)
      for i in 0..<first { to[i] = from[i] }
      for i in first..<from.count { to[i] = from[i] &- from[i &- first] }
    }
    samples == .uint16 ? differences(of: UInt16.self) : differences(of: UInt8.self)
  }
}
