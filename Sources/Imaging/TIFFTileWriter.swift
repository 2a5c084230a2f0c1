internal import CTIFF
internal import Glibc

/// Writes a gray picture from top to bottom in tiles, without ever holding more than a row of them.
///
/// Like `TIFFWriter` it gives the file its name only when it is complete.
package final class TIFFTileWriter {
  package let width: Int
  package let height: Int
  private let file: AtomicFile
  private let samples: TIFFWriter.Samples
  private let log = TIFFLog()
  private let tiff: OpaquePointer
  /// Rows that do not fill a row of tiles yet, `[edge, width]`.
  private var pending: [Float]
  private var pendingRows = 0
  private var nextRow = 0
  private var isClosed = false

  private static let edge = 256
  /// Fastest: the values of a heatmap are too noisy for a better search to pay.
  private static let deflateLevel: UInt16 = 1

  /// - Throws: `ImagingError` where the file cannot be created.
  package init(
    path: String, width: Int, height: Int, pixelSize: PixelSize?, as samples: TIFFWriter.Samples = .float32
  ) throws(ImagingError) {
    (self.width, self.height, self.samples) = (width, height, samples)
    pending = [Float](repeating: 0, count: Self.edge * width)
    file = try AtomicFile(path: path)
    // Classic TIFF ends at 4 GiB; compression may not help.
    let mode = width * height * samples.bits > 32_000_000_000 ? "w8" : "w"
    tiff = try TIFFWriter.open(file, mode: mode, log)
    let header = TIFFWriter.Header(
      width: width, height: height, channels: 1, samples: samples, pixelSize: pixelSize, description: nil)
    TIFFWriter.setTags(of: header, tileSize: Self.edge, rowsPerStrip: 0, on: tiff)
    _ = norma_tiff_set_u16(tiff, UInt32(TIFFTAG_ZIPQUALITY), Self.deflateLevel)
  }

  deinit { if !isClosed { TIFFClose(tiff) } }

  /// - Parameter rows: the next ones from the top, `[rows, width]`.
  package func append(_ rows: [Float]) throws(ImagingError) {
    precondition(rows.count % max(width, 1) == 0, "\(rows.count) values for rows of \(width)")
    var next = 0
    while next < rows.count {
      let count = min(rows.count - next, (Self.edge - pendingRows) * width)
      pending.replaceSubrange(pendingRows * width..<pendingRows * width + count, with: rows[next..<next + count])
      pendingRows += count / width
      next += count
      if pendingRows == Self.edge { try writeTiles() }
    }
  }

  /// Completes the file.
  package func finish(isSynced: Bool = true) throws(ImagingError) {
    if pendingRows > 0 { try writeTiles() }
    precondition(nextRow >= height, "\(nextRow) rows of \(height) were written")
    let isWritten = TIFFWriteDirectory(tiff) == 1
    TIFFClose(tiff)
    isClosed = true
    guard isWritten && log.isEmpty else { throw TIFFWriter.failure(of: file, log) }
    try file.commit(isSynced: isSynced)
  }

  private func writeTiles() throws(ImagingError) {
    let rows = pendingRows
    pendingRows = 0
    let across = (width + Self.edge - 1) / Self.edge
    let bytes = samples.bits / 8
    var tile = [UInt8](repeating: 0, count: Self.edge * Self.edge * bytes)
    for column in 0..<across {
      let left = column * Self.edge
      let count = min(Self.edge, width - left)
      for i in tile.indices { tile[i] = 0 }
      // libtiff changes what it is given where there is a predictor; the tile is filled anew each time.
      let written = tile.withUnsafeMutableBytes { tile in
        for row in 0..<rows {
          let first = row * width + left
          TIFFWriter.store(
            pending[first..<first + count], as: samples, at: tile.baseAddress! + row * Self.edge * bytes)
        }
        return TIFFWriteEncodedTile(
          tiff, UInt32(nextRow / Self.edge * across + column), tile.baseAddress, tmsize_t(tile.count))
      }
      guard written >= 0 else { throw TIFFWriter.failure(of: file, log) }
    }
    nextRow += rows
  }
}
