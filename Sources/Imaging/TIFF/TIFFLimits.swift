/// Limits on what a file may declare, which are checked before anything is allocated, and what the user states of it.
package struct TIFFLimits: Sendable, Equatable {
  /// Width times height of the largest page, or region of one, that is decoded at once.
  package var maximumPixels: Int
  /// Width times height of the largest scan that is read piece by piece.
  package var maximumScanPixels: Int
  /// Most decoded bytes of one strip or tile.
  package var maximumChunkBytes: Int
  package var maximumPages: Int
  /// Share of a picture's strips or tiles that may be missing or broken, in 0...1; their pixels become no data.
  package var toleratedMissing: Double
  package var stated = StatedFacts()

  /// Largest share of the strips or tiles that a writer leaves out on purpose, where they are no glass; a file that
  /// lacks more was not finished.
  static let mostOmitted = 0.5

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

  /// Limits for reading a file piece by piece: a whole piece may be missing if a share of the whole file may be.
  package var forPieces: TIFFLimits {
    var result = self
    if toleratedMissing > 0 { result.toleratedMissing = 1 }
    return result
  }

  package static let `default` = TIFFLimits()
}
