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
    let shapes = file.shapes
    let shape = PageShape(of: page)
    if let owner = page.owner {
      let base = file.pages[owner - 1]
      return page.isReducedResolution || shape.isReduction(of: PageShape(of: base))
        ? level(page, above: base, widths: shapes.ownedWidths[owner] ?? []) : .image
    }
    if page.isReducedResolution {
      return shapes.largest.map { level(page, above: file.pages[$0 - 1], widths: shapes.reducedWidths) } ?? .thumbnail
    }
    if let named = TIFFPage.Role(named: page.description ?? "") { return named }
    guard let base = shapes.largest.map({ file.pages[$0 - 1] }), base.isTiled,
      (page.width, page.height) != (base.width, base.height)
    else { return .image }
    guard page.isTiled else { return .unknown }
    // Pyramids without tag 254: after the largest pictures, as many tiled pages of their aspect ratio for each level.
    let isLevel =
      shape.isReduction(of: PageShape(of: base)) && page.number > base.number
      && shapes.plain[shape]?.count == shapes.plain[PageShape(of: base)]?.count
    return isLevel ? .pyramidLevel : shapes.hasPyramid ? .unknown : .image
  }

  /// The pictures of the levels in the chain: where the pages of a level are as many as the pictures of the largest size,
  /// as those of channels are, each belongs to the picture in its place; otherwise a level belongs to the largest picture.
  static func pictures(ofLevelsIn file: TIFFStructure) -> [Int: Int] {
    struct Size: Hashable { let width, height: Int }
    var (pictures, levels): ([Size: [Int]], [Size: [Int]]) = ([:], [:])
    var largest: TIFFPage?
    for page in file.pages[..<file.chained] {
      let size = Size(width: page.width, height: page.height)
      if page.role == .pyramidLevel { levels[size, default: []].append(page.number) }
      guard page.role == .image else { continue }
      pictures[size, default: []].append(page.number)
      if largest.map({ $0.area < page.area }) ?? true { largest = page }
    }
    guard let largest, let equals = pictures[Size(width: largest.width, height: largest.height)] else { return [:] }
    return levels.values.reduce(into: [:]) { found, level in
      for (k, number) in level.enumerated() {
        found[number] = level.count == equals.count ? equals[k] : largest.number
      }
    }
  }

  /// A reduced picture is a level if it is reduced at most sixteen times compared to the next larger one; every other
  /// reduced page is a thumbnail.
  ///
  /// - Parameter widths: those of all pages that are reductions of `base`, ascending.
  private static func level(_ page: TIFFPage, above base: TIFFPage, widths: [Int]) -> TIFFPage.Role {
    guard PageShape(of: page).isReduction(of: PageShape(of: base)), page.isTiled || !base.isTiled else {
      return .thumbnail
    }
    var (low, high) = (0, widths.count)
    while low < high {
      let middle = (low + high) / 2
      if widths[middle] <= page.width { low = middle + 1 } else { high = middle }
    }
    let next = low < widths.count ? widths[low] : base.width
    return next <= 16 * page.width ? .pyramidLevel : .thumbnail
  }
}
