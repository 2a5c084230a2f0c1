/// What the user states of all files, because the files do not say it or say it wrongly.
package struct StatedFacts: Sendable, Equatable {
  /// A value that means no data, in the units of the files.
  package var noData: Float?
  /// Size of a pixel of every picture.
  package var pixelSize: PixelSize?

  package init(noData: Float? = nil, pixelSize: PixelSize? = nil) {
    self.noData = noData
    self.pixelSize = pixelSize
  }
}
