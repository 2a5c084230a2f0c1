/// Pyramids and stacks of all other writers: the role of a page follows only from tag 254 and from sizes.
///
/// Recognizes every file. Pages that tag 254 calls reduced are levels, or thumbnails if they are far smaller. If the
/// writer does not use tag 254, tiled pages after the largest picture that get smaller and smaller are levels too. Beside
/// a tiled picture, a page in strips of another size is not known to be a picture. The pixel size is in the resolution
/// tags.
/// Source: TIFF 6.0, section 8, NewSubfileType.
struct Generic: Vendor {
  static let name = "generic"

  init?(firstPage page: TIFFPage) {}

  func role(of page: TIFFPage, in file: TIFFStructure) -> TIFFPage.Role? { Self.role(of: page, in: file) }

  /// The same role; other vendors use it for pages that their notes leave out.
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
    guard let base = chain.filter({ !$0.isReducedResolution && !$0.isMask }).max(by: { $0.area < $1.area }),
      base.isTiled, (page.width, page.height) != (base.width, base.height)
    else { return .image }
    guard page.isTiled else { return .unknown }
    // Pyramids without tag 254: after the largest picture, tiled pages of its aspect ratio get smaller and smaller.
    guard page.number > base.number else { return .image }
    let between = pages[base.number..<page.number - 1]
    guard between.allSatisfy({ $0.role != .image }) else { return .image }
    let above = between.last { $0.role == .pyramidLevel } ?? base
    return isSmaller(page, than: base) && isSmaller(page, than: above) ? .pyramidLevel : .image
  }

  /// The picture of a level: its owner. Where the pages of a level are as many as the pictures of the largest size, as
  /// those of channels are, each belongs to the picture in its place; otherwise a level belongs to the largest picture.
  static func picture(ofLevel page: TIFFPage, in file: TIFFStructure) -> Int? {
    if let owner = page.owner { return owner }
    let pictures = file.pages[..<file.chained].filter { $0.role == .image }
    guard let largest = pictures.max(by: { $0.area < $1.area }) else { return nil }
    func size(_ page: TIFFPage) -> [Int] { [page.width, page.height] }
    let largestOnes = pictures.filter { size($0) == size(largest) }
    let level = file.pages[..<file.chained].filter { $0.role == .pyramidLevel && size($0) == size(page) }
    guard level.count == largestOnes.count, let place = level.firstIndex(where: { $0.number == page.number }) else {
      return largest.number
    }
    return largestOnes[largestOnes.startIndex + level.distance(from: level.startIndex, to: place)].number
  }

  /// Whether a page is the same picture as `base`, reduced by a factor above 1.25 in both directions, except for
  /// rounding.
  private static func isSmaller(_ page: TIFFPage, than base: TIFFPage) -> Bool {
    guard page.width > 0, page.height > 0, base.width > 0, base.height > 0 else { return false }
    let (x, y) = (Double(base.width) / Double(page.width), Double(base.height) / Double(page.height))
    let rounding = x / Double(page.width) + y / Double(page.height)
    return min(x, y) > 1.25 && abs(x - y) <= 1.5 * max(rounding, 0.01 * x)
      && page.samplesPerPixel == base.samplesPerPixel && page.bitsPerSample == base.bitsPerSample
  }

  /// A reduced picture is a level if it is reduced at most sixteen times compared to the next larger one; every other
  /// reduced page is a thumbnail.
  private static func level(_ page: TIFFPage, above base: TIFFPage, among others: [TIFFPage]) -> TIFFPage.Role {
    guard isSmaller(page, than: base), page.isTiled || !base.isTiled else { return .thumbnail }
    let next = others.filter { $0.width > page.width && isSmaller($0, than: base) }.map(\.width).min() ?? base.width
    return next <= 16 * page.width ? .pyramidLevel : .thumbnail
  }
}
