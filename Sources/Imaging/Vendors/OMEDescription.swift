/// The content of an OME-XML description: the pictures in its file. Source: the OME-TIFF specification and OME schema
/// 2016-06, elements Image, Pixels, Channel and TiffData.
struct OMEDescription {
  struct Series {
    var name: String?
    /// Letters of the dimensions after X and Y, fastest first, such as "ZCT".
    var order = "ZCT"
    var sizeZ = 1
    var sizeC = 1
    var sizeT = 1
    var pixelSize: PixelSize?
    /// Whether a size is stated that is none: in a unit that is no length, or of one edge alone.
    var hasDoubtfulSize = false
    /// Channels that a page holds, where the channels do not say it.
    fileprivate(set) var samplesPerPage = 1
    var channels: [(name: String?, samples: Int)] = []
    fileprivate var blocks: [Block] = []
  }

  /// Consecutive planes, and the page of the first plane.
  fileprivate struct Block {
    var page: Int?
    var first: [Character: Int] = [:]
    var count: Int?
    var file: String?
    var identity: String?
  }

  /// Position of one plane of a series.
  struct Plane {
    /// Zero-based page number in the file's chain of pages.
    var page: Int
    var z: Int
    /// Channel index, counted in pages; each page may hold several samples.
    var c: Int
    var t: Int
  }

  private(set) var series: [Series] = []
  /// All file names that blocks state.
  private let fileNames: Set<String>
  /// The identity (UUID) of the file that the text was written into; `nil` if it states none.
  private let identity: String?
  /// Name of the file beside this one that has the description; `nil` unless this text only points to it.
  let companion: String?

  /// - Parameter samplesPerPixel: samples of a pixel of the first page, which older schemas do not state.
  /// - Returns: `nil` if the text is not valid OME-XML with at least one series or the name of its companion.
  init?(_ text: String, samplesPerPixel: Int) {
    guard text.contains("<OME") || text.contains(":OME") else { return nil }
    var found: [Series] = []
    var own: [String: String] = [:]
    let isRead = XMLElements.read(
      text,
      visit: { element, attributes in
        switch element {
        case "OME": own["identity"] = attributes["UUID"]
        case "BinaryOnly": own["companion"] = attributes["MetadataFile"]
        default: Self.add(element, attributes, to: &found)
        }
      }, content: { if $0 == "UUID", let last = found.indices.last { found[last].setIdentity($1) } })
    guard isRead, !found.isEmpty || own["companion"] != nil else { return nil }
    for k in found.indices
    where samplesPerPixel > 1 && found[k].statesNoSamples && found[k].sizeC % samplesPerPixel == 0 {
      found[k].samplesPerPage = samplesPerPixel
    }
    series = found
    fileNames = Set(found.flatMap { $0.blocks.compactMap(\.file) })
    (identity, companion) = (own["identity"], own["companion"])
  }

  /// Whether planes of the series lie in other files than this one.
  func isSpread(_ series: Series, file: String) -> Bool { series.blocks.contains { !isThis($0, file) } }

  /// Whether the files of the description have no file with this one's name or identity among them.
  func isStranger(_ file: String) -> Bool {
    let blocks = series.flatMap(\.blocks)
    return !blocks.isEmpty && !blocks.contains { isThis($0, file) }
  }

  /// The planes of each series that are in this file. A series that names no pages begins after the last page of the
  /// previous series.
  func planes(file: String, pages: Int) -> [[Plane]] {
    var next = 0
    return series.indices.map { index in
      let planes = planes(of: index, file: file, pages: pages, from: next)
      next = min((planes.map(\.page).max() ?? next - 1) + 1, pages)
      return planes
    }
  }

