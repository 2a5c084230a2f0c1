/// What a file may declare before norma refuses it, checked before anything is allocated.
package struct TIFFLimits: Sendable, Equatable {
  /// Width times height of what is decoded at once: a page, or a region of one.
  package var maximumPixels: Int
  /// Width times height of a scan that is read piece by piece.
  package var maximumScanPixels: Int
  /// Decoded bytes of one strip or tile.
  package var maximumChunkBytes: Int
  package var maximumPages: Int
  /// Share of a picture's strips or tiles that may be missing or broken, in 0...1; they become no data.
  package var toleratedMissing: Double

  package init(
    maximumPixels: Int = 1 << 28, maximumScanPixels: Int = 1 << 36, maximumChunkBytes: Int = 1 << 29,
    maximumPages: Int = 1 << 14, toleratedMissing: Double = 0
  ) {
    self.toleratedMissing = toleratedMissing
    self.maximumPixels = min(maximumPixels, maximumScanPixels)
    self.maximumScanPixels = maximumScanPixels
    self.maximumChunkBytes = maximumChunkBytes
    self.maximumPages = maximumPages
  }

  /// For a file that is read piece by piece, of which a piece may be missing where the whole may lack a share.
  package var forPieces: TIFFLimits {
    var result = self
    if toleratedMissing > 0 { result.toleratedMissing = 1 }
    return result
  }

  package static let `default` = TIFFLimits()
}
