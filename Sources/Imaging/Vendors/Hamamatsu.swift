/// Slides from Hamamatsu's scanners (NDPI).
///
/// Recognized by the first page's Make (tag 271), which begins with "Hamamatsu". Every page states the magnification of
/// its lens; the number is negative for a page that is not part of the pyramid. The pixel size is in the resolution
/// tags.
/// Source: openslide.org/formats/hamamatsu.
struct Hamamatsu: Vendor {
  static let name = "Hamamatsu"
  static let privateTags = [sourceLens]

  /// Tag for the magnification of the lens; -1 means a macro image, -2 a map of the regions that are not background.
  private static let sourceLens: UInt32 = 65421

  private let widthOfFirst: Int

  init?(firstPage page: TIFFPage) {
    guard page.make?.hasPrefix("Hamamatsu") == true else { return nil }
    widthOfFirst = page.width
  }

  var omitsGlass: Bool { true }

  func role(of page: TIFFPage, in file: TIFFStructure) -> TIFFPage.Role? {
    guard let lens = page.privateNumbers[Self.sourceLens] else { return nil }
    if lens < 0 { return lens == -1 ? .macro : .thumbnail }
    // Levels are stored in strips like the picture, and only the magnification of the lens marks them.
    return page.width < widthOfFirst ? .pyramidLevel : nil
  }
}
