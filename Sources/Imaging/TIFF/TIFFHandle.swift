internal import CTIFF
import Files
internal import Glibc

/// Opens a TIFF file for reading and calls libtiff on it; no other code reads TIFF files.
///
/// Not thread-safe, since libtiff's handles are not.
final class TIFFHandle {
  let path: String
  let fileBytes: UInt64
  private let tiff: OpaquePointer
  private let log: TIFFLog
  private let largestChunk: Int
  /// The row that libtiff would decode next in the strip that is being decoded row by row.
  private var next: (page: UInt64, strip: Int, row: Int)?
  /// See `holdsAny`, by the offset of the page's directory.
  private var holdings: [UInt64: Bool] = [:]
  private let identity: (device: dev_t, file: ino_t)

  init(path: String, limits: TIFFLimits) throws(NormaError) {
    // O_NONBLOCK: otherwise opening a named pipe would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw .system(
        path, doing: "the file cannot be opened", code: errno, remedy: "Check the path and its rights")
    }
    var isOwned = true
    defer { if isOwned { close(descriptor) } }

    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw NormaError(
        .system, subject: path, found: "this is a folder or a device, not a file",
        remedy: "Give the path of a TIFF file")
    }
    var head = [UInt8](repeating: 0, count: 132)
    let headBytes = head.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
    guard headBytes >= 0 else {
      throw .system(path, doing: "the file cannot be read", code: errno, remedy: "Check the disk")
    }
    if let kind = FileKind(of: Array(head.prefix(headBytes))) {
      throw NormaError(
        .malformed, subject: path, found: "the file is \(kind.name); a TIFF file is expected", remedy: kind.remedy)
    }

    if Self.isLargeNDPI(head, bytes: UInt64(status.st_size)) { throw Self.largeNDPI(path) }

    let log = TIFFLog()
    // "m" forbids mmap: reading past the end of a truncated mapped file kills the process with SIGBUS.
    guard
      let tiff = norma_tiff_open(descriptor, TIFFLog.fileName, "rm", log.pointer, tmsize_t(limits.maximumChunkBytes))
    else {
      throw NormaError(
        .malformed, subject: path,
        found: "the first page cannot be read" + log.explanation, remedy: NormaError.reexport)
    }
    isOwned = false
    self.path = path
    self.fileBytes = UInt64(status.st_size)
    identity = (status.st_dev, status.st_ino)
    self.tiff = tiff
    self.log = log
    largestChunk = limits.maximumChunkBytes
  }

  /// Whether a file begins with the 64-bit offset by which Hamamatsu's scanners go beyond what TIFF allows.
  private static func isLargeNDPI(_ head: [UInt8], bytes: UInt64) -> Bool {
    guard bytes > UInt64(UInt32.max), head.starts(with: [0x49, 0x49, 42, 0]) else { return false }
    let offset = head[4..<12].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return offset > UInt64(UInt32.max) && offset < bytes
  }

  /// - Parameter path: path of an NDPI file larger than 4 GB.
  static func largeNDPI(_ path: String) -> NormaError {
    NormaError(
      .unsupported, subject: path,
      found: "it is a Hamamatsu slide (NDPI) of more than 4 GB, whose 64-bit offsets are not TIFF and cannot be read",
      remedy: "Convert it to a tiled BigTIFF with its pyramid, for example with vips or Bio-Formats")
  }

  /// Whether the file has offsets of 32 bits and more bytes than these can reach.
  var isBeyondItsOffsets: Bool { TIFFIsBigTIFF(tiff) == 0 && fileBytes > UInt64(UInt32.max) }

  /// Whether libtiff converts the JPEG of the current page to RGB.
  private var givesRGB = false

  deinit { TIFFClose(tiff) }

  func isOfSameFile(as other: TIFFHandle) -> Bool { identity == other.identity && fileBytes == other.fileBytes }

  // MARK: Pages

  var pageOffset: UInt64 { TIFFCurrentDirOffset(tiff) }
  var isLastPage: Bool { TIFFLastDirectory(tiff) != 0 }

  /// Makes the next page the current one. Returns `nil` on success, else libtiff's reason, which is empty if it gave
  /// none.
  func readNextPage() -> String? {
    log.clear()
    return TIFFReadDirectory(tiff) == 1 ? nil : log.explanation
  }

  /// Like `readNextPage`, for the page at a known offset.
  ///
  /// - Parameter isAnew: whether to read the page even if it is the current one, so that its codec starts again. This
  ///   has no effect while a strip of the page is being decoded row by row.
  func readPage(at offset: UInt64, isAnew: Bool = false) -> String? {
    guard offset != pageOffset || (isAnew && next?.page != offset) else { return nil }
    next = nil
    log.clear()
    if givesRGB {
      // Otherwise libtiff would compute row sizes of the next page as if it were a JPEG converted to RGB.
      _ = norma_tiff_set_u16(tiff, UInt32(TIFFTAG_JPEGCOLORMODE), UInt16(JPEGCOLORMODE_RAW))
      givesRGB = false
    }
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
    return Self.text(UnsafeBufferPointer(start: value, count: strlen(value)))
  }

  /// The text of a tag that libtiff has no name for, or of a packet; `nil` if there is none or if it is longer than
  /// `limit` bytes.
  func privateText(_ tag: UInt32, limit: Int) -> String? {
    var count: UInt32 = 0
    var value: UnsafePointer<CChar>?
    guard norma_tiff_get_private_text(tiff, tag, &count, &value) == 1, let value, count <= limit else { return nil }
    return Self.text(UnsafeBufferPointer(start: value, count: strnlen(value, Int(count))))
  }

  /// Bytes as UTF-8 or, if they are none, as Latin-1, which older programs write.
  private static func text(_ bytes: UnsafeBufferPointer<CChar>) -> String {
    let bytes = bytes.map { UInt8(bitPattern: $0) }
    return String(validating: bytes, as: UTF8.self)
      ?? String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
  }

  /// The first value of a tag of two-byte integers. It is read from the file directly, because libtiff drops tags that
  /// it does not use with the page's compression.
  func rawInteger(_ tag: Int32) -> UInt16? {
    let isBig = TIFFIsBigTIFF(tiff) != 0
    let isBigEndian = TIFFIsBigEndian(tiff) != 0
    func number(_ bytes: some Collection<UInt8>) -> UInt64 {
      (isBigEndian ? Array(bytes) : bytes.reversed()).reduce(0) { $0 << 8 | UInt64($1) }
    }
    func read(_ count: Int, at offset: UInt64) -> [UInt8]? {
      guard let place = off_t(exactly: offset) else { return nil }
      var bytes = [UInt8](repeating: 0, count: count)
      return pread(TIFFFileno(tiff), &bytes, count, place) == count ? bytes : nil
    }
    let (countBytes, entryBytes) = isBig ? (8, 20) : (2, 12)
    guard let head = read(countBytes, at: pageOffset), case let count = number(head), count <= 4096,
      let entries = read(Int(count) * entryBytes, at: pageOffset + UInt64(countBytes))
    else { return nil }
    for start in stride(from: 0, to: entries.count, by: entryBytes) {
      guard number(entries[start..<start + 2]) == UInt64(tag), number(entries[start + 2..<start + 4]) == 3 else {
        continue
      }
      let value = start + entryBytes - (isBig ? 8 : 4)
      return UInt16(number(entries[value..<value + 2]))
    }
    return nil
  }

  /// The first value of a vendor's private tag.
  func privateFloat(_ tag: UInt32) -> Float? {
    var value: Float = 0
    return norma_tiff_get_private_float(tiff, tag, &value) == 1 ? value : nil
  }

  /// Offsets of the directories of the pages that the current page owns (tag 330).
  var ownedPages: [UInt64] {
    var count: UInt16 = 0
    var offsets: UnsafePointer<UInt64>?
    guard norma_tiff_get_sub_ifds(tiff, &count, &offsets) == 1, let offsets else { return [] }
    return Array(UnsafeBufferPointer(start: offsets, count: Int(count)))
  }

  var extraSamples: [UInt16] {
    var count: UInt16 = 0
    var kinds: UnsafePointer<UInt16>?
    guard norma_tiff_get_extra_samples(tiff, &count, &kinds) == 1, let kinds else { return [] }
    return Array(UnsafeBufferPointer(start: kinds, count: Int(count)))
  }

  /// Red, green and blue of every entry, 16 bits each; `nil` if the page has no colour table.
  func palette(bits: Int) -> [SIMD3<UInt16>]? {
    var red: UnsafePointer<UInt16>?
    var green: UnsafePointer<UInt16>?
    var blue: UnsafePointer<UInt16>?
    guard norma_tiff_get_palette(tiff, &red, &green, &blue) == 1, let red, let green, let blue else { return nil }
    return (0..<(1 << bits)).map { SIMD3(red[$0], green[$0], blue[$0]) }
  }

  var isTiled: Bool { TIFFIsTiled(tiff) != 0 }

  func canDecode(_ compression: TIFFCompression) -> Bool {
    compression.isJPEG2000 || TIFFIsCODECConfigured(compression.rawValue) != 0
  }

  // MARK: Strips and tiles of the current page

  /// Makes libtiff return RGB pixels although the page's photometric interpretation is YCbCr.
  func requestRGBFromJPEG() {
    givesRGB = true
    _ = norma_tiff_set_u16(tiff, UInt32(TIFFTAG_JPEGCOLORMODE), UInt16(JPEGCOLORMODE_RGB))
  }

  func storedExtent(ofChunk chunk: Int) -> (offset: UInt64, bytes: UInt64) {
    (TIFFGetStrileOffset(tiff, UInt32(chunk)), TIFFGetStrileByteCount(tiff, UInt32(chunk)))
  }

  /// Whether the file holds any strip or tile of the current page; found once for each page.
  ///
  /// - Parameter count: number of the page's strips or tiles.
  func holdsAny(of count: Int) -> Bool {
    if let known = holdings[pageOffset] { return known }
    let isHeld = (0..<count).contains { storedExtent(ofChunk: $0).bytes > 0 }
    holdings[pageOffset] = isHeld
    return isHeld
  }

  /// Decodes one strip or tile. Returns `nil` on success, else what went wrong.
  func decode(chunk: Int, into buffer: UnsafeMutableRawBufferPointer) -> String? {
    log.clear()
    let read =
      isTiled
      ? TIFFReadEncodedTile(tiff, UInt32(chunk), buffer.baseAddress, tmsize_t(buffer.count))
      : TIFFReadEncodedStrip(tiff, UInt32(chunk), buffer.baseAddress, tmsize_t(buffer.count))
    // Some codecs report an error, invent the pixels and return success.
    if read < 0 || !log.isEmpty { return log.explanation }
    return read == tmsize_t(buffer.count) ? nil : ": it holds \(read) of \(buffer.count) bytes"
  }

  /// The stored bytes of a strip or tile; if they cannot be read, `reason` says why.
  func stored(chunk: Int) -> (bytes: [UInt8], reason: String?) {
    let (_, count) = storedExtent(ofChunk: chunk)
    guard count <= UInt64(largestChunk) else {
      return ([], ": it has \(count) bytes; up to \(largestChunk) are allowed")
    }
    log.clear()
    var read: tmsize_t = -1
    let bytes = [UInt8](unsafeUninitializedCapacity: Int(count)) { buffer, size in
      read =
        isTiled
        ? TIFFReadRawTile(tiff, UInt32(chunk), buffer.baseAddress, tmsize_t(count))
        : TIFFReadRawStrip(tiff, UInt32(chunk), buffer.baseAddress, tmsize_t(count))
      size = max(0, Int(read))
    }
    return (bytes, read == tmsize_t(count) ? nil : log.explanation)
  }

  /// Reads uncompressed samples of `size` bytes from an offset in the file and converts them to native byte order.
  func read(at offset: UInt64, sampleBytes size: Int, into buffer: UnsafeMutableRawBufferPointer) -> String? {
    var done = 0
    while done < buffer.count {
      let n = pread(TIFFFileno(tiff), buffer.baseAddress! + done, buffer.count - done, off_t(offset) + off_t(done))
      guard n > 0 else { return n < 0 ? ": " + String(cString: strerror(errno)) : ": the file ends before it" }
      done += n
    }
    if TIFFIsByteSwapped(tiff) != 0, size > 1 {
      for start in stride(from: 0, through: buffer.count - size, by: size) {
        for i in 0..<size / 2 { buffer.swapAt(start + i, start + size - 1 - i) }
      }
    }
    return nil
  }

  /// The row from which decoding of a strip can continue: the row after the last decoded one, else the strip's first
  /// row.
  ///
  /// - Parameters:
  ///   - offset: offset of the page's directory in the file.
  ///   - rows: from the strip's first row to the first row that is wanted.
  func row(toGoOnFrom strip: Int, ofPageAt offset: UInt64, within rows: ClosedRange<Int>) -> Int {
    guard let next, next.page == offset, next.strip == strip, rows.contains(next.row) else {
      return rows.lowerBound
    }
    return next.row
  }

  /// Decodes one row of a page in strips; the rows of a strip must be requested in order.
  func decode(row: Int, of strip: Int, plane: Int, into buffer: UnsafeMutableRawBufferPointer) -> String? {
    next = nil
    // libtiff writes this many bytes, whatever the size of the buffer.
    let bytes = Int(TIFFScanlineSize(tiff))
    guard bytes == buffer.count else { return ": its rows have \(bytes) bytes; \(buffer.count) are expected" }
    log.clear()
    guard TIFFReadScanline(tiff, buffer.baseAddress, UInt32(row), UInt16(plane)) == 1, log.isEmpty else {
      return log.explanation
    }
    next = (pageOffset, strip, row + 1)
    return nil
  }

  /// Why libtiff cannot convert the page to RGB; `nil` if it can.
  var displayColorRefusal: String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1024) { reason in
      reason.initialize(repeating: 0)
      return TIFFRGBAImageOK(tiff, reason.baseAddress!) == 1
        ? nil : TIFFLog.sentence(String(cString: reason.baseAddress!))
    }
  }

  /// Decodes a strip or tile to 8-bit red, green, blue and alpha, one word per pixel, with libtiff's own conversions.
  func decodeDisplayColor(_ area: PixelRectangle, into raster: UnsafeMutablePointer<UInt32>) -> String? {
    log.clear()
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1024) { reason in
      reason.initialize(repeating: 0)
      let isDecoded = norma_tiff_read_rgba(
        tiff, UInt32(area.x), UInt32(area.y), UInt32(area.width), UInt32(area.height), raster, reason.baseAddress!)
      if isDecoded == 1 && log.isEmpty { return nil }
      return reason[0] == 0 ? log.explanation : ": " + TIFFLog.sentence(String(cString: reason.baseAddress!))
    }
  }
}
