/// What the pages of a file are to each other: which are pictures to analyze, which are levels of a pyramid, thumbnails,
/// labels, and how large their pixels are.
struct TIFFStructure {
  /// The chain of pages, then those that they own.
  var pages: [TIFFPage]
  var scans: [TIFFScan] = []
  /// How many pages are in the chain.
  let chained: Int
  /// Name of the file, without its folders.
  let name: String
  /// What the description promises and the file does not hold, as a clause.
  var lack: String?
  /// Numbers of pages that are in a scan already.
  private var joined: Set<Int> = []

  init(_ pages: [TIFFPage], chained: Int, file: String) {
    self.pages = pages
    self.chained = chained
    name = file
  }

  /// Makes one scan of pages that hold its channels, where they fit each other.
  ///
  /// - Parameter numbers: one-based, in the order of the channels.
  mutating func join(_ numbers: [Int], names: [String]) {
    guard let first = numbers.first.map({ pages[$0 - 1] }), first.role == .image else { return }
    let fits = numbers.allSatisfy { number in
      let page = pages[number - 1]
      return !joined.contains(number) && page.role == .image && page.width == first.width
        && page.height == first.height
    }
    guard fits, Set(numbers).count == numbers.count else { return }
    joined.formUnion(numbers)
    scans.append(TIFFScan(pages: numbers, channelNames: names))
  }

  /// Takes pages out of the scans that they are in.
  ///
  /// - Parameter numbers: one-based.
  mutating func setAside(_ numbers: [Int], as role: TIFFPage.Role) {
    for number in numbers { pages[number - 1].role = role }
    let gone = Set(numbers)
    scans.removeAll { !gone.isDisjoint(with: $0.pages) }
  }
}
