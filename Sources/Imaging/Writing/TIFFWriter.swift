internal import CTIFF
import Files
internal import Glibc

/// Writes TIFF files, compressed with Deflate.
///
/// A file gets its name only when it is complete; until then an existing file stays.
package enum TIFFWriter {
  package enum Samples: Sendable, CaseIterable {
    /// Rounded and clipped to 0...255; NaN becomes 0.
    case uint8
    /// Rounded and clipped to 0...65535; NaN becomes 0.
    case uint16
    /// Stored unchanged, NaN included.
    case float32

    /// The type that holds all values of a page: the page's own type if it can be written, else the next larger.
    package init(holding page: TIFFPage) {
      switch (page.sampleFormat, page.bitsPerSample) {
      case (.unsigned, ...8): self = .uint8
      case (.unsigned, ...16): self = .uint16
      default: self = .float32
      }
    }

    var bits: Int {
      switch self {
      case .uint8: 8
      case .uint16: 16
      case .float32: 32
      }
    }
  }

  package struct Page: Sendable {
    package var image: Image
    package var samples: Samples
    package var description: String?

    package init(_ image: Image, as samples: Samples, description: String? = nil) {
      self.image = image
      self.samples = samples
      self.description = description
    }
  }

  /// Writes one picture: one channel as gray, three as RGB, any other number as it is.
  package static func write(
    _ image: Image, as samples: Samples, description: String? = nil, to path: String, isSynced: Bool = true
  ) throws(NormaError) {
    try write([Page(image, as: samples, description: description)], to: path, isSynced: isSynced)
  }

  /// - Parameters:
  ///   - tileSize: edge of square tiles, a multiple of 16; `nil` for strips.
  ///   - isSynced: see `AtomicFile.commit`.
  /// - Throws: `NormaError` if the file cannot be written; an existing file is then unchanged.
  package static func write(
    _ pages: [Page], tileSize: Int? = nil, to path: String, isSynced: Bool = true
  ) throws(NormaError) {
    precondition(!pages.isEmpty, "a TIFF file needs a page")
    precondition(tileSize.map { $0 > 0 && $0 % 16 == 0 } ?? true, "tiles of \(tileSize ?? 0) pixels")
    let file = try AtomicFile(path: path)
    let log = TIFFLog()
    let bytes = pages.reduce(0) { $0 + $1.image.samples.count * $1.samples.bits / 8 }
    // Classic TIFF ends at 4 GiB, and compression may not make the data smaller.
    let mode = bytes > 4_000_000_000 ? "w8" : "w"
    let tiff = try open(file, mode: mode, log)
    var isWritten = true
    for page in pages where isWritten {
      let header = Header(
        width: page.image.width, height: page.image.height, channels: page.image.channels, samples: page.samples,
        pixelSize: page.image.pixelSize, description: page.description)
      setTags(of: header, tileSize: tileSize, rowsPerStrip: rowsPerStrip(of: page), on: tiff)
      if pages.count > 1 { _ = norma_tiff_set_u32(tiff, UInt32(TIFFTAG_SUBFILETYPE), UInt32(FILETYPE_PAGE)) }
      isWritten = writePixels(of: page, tileSize: tileSize, on: tiff) && TIFFWriteDirectory(tiff) == 1
    }
    TIFFClose(tiff)
    guard isWritten && log.isEmpty else { throw failure(of: file, log) }
    try file.commit(isSynced: isSynced)
  }

  /// A libtiff handle for writing; the caller closes it.
  static func open(_ file: AtomicFile, mode: String, _ log: TIFFLog) throws(NormaError) -> OpaquePointer {
    // libtiff closes its descriptor, but the file must be synced after that, so give it a copy.
    let descriptor = dup(file.descriptor)
    guard descriptor >= 0 else { throw file.failure(code: errno) }
    guard let tiff = norma_tiff_open(descriptor, TIFFLog.fileName, mode, log.pointer, 0) else {
      close(descriptor)
      throw failure(of: file, log)
    }
    return tiff
  }

  static func failure(of file: AtomicFile, _ log: TIFFLog) -> NormaError {
    if log.systemError != 0 { return file.failure(code: log.systemError) }
    return NormaError(
      .system, subject: file.path, found: "the file cannot be written" + log.explanation,
      remedy: "Check the disk's space and rights")
  }

  /// The contents of a page's tags.
  struct Header {
    var width: Int
    var height: Int
    var channels: Int
    var samples: Samples
    var pixelSize: PixelSize?
    var description: String?
  }

  static func setTags(of image: Header, tileSize: Int?, rowsPerStrip: Int, on tiff: OpaquePointer) {
    func set(_ tag: Int32, _ value: Int32) { _ = norma_tiff_set_u16(tiff, UInt32(tag), UInt16(value)) }
    func setWide(_ tag: Int32, _ value: Int) { _ = norma_tiff_set_u32(tiff, UInt32(tag), UInt32(value)) }
    setWide(TIFFTAG_IMAGEWIDTH, image.width)
    setWide(TIFFTAG_IMAGELENGTH, image.height)
    set(TIFFTAG_BITSPERSAMPLE, Int32(image.samples.bits))
    set(TIFFTAG_SAMPLEFORMAT, image.samples == .float32 ? SAMPLEFORMAT_IEEEFP : SAMPLEFORMAT_UINT)
    set(TIFFTAG_SAMPLESPERPIXEL, Int32(image.channels))
    set(TIFFTAG_PHOTOMETRIC, image.channels == 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK)
    if image.channels != 1 && image.channels != 3 {
      let kinds = [UInt16](repeating: UInt16(EXTRASAMPLE_UNSPECIFIED), count: image.channels - 1)
      _ = norma_tiff_set_extra_samples(tiff, UInt16(kinds.count), kinds)
    }
    set(TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG)
    set(TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT)
    set(TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE)
    set(TIFFTAG_PREDICTOR, image.samples == .float32 ? PREDICTOR_FLOATINGPOINT : PREDICTOR_HORIZONTAL)
    if let tileSize {
      setWide(TIFFTAG_TILEWIDTH, tileSize)
      setWide(TIFFTAG_TILELENGTH, tileSize)
    } else {
      setWide(TIFFTAG_ROWSPERSTRIP, rowsPerStrip)
    }
    if let size = image.pixelSize {
      set(TIFFTAG_RESOLUTIONUNIT, RESUNIT_CENTIMETER)
      _ = norma_tiff_set_float(tiff, UInt32(TIFFTAG_XRESOLUTION), 10_000 / size.x)
      _ = norma_tiff_set_float(tiff, UInt32(TIFFTAG_YRESOLUTION), 10_000 / size.y)
    }
    if let description = image.description {
      _ = norma_tiff_set_string(tiff, UInt32(TIFFTAG_IMAGEDESCRIPTION), description)
    }
  }

  /// Rows of a strip of about a quarter of a megabyte: large enough to compress well, small enough to stream.
  private static func rowsPerStrip(of page: Page) -> Int {
    let rowBytes = max(1, page.image.width * page.image.channels * page.samples.bits / 8)
    return min(max(1, (1 << 18) / rowBytes), max(1, page.image.height))
  }

  private static func writePixels(of page: Page, tileSize: Int?, on tiff: OpaquePointer) -> Bool {
    let image = page.image
    let chunkWidth = tileSize ?? image.width
    let chunkHeight = tileSize ?? rowsPerStrip(of: page)
    let pixelBytes = image.channels * page.samples.bits / 8
    let chunk = UnsafeMutableRawBufferPointer.allocate(
      byteCount: chunkWidth * chunkHeight * pixelBytes, alignment: 16)
    defer { chunk.deallocate() }
    var index: UInt32 = 0
    for top in stride(from: 0, to: image.height, by: chunkHeight) {
      for left in stride(from: 0, to: image.width, by: chunkWidth) {
        // Pixels of a tile beyond the page need some value; zeros compress best.
        chunk.initializeMemory(as: UInt8.self, repeating: 0)
        let rows = min(chunkHeight, image.height - top)
        let count = min(chunkWidth, image.width - left) * image.channels
        for row in 0..<rows {
          let first = ((top + row) * image.width + left) * image.channels
          store(
            image.samples[first..<(first + count)], as: page.samples,
            at: chunk.baseAddress! + row * chunkWidth * pixelBytes)
        }
        let written =
          tileSize == nil
          ? TIFFWriteEncodedStrip(tiff, index, chunk.baseAddress, tmsize_t(rows * chunkWidth * pixelBytes))
          : TIFFWriteEncodedTile(tiff, index, chunk.baseAddress, tmsize_t(chunk.count))
        if written < 0 { return false }
        index += 1
      }
    }
    return true
  }

  static func store(_ values: ArraySlice<Float>, as samples: Samples, at target: UnsafeMutableRawPointer) {
    // `max(0, NaN)` would be NaN; `NaN > 0` is false.
    func clipped(_ value: Float, _ high: Float) -> Float { value > 0 ? min(value, high).rounded() : 0 }
    switch samples {
    case .uint8:
      let bytes = target.assumingMemoryBound(to: UInt8.self)
      for (index, value) in values.enumerated() { bytes[index] = UInt8(clipped(value, 255)) }
    case .uint16:
      let words = target.assumingMemoryBound(to: UInt16.self)
      for (index, value) in values.enumerated() { words[index] = UInt16(clipped(value, 65535)) }
    case .float32:
      let floats = target.assumingMemoryBound(to: Float.self)
      for (index, value) in values.enumerated() { floats[index] = value }
    }
  }
}
