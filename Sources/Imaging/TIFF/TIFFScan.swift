/// One picture to analyze: a page, or several pages that hold one or more channels each.
package struct TIFFScan: Sendable, Equatable {
  /// One-based page numbers, in the order of the channels.
  package let pages: [Int]
  /// Names of the channels; empty if the file gives none.
  package let channelNames: [String]

  init(pages: [Int], channelNames: [String] = []) {
    self.pages = pages
    self.channelNames = channelNames
  }
}
