internal import CSystem
internal import CTIFF
import Files
internal import Glibc
import Threads

/// Writes a gray picture from top to bottom in tiles, and never holds more than one row of tiles.
///
/// Like `TIFFWriter`, it gives the file its name only when it is complete.
package final class TIFFTileWriter {
  package let width: Int
  package let height: Int
  private let file: AtomicFile
  private let samples: TIFFWriter.Samples
  /// A compressed tile of zeros.
  private let blank: [UInt8]?
  private let log = TIFFLog()
  private let tiff: OpaquePointer
  /// Rows that do not yet fill a row of tiles, `[edge, width]`.
  private var pending: [Float]
  private var pendingRows = 0
  private var nextRow = 0
  private var isClosed = false

  private static let edge = 256
  /// The fastest level: the values of a heatmap are too noisy to benefit from a slower one.
  private static let deflateLevel: UInt16 = 1

  /// - Throws: `NormaError` if the file cannot be created.
  package init(
    path: String, width: Int, height: Int, pixelSize: PixelSize?, as samples: TIFFWriter.Samples = .float32
  ) throws(NormaError) {
    (self.width, self.height, self.samples) = (width, height, samples)
    blank = Self.packed(as: samples) { _ in nil }
    pending = [Float](repeating: 0, count: Self.edge * width)
    file = try AtomicFile(path: path)
    // Classic TIFF ends at 4 GiB, and compression may not make the data smaller.
    let mode = width * height * samples.bits > 32_000_000_000 ? "w8" : "w"
    tiff = try TIFFWriter.open(file, mode: mode, log)
    Self.setTags(width: width, height: height, pixelSize: pixelSize, as: samples, on: tiff)
  }

  deinit { if !isClosed { TIFFClose(tiff) } }

  /// - Parameter rows: the next rows from the top.
  package func append(_ rows: Plane<Float>) throws(NormaError) {
    precondition(rows.width == width, "rows of \(rows.width) for a picture of \(width)")
    let rows = rows.values
    var next = 0
    while next < rows.count {
      let count = min(rows.count - next, (Self.edge - pendingRows) * width)
      pending.replaceSubrange(pendingRows * width..<pendingRows * width + count, with: rows[next..<next + count])
      pendingRows += count / width
      next += count
      if pendingRows == Self.edge { try writeTiles() }
    }
  }

  /// Writes the remaining rows and gives the file its name.
  package func finish(isSynced: Bool = true) throws(NormaError) {
    if pendingRows > 0 { try writeTiles() }
    precondition(nextRow >= height, "\(nextRow) rows of \(height) were written")
    let isWritten = TIFFWriteDirectory(tiff) == 1
    TIFFClose(tiff)
    isClosed = true
    guard isWritten && log.isEmpty else { throw TIFFWriter.failure(of: file, log) }
    try file.commit(isSynced: isSynced)
  }

  private func writeTiles() throws(NormaError) {
    let rows = pendingRows
    pendingRows = 0
    let (across, width, edge, pending) = ((width + Self.edge - 1) / Self.edge, width, Self.edge, pending)
    let packed = Parallel.map(across) { [samples, blank] column in
      let xs = column * edge..<min((column + 1) * edge, width)
      func row(_ y: Int) -> ArraySlice<Float>? {
        y < rows ? pending[y * width + xs.lowerBound..<y * width + xs.upperBound] : nil
      }
      let isBlank = (0..<rows).allSatisfy { row($0)!.allSatisfy { $0 == 0 } }
      return isBlank ? blank : Self.packed(as: samples, row: row)
    }
    for (column, bytes) in packed.enumerated() {
      guard var bytes else { throw file.failure(code: ENOMEM) }
      let written = TIFFWriteRawTile(tiff, UInt32(nextRow / Self.edge * across + column), &bytes, tmsize_t(bytes.count))
      guard written >= 0 else { throw TIFFWriter.failure(of: file, log) }
    }
    nextRow += rows
  }

  /// The compressed bytes that libtiff stores for a tile. libtiff compresses the tiles of one file one after the other,
  /// so each tile is written to a temporary file of its own in memory.
  ///
  /// - Parameter row: samples of a row of the tile, `nil` if the tile has no such row; missing samples are 0.
  /// - Returns: `nil` if there is not enough memory.
  private static func packed(
    as samples: TIFFWriter.Samples, row: (Int) -> ArraySlice<Float>?
  ) -> [UInt8]? {
    let descriptor = memfd_create(TIFFLog.fileName, 0)
    guard descriptor >= 0 else { return nil }
    let log = TIFFLog()
    guard let tiff = norma_tiff_open(descriptor, TIFFLog.fileName, "w", log.pointer, 0) else {
      close(descriptor)
      return nil
    }
    defer { TIFFClose(tiff) }
    setTags(width: edge, height: edge, pixelSize: nil, as: samples, on: tiff)
    let rowBytes = edge * samples.bits / 8
    var tile = [UInt8](repeating: 0, count: edge * rowBytes)
    let isPacked = tile.withUnsafeMutableBytes { tile in
      for y in 0..<edge {
        guard let values = row(y) else { break }
        TIFFWriter.store(values, as: samples, at: tile.baseAddress! + y * rowBytes)
      }
      return TIFFWriteEncodedTile(tiff, 0, tile.baseAddress, tmsize_t(tile.count)) >= 0
    }
    let (count, offset) = (Int(TIFFGetStrileByteCount(tiff, 0)), TIFFGetStrileOffset(tiff, 0))
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { bytes, size in
      size = max(0, pread(descriptor, bytes.baseAddress, count, off_t(offset)))
    }
    return isPacked && bytes.count == count ? bytes : nil
  }

  private static func setTags(
    width: Int, height: Int, pixelSize: PixelSize?, as samples: TIFFWriter.Samples, on tiff: OpaquePointer
  ) {
    let header = TIFFWriter.Header(
      width: width, height: height, channels: 1, samples: samples, pixelSize: pixelSize, description: nil)
    TIFFWriter.setTags(of: header, tileSize: edge, rowsPerStrip: 0, on: tiff)
    _ = norma_tiff_set_u16(tiff, UInt32(TIFFTAG_ZIPQUALITY), deflateLevel)
  }
}
