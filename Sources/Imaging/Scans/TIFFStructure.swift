import Foundation

/// What the pages of a file are to each other: which are pictures to analyze, which are levels of a pyramid, thumbnails,
/// labels, and how large their pixels are.
///
/// Whoever wrote the file notes that in words of its own: OME-TIFF in XML, ImageJ and Aperio in the description, Philips and
/// Hamamatsu in tags. Everything else goes by tag 254 and by sizes.
struct TIFFStructure {
  private(set) var pages: [TIFFPage]
  private(set) var scans: [TIFFScan] = []
  /// What the description promises and the file does not hold, as a clause.
  private(set) var lack: String?
  /// Pages that are in a scan already, zero-based.
  private var merged: Set<Int> = []

  /// - Parameters:
  ///   - pages: the chain of pages, then those that they own.
  ///   - chained: how many of them are in the chain.
  ///   - file: name of the file without its folders.
  init(_ pages: [TIFFPage], chained: Int, file: String) {
    self.pages = pages
    let description = pages[0].description ?? ""
    assignRoles(chained: chained)
    if let ome = OMEDescription(description) {
      arrange(ome, chained: chained, file: file)
    } else if let imageJ = ImageJDescription(description) {
      arrange(imageJ, chained: chained)
    } else if let size = SlideDescription.pixelSize(of: pages[0]) {
      setPixelSize(size.value, from: size.source, ofPage: 0)
    }
    let taken = Set(scans.flatMap(\.pages))
    scans += self.pages.filter { $0.role == .image && !taken.contains($0.number) }.map { TIFFScan(pages: [$0.number]) }
    scans.sort { $0.pages[0] < $1.pages[0] }
    spreadPixelSizes()
  }

  // MARK: Roles

  private mutating func assignRoles(chained: Int) {
    for i in pages.indices { pages[i].role = role(ofPage: i, chained: chained) }
  }

  private func role(ofPage i: Int, chained: Int) -> TIFFPage.Role {
    let page = pages[i]
    if page.isMask { return .mask }
    if let named = SlideDescription.role(of: page, first: pages[0]) { return named }
    if let owner = page.owner {
      return page.isReducedResolution || isSmaller(page, than: pages[owner - 1])
        ? level(page, above: pages[owner - 1], among: pages[chained...].filter { $0.owner == owner }) : .image
    }
    if page.isReducedResolution {
      let base = pages[..<chained].filter { !$0.isReducedResolution && !$0.isMask }.max { $0.area < $1.area }
      return base.map { level(page, above: $0, among: pages[..<chained].filter(\.isReducedResolution)) } ?? .thumbnail
    }
    // Pyramids of writers that know no tag 254: tiled pages of the first one's shape, ever smaller.
    let first = pages[0]
    guard i > 0, page.isTiled, first.isTiled, pages[1..<i].allSatisfy({ $0.role != .image }) else { return .image }
    let above = pages[1..<i].last { $0.role == .pyramidLevel } ?? first
    return isSmaller(page, than: first) && isSmaller(page, than: above) ? .pyramidLevel : .image
  }

  /// The same picture at least a fifth smaller, but for rounding.
  private func isSmaller(_ page: TIFFPage, than base: TIFFPage) -> Bool {
    guard page.width > 0, page.height > 0, base.width > 0, base.height > 0 else { return false }
    let (x, y) = (Double(base.width) / Double(page.width), Double(base.height) / Double(page.height))
    let rounding = x / Double(page.width) + y / Double(page.height)
    return min(x, y) > 1.25 && abs(x - y) <= 1.5 * max(rounding, 0.01 * x)
      && page.samplesPerPixel == base.samplesPerPixel && page.bitsPerSample == base.bitsPerSample
  }

  /// A level is the picture reduced, at most sixteen times as the next larger one; what else is reduced is a thumbnail.
  private func level(_ page: TIFFPage, above base: TIFFPage, among others: [TIFFPage]) -> TIFFPage.Role {
    guard isSmaller(page, than: base), page.isTiled || !base.isTiled else { return .thumbnail }
    let next = others.filter { $0.width > page.width && isSmaller($0, than: base) }.map(\.width).min() ?? base.width
    return next <= 16 * page.width ? .pyramidLevel : .thumbnail
  }

