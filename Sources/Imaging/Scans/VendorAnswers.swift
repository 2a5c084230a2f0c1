/// Fills the structure of a file with what the vendors that recognize it say. Each vendor has its own notes in the
/// file; they are asked in turn.
extension TIFFStructure {
  /// - Parameters:
  ///   - pages: the pages in the chain, then the pages that these own.
  ///   - chained: number of pages in the chain.
  ///   - file: name of the file without its folders.
  ///   - vendors: the vendors that recognize the file, in the order in which they are asked.
  init(_ pages: [TIFFPage], chained: Int, file: String, vendors: [any Vendor]) {
    self.init(pages, chained: chained, file: file)
    for i in pages.indices { self.pages[i].role = role(of: pages[i], vendors) }
    setPixelSizes(vendors)
    for vendor in vendors { vendor.arrangeScans(of: &self) }
    let taken = Set(scans.flatMap(\.pages))
    scans += self.pages.filter { $0.role == .image && !taken.contains($0.number) }.map { TIFFScan(pages: [$0.number]) }
    scans.sort { $0.pages[0] < $1.pages[0] }
    spreadPixelSizes()
  }

  /// The role that the first vendor with an answer gives; the role from tag 254 if none has an answer.
  private func role(of page: TIFFPage, _ vendors: [any Vendor]) -> TIFFPage.Role {
    if page.isMask { return .mask }
    for vendor in vendors {
      if let role = vendor.role(of: page, in: self) { return role }
    }
    return page.role
  }

  // MARK: Pixel size

  /// Sets the pixel sizes from the first vendor that notes any.
  private mutating func setPixelSizes(_ vendors: [any Vendor]) {
    for vendor in vendors {
      guard let (sizes, source) = vendor.pixelSizes(in: self) else { continue }
      for (number, size) in sizes {
        let isTransposed = pages[number - 1].orientation.isTransposed
        pages[number - 1].pixelSize = isTransposed ? PixelSize(x: size.y, y: size.x) : size
        pages[number - 1].pixelSizeSource = source
      }
      return
    }
  }

  /// Sets the pixel sizes of levels: a level covers the same area as its picture, with fewer pixels.
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
