/// What the user states of all files, because the files do not say it or say it wrongly.
package struct StatedFacts: Sendable, Equatable {
  /// A value that means no data, in the units of the files.
  package var noData: Float?
  /// Size of a pixel of every picture.
  package var pixelSize: PixelSize?

  /// Whether values that files note as no data count as data, as the 0 of a mask does.
  package var ignoresNotes = false

  package init(noData: Float? = nil, pixelSize: PixelSize? = nil) {
    self.noData = noData
    self.pixelSize = pixelSize
  }

  package static var ignoringNotes: StatedFacts {
    var facts = StatedFacts()
    facts.ignoresNotes = true
    return facts
  }
}
