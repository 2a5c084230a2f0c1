/// One picture to analyze: a page, or pages of which each holds a channel.
package struct TIFFScan: Sendable, Equatable {
  /// One-based, in the order of the channels.
  package let pages: [Int]
  /// Names of the channels where the file gives them, else empty.
  package let channelNames: [String]

  init(pages: [Int], channelNames: [String] = []) {
    self.pages = pages
    self.channelNames = channelNames
  }
}