  // MARK: OME and ImageJ

  private mutating func arrange(_ ome: OMEDescription, chained: Int, file: String) {
    var next = 0
    for (index, series) in ome.series.enumerated() {
      let planes = ome.planes(of: index, file: file, pages: chained, from: next)
      next = min((planes.map(\.page).max() ?? next - 1) + 1, chained)
      if let size = series.pixelSize {
        for plane in planes { setPixelSize(size, from: .omeXML, ofPage: plane.page) }
      }
      let slices = Dictionary(grouping: planes) { [$0.t, $0.z] }
      let names = series.channels.compactMap(\.name)
      for slice in slices.values {
        let ordered = slice.sorted { $0.c < $1.c }
        guard ordered.count == series.pagesPerPlane, ordered.enumerated().allSatisfy({ $0 == $1.c }) else {
          lack = "its OME-XML describes \(series.pagesPerPlane) channels a slice, of which some have no page"
          continue
        }
        merge(ordered.map(\.page), names: names.count == series.sizeC ? names : [])
      }
      let isSlideExtra = series.name.flatMap { SlideDescription.role(named: $0) }
      if let role = isSlideExtra, ome.series.count > 1 {
        for plane in planes { pages[plane.page].role = role }
        let gone = Set(planes.map { $0.page + 1 })
        scans.removeAll { !gone.isDisjoint(with: $0.pages) }
      }
    }
  }

  private mutating func arrange(_ imageJ: ImageJDescription, chained: Int) {
    if let unit = imageJ.unit {
      for i in 0..<chained {
        guard let x = pages[i].resolution?.x, let y = pages[i].resolution?.y else { continue }
        setPixelSize(
          PixelSize(x: unit.micrometers / x, y: unit.micrometers / y), from: .imageJ, ofPage: i)
      }
    }
    let channels = imageJ.channels
    if imageJ.images > chained {
      lack = "ImageJ noted \(imageJ.images) images in it, \(chained) can be found"
    }
    guard channels > 1, chained % channels == 0, chained == imageJ.images else { return }
    for first in stride(from: 0, to: chained, by: channels) { merge(Array(first..<first + channels), names: []) }
  }

  /// Makes one scan of pages that hold its channels, where they fit each other.
  private mutating func merge(_ indices: [Int], names: [String]) {
    guard let first = indices.first, pages[first].role == .image else { return }
    let fits = indices.allSatisfy { i in
      !merged.contains(i) && pages[i].role == .image && pages[i].width == pages[first].width
        && pages[i].height == pages[first].height
    }
    guard fits, Set(indices).count == indices.count else { return }
    merged.formUnion(indices)
    scans.append(TIFFScan(pages: indices.map { $0 + 1 }, channelNames: names))
  }

  // MARK: Pixel size

  private mutating func setPixelSize(_ size: PixelSize, from source: TIFFPage.PixelSizeSource, ofPage i: Int) {
    pages[i].pixelSize = pages[i].orientation.isTransposed ? PixelSize(x: size.y, y: size.x) : size
    pages[i].pixelSizeSource = source
  }

  /// A level covers what the picture covers, with fewer pixels.
  private mutating func spreadPixelSizes() {
    for i in pages.indices where pages[i].role == .pyramidLevel {
      let owner =
        pages[i].owner.map { $0 - 1 }
        ?? pages.indices.filter { pages[$0].role == .image }.max { pages[$0].area < pages[$1].area }
      guard let owner, let size = pages[owner].pixelSize else { continue }
      pages[i].pixelSize = PixelSize(
        x: size.x * Double(pages[owner].width) / Double(pages[i].width),
        y: size.y * Double(pages[owner].height) / Double(pages[i].height))
      pages[i].pixelSizeSource = pages[owner].pixelSizeSource
    }
  }
}
