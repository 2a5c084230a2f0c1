/// Pyramids and stacks of everyone else: what a page is follows from tag 254 and from sizes alone.
///
/// Recognizes every file. Pages that tag 254 calls reduced are levels, or thumbnails where they are far smaller; so are pages
/// of writers that know no such tag, tiled and ever smaller. The pixel size is in the resolution tags.
/// Source: TIFF 6.0, section 8, NewSubfileType.
struct Generic: Vendor {
  static let name = "generic"

  init?(firstPage page: TIFFPage) {}

  func role(of page: TIFFPage, in file: TIFFStructure) -> TIFFPage.Role? { Self.role(of: page, in: file) }

  /// The answer, too, for pages that the notes of a vendor leave out.
  static func role(of page: TIFFPage, in file: TIFFStructure) -> TIFFPage.Role {
    let pages = file.pages
    let chain = pages[..<file.chained]
    if let owner = page.owner {
      return page.isReducedResolution || isSmaller(page, than: pages[owner - 1])
        ? level(page, above: pages[owner - 1], among: pages[file.chained...].filter { $0.owner == owner }) : .image
    }
    if page.isReducedResolution {
      let base = chain.filter { !$0.isReducedResolution && !$0.isMask }.max { $0.area < $1.area }
      return base.map { level(page, above: $0, among: chain.filter(\.isReducedResolution)) } ?? .thumbnail
    }
    // Pyramids of writers that know no tag 254: tiled pages of the first one's shape, ever smaller.
    let first = pages[0]
    guard page.number > 1, page.isTiled, first.isTiled else { return .image }
    let between = pages[1..<page.number - 1]
    guard between.allSatisfy({ $0.role != .image }) else { return .image }
    let above = between.last { $0.role == .pyramidLevel } ?? first
    return isSmaller(page, than: first) && isSmaller(page, than: above) ? .pyramidLevel : .image
  }

  /// The same picture at least a fifth smaller, but for rounding.
  private static func isSmaller(_ page: TIFFPage, than base: TIFFPage) -> Bool {
    guard page.width > 0, page.height > 0, base.width > 0, base.height > 0 else { return false }
    let (x, y) = (Double(base.width) / Double(page.width), Double(base.height) / Double(page.height))
    let rounding = x / Double(page.width) + y / Double(page.height)
    return min(x, y) > 1.25 && abs(x - y) <= 1.5 * max(rounding, 0.01 * x)
      && page.samplesPerPixel == base.samplesPerPixel && page.bitsPerSample == base.bitsPerSample
  }

  /// A level is the picture reduced, at most sixteen times as the next larger one; what else is reduced is a thumbnail.
  private static func level(_ page: TIFFPage, above base: TIFFPage, among others: [TIFFPage]) -> TIFFPage.Role {
    guard isSmaller(page, than: base), page.isTiled || !base.isTiled else { return .thumbnail }
    let next = others.filter { $0.width > page.width && isSmaller($0, than: base) }.map(\.width).min() ?? base.width
    return next <= 16 * page.width ? .pyramidLevel : .thumbnail
  }
}