  /// The planes of a series that are in this file, at most as many as it has pages.
  ///
  /// - Parameters:
  ///   - file: name of the file without its folders; planes of other files are left out.
  ///   - pages: number of pages of the file; no more planes are searched, whatever is declared.
  ///   - next: page of the first plane if no block states it, see `TiffData`.
  func planes(of index: Int, file: String, pages: Int, from next: Int) -> [Plane] {
    let series = series[index]
    let sizes: [Character: Int] = ["Z": series.sizeZ, "C": series.pagesPerPlane, "T": series.sizeT]
    let letters = Array(series.order.filter { "ZCT".contains($0) })
    guard letters.count == 3, Set(letters).count == 3, sizes.values.allSatisfy({ $0 > 0 }) else { return [] }
    let blocks = series.blocks.isEmpty ? [Block(page: next)] : series.blocks
    var result: [Plane] = []
    for block in blocks where isThis(block, file) {
      var place = letters.map { block.first[$0] ?? 0 }
      let page = block.page ?? (blocks.count == 1 ? next : 0)
      guard (0..<pages).contains(page) else { continue }
      let count = block.count ?? (block.page == nil || series.blocks.isEmpty ? pages : 1)
      for k in 0..<max(0, min(count, pages - page)) {
        guard result.count < pages, zip(letters, place).allSatisfy({ $1 >= 0 && $1 < sizes[$0]! }) else { break }
        func at(_ letter: Character) -> Int { place[letters.firstIndex(of: letter)!] }
        result.append(Plane(page: page + k, z: at("Z"), c: at("C"), t: at("T")))
        for (i, letter) in letters.enumerated() {
          place[i] += 1
          if place[i] < sizes[letter]! || i == 2 { break }
          place[i] = 0
        }
      }
    }
    return result
  }

  /// Whether a block's file is the one being read: it has the same identity or name, or blocks name only one file, which
  /// was then renamed.
  private func isThis(_ block: Block, _ file: String) -> Bool {
    if let identity, block.identity == identity { return true }
    guard let named = block.file else { return block.identity == nil || identity == nil }
    // A file that was renamed may have got the name of another file of its set.
    if let identity, let other = block.identity, other != identity { return fileNames.count == 1 }
    return named == file || (fileNames.count == 1 && !fileNames.contains(file))
  }

  /// Adds what one element says of the series.
  private static func add(_ element: String, _ attributes: [String: String], to series: inout [Series]) {
    // Larger numbers are meaningless, and their sums could overflow.
    func number(_ key: String) -> Int? { attributes[key].flatMap { Int($0) }.map { min(max($0, -1), 1 << 24) } }
    switch element {
    case "Image": series.append(Series(name: attributes["Name"]))
    case "Pixels" where !series.isEmpty:
      let last = series.count - 1
      series[last].order = String((attributes["DimensionOrder"] ?? "XYZCT").dropFirst(2))
      series[last].sizeZ = number("SizeZ") ?? 1
      series[last].sizeC = number("SizeC") ?? 1
      series[last].sizeT = number("SizeT") ?? 1
      func length(_ key: String) -> Double? {
        guard let value = attributes[key].flatMap({ Double(noted: $0) }), value > 0, value.isFinite,
          let unit = LengthUnit(attributes[key + "Unit"] ?? "µm")
        else { return nil }
        return value * unit.micrometers
      }
      if let x = length("PhysicalSizeX"), let y = length("PhysicalSizeY") {
        series[last].pixelSize = PixelSize(x: x, y: y)
      } else {
        series[last].hasDoubtfulSize = attributes["PhysicalSizeX"] != nil || attributes["PhysicalSizeY"] != nil
      }
    case "Channel" where !series.isEmpty:
      series[series.count - 1].channels.append((attributes["Name"], number("SamplesPerPixel") ?? 1))
    case "TiffData" where !series.isEmpty:
      var block = Block(page: number("IFD"), count: number("PlaneCount"))
      for letter in "ZCT" { block.first[letter] = number("First\(letter)") }
      series[series.count - 1].blocks.append(block)
    case "UUID" where series.last?.blocks.isEmpty == false:
      let last = series.count - 1
      series[last].blocks[series[last].blocks.count - 1].file = attributes["FileName"]
    default: break
    }
  }
}

extension OMEDescription.Series {
  /// Notes the identity of the file of the last block.
  fileprivate mutating func setIdentity(_ text: String) {
    if !blocks.isEmpty { blocks[blocks.count - 1].identity = text }
  }

  /// Whether the series states a size of its pixels, be it one that says nothing.
  var states: Bool { pixelSize != nil || hasDoubtfulSize }

  /// Whether the channels do not say how many samples of a pixel they have.
  fileprivate var statesNoSamples: Bool {
    channels.isEmpty || channels.reduce(0, { $0 + $1.samples }) != sizeC || channels.count == sizeC
  }

  /// Number of pages that hold one plane's channels; one page may hold several channels, such as three samples.
  var pagesPerPlane: Int {
    statesNoSamples ? sizeC / samplesPerPage : channels.count
  }
}
