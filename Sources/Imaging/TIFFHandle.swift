internal import CTIFF
internal import Glibc

/// The one place that opens a TIFF file for reading and calls libtiff on it.
///
/// Not thread-safe, as libtiff's handles are not.
final class TIFFHandle {
  let path: String
  let fileBytes: UInt64
  private let tiff: OpaquePointer
  private let log: TIFFLog

  init(path: String, limits: TIFFLimits) throws(ImagingError) {
    // O_NONBLOCK: opening a named pipe would otherwise wait for its writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw .system(
        path: path, doing: "the file cannot be opened", code: errno, remedy: "Check the path and its rights")
    }
    var isOwned = true
    defer { if isOwned { close(descriptor) } }

    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw ImagingError(
        .system, path: path, detail: "this is a folder or a device, not a file", remedy: "Give the path of a TIFF file")
    }
    var head = [UInt8](repeating: 0, count: 132)
    let headBytes = head.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
    guard headBytes >= 0 else {
      throw .system(path: path, doing: "the file cannot be read", code: errno, remedy: "Check the disk")
    }
    if let kind = FileKind(of: Array(head.prefix(headBytes))) {
      throw ImagingError(
        .malformed, path: path, detail: "the file is \(kind.name); a TIFF file is expected", remedy: kind.remedy)
    }

    let log = TIFFLog()
    // "m" forbids mmap: reading past the end of a truncated mapped file kills the process with SIGBUS.
    guard
      let tiff = norma_tiff_open(descriptor, TIFFLog.fileName, "rm", log.pointer, tmsize_t(limits.maximumChunkBytes))
    else {
      throw ImagingError(
        .malformed, path: path,
        detail: "the first page cannot be read" + log.explanation, remedy: ImagingError.reexport)
    }
    isOwned = false
    self.path = path
    self.fileBytes = UInt64(status.st_size)
    self.tiff = tiff
    self.log = log
  }

  deinit { TIFFClose(tiff) }

  // MARK: Pages

  var pageOffset: UInt64 { TIFFCurrentDirOffset(tiff) }
  var isLastPage: Bool { TIFFLastDirectory(tiff) != 0 }

  /// `nil` on success, else libtiff's reason, empty where it gave none.
  func readNextPage() -> String? {
    log.clear()
    return TIFFReadDirectory(tiff) == 1 ? nil : log.explanation
  }

  /// As `readNextPage`, for the page at a known offset.
  func readPage(at offset: UInt64) -> String? {
    guard offset != pageOffset else { return nil }
    log.clear()
    return TIFFSetSubDirectory(tiff, offset) == 1 ? nil : log.explanation
  }

  // MARK: Tags of the current page

  func integer(_ tag: Int32) -> UInt16? {
    var value: UInt16 = 0
    return norma_tiff_get_u16(tiff, UInt32(tag), &value) == 1 ? value : nil
  }

  func wideInteger(_ tag: Int32) -> UInt32? {
    var value: UInt32 = 0
    return norma_tiff_get_u32(tiff, UInt32(tag), &value) == 1 ? value : nil
  }

  func float(_ tag: Int32) -> Float? {
    var value: Float = 0
    return norma_tiff_get_float(tiff, UInt32(tag), &value) == 1 ? value : nil
  }

  func text(_ tag: Int32) -> String? {
    var value: UnsafePointer<CChar>?
    guard norma_tiff_get_string(tiff, UInt32(tag), &value) == 1, let value else { return nil }
    return String(cString: value)
  }

  var extraSamples: [UInt16] {
    var count: UInt16 = 0
    var kinds: UnsafePointer<UInt16>?
    guard norma_tiff_get_extra_samples(tiff, &count, &kinds) == 1, let kinds else { return [] }
    return Array(UnsafeBufferPointer(start: kinds, count: Int(count)))
  }

  /// Red, green and blue of every entry, 16 bits each; `nil` where the page has no table.
  func palette(bits: Int) -> [SIMD3<UInt16>]? {
    var red: UnsafePointer<UInt16>?
    var green: UnsafePointer<UInt16>?
    var blue: UnsafePointer<UInt16>?
    guard norma_tiff_get_palette(tiff, &red, &green, &blue) == 1, let red, let green, let blue else { return nil }
    return (0..<(1 << bits)).map { SIMD3(red[$0], green[$0], blue[$0]) }
  }

  var isTiled: Bool { TIFFIsTiled(tiff) != 0 }

  func canDecode(_ compression: TIFFCompression) -> Bool { TIFFIsCODECConfigured(compression.rawValue) != 0 }

  // MARK: Strips and tiles of the current page

  /// Decoded pixels come as RGB although the page's photometric interpretation is YCbCr.
  func requestRGBFromJPEG() {
    _ = norma_tiff_set_u16(tiff, UInt32(TIFFTAG_JPEGCOLORMODE), UInt16(JPEGCOLORMODE_RGB))
  }

  func storedExtent(ofChunk chunk: Int) -> (offset: UInt64, bytes: UInt64) {
    (TIFFGetStrileOffset(tiff, UInt32(chunk)), TIFFGetStrileByteCount(tiff, UInt32(chunk)))
  }

  /// Decodes one strip or tile; `nil` on success, else what went wrong.
  func decode(chunk: Int, into buffer: UnsafeMutableRawBufferPointer) -> String? {
    log.clear()
    let read =
      isTiled
      ? TIFFReadEncodedTile(tiff, UInt32(chunk), buffer.baseAddress, tmsize_t(buffer.count))
      : TIFFReadEncodedStrip(tiff, UInt32(chunk), buffer.baseAddress, tmsize_t(buffer.count))
    if read < 0 { return log.explanation }
    return read == tmsize_t(buffer.count) ? nil : ": it holds \(read) of \(buffer.count) bytes"
  }

  /// Decodes one row of a page in strips; rows of a strip must be asked for in order.
  func decode(row: Int, plane: Int, into buffer: UnsafeMutableRawBufferPointer) -> String? {
    // libtiff writes this many bytes, whatever was expected.
    let bytes = Int(TIFFScanlineSize(tiff))
    guard bytes == buffer.count else { return ": its rows have \(bytes) bytes; \(buffer.count) are expected" }
    log.clear()
    return TIFFReadScanline(tiff, buffer.baseAddress, UInt32(row), UInt16(plane)) == 1 ? nil : log.explanation
  }

  /// Why libtiff has no conversion of its own to RGB for the page; `nil` where it has one.
  var displayColorRefusal: String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1024) { reason in
      reason.initialize(repeating: 0)
      return TIFFRGBAImageOK(tiff, reason.baseAddress!) == 1
        ? nil : TIFFLog.sentence(String(cString: reason.baseAddress!))
    }
  }

  /// Decodes a strip or tile as 8-bit red, green, blue, alpha, one word a pixel, through libtiff's own conversions.
  func decodeDisplayColor(_ area: PixelRectangle, into raster: UnsafeMutablePointer<UInt32>) -> String? {
    log.clear()
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1024) { reason in
      reason.initialize(repeating: 0)
      let isDecoded = norma_tiff_read_rgba(
        tiff, UInt32(area.x), UInt32(area.y), UInt32(area.width), UInt32(area.height), raster, reason.baseAddress!)
      if isDecoded == 1 { return nil }
      return reason[0] == 0 ? log.explanation : ": " + TIFFLog.sentence(String(cString: reason.baseAddress!))
    }
  }
}
