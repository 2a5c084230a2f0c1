/// The size of a page and the samples of its pixels, by which a level of a pyramid is told from other pages.
struct PageShape: Hashable {
  let width: Int
  let height: Int
  let samplesPerPixel: Int
  let bitsPerSample: Int

  init(of page: TIFFPage) {
    (width, height) = (page.width, page.height)
    (samplesPerPixel, bitsPerSample) = (page.samplesPerPixel, page.bitsPerSample)
  }

  /// Whether a page of this shape can be the same picture as one of shape `base`, reduced by a factor above 1.25 in both
  /// directions, except for rounding.
  func isReduction(of base: PageShape) -> Bool {
    guard width > 0, height > 0, base.width > 0, base.height > 0 else { return false }
    let (x, y) = (Double(base.width) / Double(width), Double(base.height) / Double(height))
    let rounding = x / Double(width) + y / Double(height)
    return min(x, y) > 1.25 && abs(x - y) <= 1.5 * max(rounding, 0.01 * x)
      && samplesPerPixel == base.samplesPerPixel && bitsPerSample == base.bitsPerSample
  }
}

/// The shapes of the pages of a file, computed once, since a file may have many thousands.
struct PageShapes {
  /// Number of the largest page in the chain that is neither a mask nor called reduced; of equal ones the first.
  let largest: Int?
  /// Numbers of those pages by shape, in their order; those in strips and in tiles.
  let plain: [PageShape: [Int]]
  /// Widths of the pages that are called reduced and are reductions of the largest one; ascending, each once.
  let reducedWidths: [Int]
  /// For every page that owns others (tag 330), the widths of those that are reductions of it; ascending, each once.
  let ownedWidths: [Int: [Int]]
  /// Whether tiled pages follow the largest one that are its reductions, as many as there are of its shape.
  let hasPyramid: Bool

  /// - Parameter pages: the pages in the chain, then the pages that these own.
  init(of pages: [TIFFPage]) {
    var plain: [PageShape: [Int]] = [:]
    var largest: Int?
    var reduced: Set<PageShape> = []
    var owned: [Int: Set<PageShape>] = [:]
    for page in pages {
      if let owner = page.owner {
        owned[owner, default: []].insert(PageShape(of: page))
      } else if page.isReducedResolution {
        reduced.insert(PageShape(of: page))
      } else if !page.isMask {
        plain[PageShape(of: page), default: []].append(page.number)
        if largest.map({ pages[$0 - 1].area < page.area }) ?? true { largest = page.number }
      }
    }
    self.plain = plain
    self.largest = largest
    let base = largest.map { PageShape(of: pages[$0 - 1]) }
    func widths(_ shapes: Set<PageShape>, of base: PageShape?) -> [Int] {
      Set(shapes.filter { shape in base.map { shape.isReduction(of: $0) } ?? false }.map(\.width)).sorted()
    }
    reducedWidths = widths(reduced, of: base)
    let ownedWidths = Dictionary(
      uniqueKeysWithValues: owned.map { ($0, widths($1, of: PageShape(of: pages[$0 - 1]))) })
    self.ownedWidths = ownedWidths
    let ownLevels = largest.flatMap { ownedWidths[$0] } ?? []
    var hasPyramid = !reducedWidths.isEmpty || !ownLevels.isEmpty
    if let largest, let base {
      for (shape, numbers) in plain where numbers.count == plain[base]?.count && numbers[0] > largest {
        if pages[numbers[0] - 1].isTiled, shape.isReduction(of: base) { hasPyramid = true }
      }
    }
    self.hasPyramid = hasPyramid
  }
}
