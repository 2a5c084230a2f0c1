/// The roles of the pages of a file (pictures to analyze, levels of a pyramid, thumbnails, labels), the scans that the
/// pictures form, and the sizes of their pixels.
struct TIFFStructure {
  /// The pages in the chain, then the pages that these own.
  var pages: [TIFFPage]
  var scans: [TIFFScan] = []
  /// Number of pages in the chain.
  let chained: Int
  let shapes: PageShapes
  /// Name of the file, without its folders.
  let name: String
  /// A clause that names content which the description promises but the file lacks; `nil` if nothing is lacking.
  var lack: String?
  /// Clauses that say what of the file's notes could not be used.
  var notes: [String] = []
  /// Numbers of the pages that already belong to a joined scan.
  private var joined: Set<Int> = []

  init(_ pages: [TIFFPage], chained: Int, file: String) {
    self.pages = pages
    self.chained = chained
    shapes = PageShapes(of: pages)
    name = file
  }

  /// Makes one scan of pages that hold its channels, if all of them are pictures of the same size that are not joined
  /// yet.
  ///
  /// - Parameter numbers: one-based page numbers, in the order of the channels.
  mutating func join(_ numbers: [Int], names: [String]) {
    guard let number = numbers.first, pages.indices.contains(number - 1), case let first = pages[number - 1],
      first.role == .image
    else { return }
    let fits = numbers.allSatisfy { number in
      guard pages.indices.contains(number - 1) else { return false }
      let page = pages[number - 1]
      return !joined.contains(number) && page.role == .image && page.width == first.width
        && page.height == first.height
    }
    guard fits, Set(numbers).count == numbers.count else { return }
    joined.formUnion(numbers)
    scans.append(TIFFScan(pages: numbers, channelNames: names))
  }

  /// Makes a page a picture that its size alone made a level or a page of unknown role.
  ///
  /// - Parameter number: one-based page number.
  mutating func makePicture(_ number: Int) {
    let page = pages[number - 1]
    guard page.owner == nil, !page.isReducedResolution, page.role == .pyramidLevel || page.role == .unknown else {
      return
    }
    (pages[number - 1].role, pages[number - 1].picture) = (.image, nil)
  }

  /// Gives pages another role and removes the scans that contain them.
  ///
  /// - Parameter numbers: one-based page numbers.
  mutating func setAside(_ numbers: [Int], as role: TIFFPage.Role) {
    for number in numbers { pages[number - 1].role = role }
    let gone = Set(numbers)
    scans.removeAll { !gone.isDisjoint(with: $0.pages) }
  }
}
