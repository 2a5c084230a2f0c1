/// Slides of Hamamatsu's scanners (NDPI).
///
/// Recognized by the first page's Make (tag 271), which begins with "Hamamatsu". Every page notes the magnification of its
/// lens, a negative number where it is not part of the pyramid. The pixel size is in the resolution tags.
/// Source: openslide.org/formats/hamamatsu.
struct Hamamatsu: Vendor {
  static let name = "Hamamatsu"
  static let privateTags = [sourceLens]

  /// Magnification of the lens; -1 for a macro image, -2 for a map of the regions that are not background.
  private static let sourceLens: UInt32 = 65421

  private let widthOfFirst: Int

  init?(firstPage page: TIFFPage) {
    guard page.make?.hasPrefix("Hamamatsu") == true else { return nil }
    widthOfFirst = page.width
  }

  func role(of page: TIFFPage, in file: TIFFStructure) -> TIFFPage.Role? {
    guard let lens = page.privateNumbers[Self.sourceLens] else { return nil }
    if lens < 0 { return lens == -1 ? .macro : .thumbnail }
    // Levels are strips as the picture is, and no tag but the lens's magnification tells them apart.
    return page.width < widthOfFirst ? .pyramidLevel : nil
  }
}
