/// Fills the structure of a file with what the vendors that recognize it say. Each vendor has its own notes in the
/// file; they are asked in turn.
extension TIFFStructure {
  /// - Parameters:
  ///   - pages: the pages in the chain, then the pages that these own.
  ///   - chained: number of pages in the chain.
  ///   - file: name of the file without its folders.
  ///   - vendors: the vendors that recognize the file, in the order in which they are asked.
  ///   - stated: what the user says; it overrides what the file says.
  init(_ pages: [TIFFPage], chained: Int, file: String, vendors: [any Vendor], stated: StatedFacts) {
    self.init(pages, chained: chained, file: file)
    for i in pages.indices { self.pages[i].role = role(of: pages[i], vendors) }
    setPictures(vendors)
    if vendors.contains(where: { $0.omitsGlass }) { for i in pages.indices { self.pages[i].omittedIsGlass = true } }
    setPixelSizes(vendors)
    for vendor in vendors { vendor.arrangeScans(of: &self) }
    let taken = Set(scans.flatMap(\.pages))
    scans += self.pages.filter { $0.role == .image && !taken.contains($0.number) }.map { TIFFScan(pages: [$0.number]) }
    scans.sort { $0.pages[0] < $1.pages[0] }
    if let size = stated.pixelSize {
      for i in self.pages.indices where self.pages[i].role == .image {
        (self.pages[i].pixelSize, self.pages[i].pixelSizeSource, self.pages[i].pixelSizeDoubt) = (size, .user, nil)
      }
    }
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

  private func pictures(by vendors: [any Vendor]) -> [Int: Int] {
    for vendor in vendors {
      let found = vendor.pictures(ofLevelsIn: self)
      if !found.isEmpty { return found }
    }
    return [:]
  }

  /// Says of every level which picture it shows: its owner, what a vendor says, or what sizes say.
  private mutating func setPictures(_ vendors: [any Vendor]) {
    let noted = pictures(by: vendors)
    let others = Generic.pictures(ofLevelsIn: self)
    for i in pages.indices where pages[i].role == .pyramidLevel {
      let picture = pages[i].owner ?? noted[pages[i].number] ?? others[pages[i].number]
      pages[i].picture = picture.flatMap { pages.indices.contains($0 - 1) ? $0 : nil }
    }
  }

  // MARK: Pixel size

  /// Sets the pixel sizes from the first vendor that notes any.
  private mutating func setPixelSizes(_ vendors: [any Vendor]) {
    for vendor in vendors {
      guard let (sizes, source) = vendor.pixelSizes(in: self) else { continue }
      for (number, size) in sizes where pages.indices.contains(number - 1) {
        guard let size else {
          pages[number - 1].disbelievePixelSize("the \(source.rawValue) gives no length")
          continue
        }
        pages[number - 1].set(storedPixelSize: size, from: source)
      }
      return
    }
  }

  /// Sets the pixel sizes of levels: a level covers the same area as its picture, with fewer pixels.
  private mutating func spreadPixelSizes() {
    for i in pages.indices where pages[i].role == .pyramidLevel {
      guard let owner = pages[i].picture.map({ $0 - 1 }), let size = pages[owner].pixelSize else { continue }
      pages[i].pixelSize = PixelSize(
        x: size.x * Double(pages[owner].width) / Double(pages[i].width),
        y: size.y * Double(pages[owner].height) / Double(pages[i].height))
      pages[i].pixelSizeSource = pages[owner].pixelSizeSource
    }
  }
}
