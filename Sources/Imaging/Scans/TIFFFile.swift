import Files

/// A TIFF or BigTIFF file and its pages.
///
/// Decodes strip by strip or tile by tile straight into the requested picture, so that a region of a large scan costs
/// only that region. Not thread-safe: open a file once for each thread.
package final class TIFFFile {
  package let path: String
  /// The library that decodes files, for provenance: `libtiff 4.5.0`.
  package static var library: String { TIFFLog.libraryVersion }
  /// Number of the way in which norma understands files: which pages are scans, which pixels have data and how large
  /// they are. It rises where the same file is understood otherwise, so that results of an older norma do not count as
  /// current.
  package static let reading = 2
  /// The pages in the chain, then the pages that these own (tag 330), ordered by owner. Each slice of a page that is a
  /// volume is a page.
  package let pages: [TIFFPage]
  /// The pictures to analyze.
  package let scans: [TIFFScan]
  /// Names of the formats that recognize the file, in the order in which they are asked; the last is "generic".
  package let vendors: [String]
  /// Why later pages of the file cannot be found; `nil` if all were found.
  ///
  /// The pages listed are good; a caller reports the rest as one failed scan.
  package let defect: NormaError?
  /// Clauses that say what of the file's notes could not be used, such as the names of channels in other files.
  package let notes: [String]
  let handle: TIFFHandle
  private var helpers: [TIFFHandle] = []
  let limits: TIFFLimits

  /// - Throws: `NormaError` if the file cannot be opened, is not a TIFF, or if its chain of pages loops or is longer
  ///   than the limit.
  package init(path: String, limits: TIFFLimits = .default) throws(NormaError) {
    handle = try TIFFHandle(path: path, limits: limits)
    var (chain, defect) = try Self.chain(of: handle, limits: limits)
    let vendors = Vendors.recognizing(firstPage: chain[0])
    if handle.isBeyondItsOffsets, vendors.contains(where: { $0 is Hamamatsu }) { throw TIFFHandle.largeNDPI(path) }
    var lack: String?
    var notes: [String] = []
    if defect == nil {
      chain += Self.contiguousPages(behind: chain, vendors, of: handle, limits: limits)
      (lack, notes) = Self.addSlices(to: &chain, vendors, of: handle, limits: limits)
    }
    let owned = try Self.ownedPages(of: chain, in: handle, limits: limits)
    if defect == nil { defect = owned.defect }
    let structure = TIFFStructure(
      chain + owned.pages, chained: chain.count, file: FilePath.name(of: path), vendors: vendors, stated: limits.stated)
    if defect == nil, let lack = lack ?? structure.lack {
      defect = NormaError(.malformed, subject: path, found: lack, remedy: NormaError.reexport)
    }
    (pages, scans, self.defect) = (structure.pages, structure.scans, defect)
    self.notes = notes + structure.notes + [Self.noteOnRest(behind: chain, of: handle)].compactMap { $0 }
    self.vendors = vendors.map { type(of: $0).name }
    self.path = path
    self.limits = limits
  }

  /// A whole page in upright orientation, with the values that the file stores.
  ///
  /// - Parameter page: one-based page number.
  package func image(page number: Int = 1) throws(NormaError) -> Image {
    let page = self.page(number)
    return try region(page: number, x: 0, y: 0, width: page.width, height: page.height)
  }

  /// A region of a page; only the strips or tiles that it touches are read.
  ///
  /// Integers and floats keep their values; NaN and infinities become NaN. Pages on which the smallest value means
  /// white are inverted; palettes, inks and YCbCr become RGB; alpha is dropped.
  ///
  /// - Parameter x: left edge of the region on the upright page; `y`, `width` and `height` refer to the upright page
  ///   too.
  package func region(
    page number: Int, x: Int, y: Int, width: Int, height: Int
  ) throws(NormaError) -> Image {
    let page = self.page(number)
    precondition(
      x >= 0 && y >= 0 && x + width <= page.width && y + height <= page.height,
      "region \(width)x\(height) at \(x),\(y) leaves the page of \(page.width)x\(page.height)")
    return try decode(PixelRectangle(x: x, y: y, width: width, height: height), of: page, limits: limits).image
  }

  /// Decodes a whole page from top to bottom, one range of `bands(ofPage:)` at a time, and holds only one of them.
  ///
  /// - Parameter each: called with the picture of each range; strips or tiles that are missing have no data.
  /// - Returns: share of the page's strips or tiles that are missing or broken, in 0...1.
  /// - Throws: `NormaError` where a part cannot be decoded, or where more of the page is missing than the limits
  ///   tolerate.
  package func readBands(ofPage number: Int, each: (Image) -> Void) throws(NormaError) -> Double {
    let page = self.page(number)
    let bands = try bands(ofPage: number)
    let whole = try TIFFDecoder(page: page, of: handle, limits: limits)
    var gaps = TIFFDecoder.Gaps()
    for band in bands {
      let area = PixelRectangle(x: 0, y: band.lowerBound, width: page.width, height: band.count)
      let read = try decode(area, of: page, limits: bands.count == 1 ? limits : limits.forPieces)
      gaps.formUnion(read.gaps)
      _ = try whole.share(of: gaps)
      each(read.image)
    }
    return try whole.share(of: gaps)
  }

  private func decode(
    _ area: PixelRectangle, of page: TIFFPage, limits: TIFFLimits
  ) throws(NormaError) -> (image: Image, gaps: TIFFDecoder.Gaps) {
    let decoder = try TIFFDecoder(page: page, of: handle, limits: limits)
    var decoders: [TIFFDecoder] = []
    for k in 1..<decoder.workers(for: area) {
      decoders.append(try TIFFDecoder(page: page, of: helper(k), limits: limits))
    }
    return try decoder.image(of: area, with: decoders)
  }

  /// Ranges of rows of a page, from the top, for decoding the page range by range.
  ///
  /// - Parameters:
  ///   - factor: the number of rows of each range, except the last, is a multiple of this.
  ///   - channels: number of channels held for each pixel, if other pages add to this page's own.
  /// - Throws: `NormaError` if the page cannot be decoded or is larger than the limits allow.
  package func bands(
    ofPage number: Int, multipleOf factor: Int = 1, channels: Int = 1
  ) throws(NormaError) -> [Range<Int>] {
    let page = page(number)
    // A larger page could have more ranges, of one row each, than can be listed.
    guard page.area <= Double(limits.maximumScanPixels) else {
      throw NormaError(
        .limitExceeded, subject: path, page: number,
        found: "\(page.width)x\(page.height) pixels are declared; up to \(limits.maximumScanPixels) are allowed",
        remedy: "Raise the limit or crop the scan")
    }
    return try TIFFDecoder(page: page, of: handle, limits: limits).bands(multipleOf: factor, channels: channels)
  }

  /// The k-th additional handle on the file; a handle of libtiff can serve only one thread.
  private func helper(_ k: Int) throws(NormaError) -> TIFFHandle {
    while helpers.count < k {
      let another = try TIFFHandle(path: path, limits: limits)
      guard another.isOfSameFile(as: handle) else {
        throw NormaError(
          .system, subject: path, found: "the file was replaced while it was read",
          remedy: "Run again when nothing writes to it")
      }
      helpers.append(another)
    }
    return helpers[k - 1]
  }

  private func page(_ number: Int) -> TIFFPage {
    precondition(pages.indices.contains(number - 1), "page \(number) of \(pages.count)")
    return pages[number - 1]
  }

  /// The planes that follow the only page of a stack, uncompressed and without directories of their own.
  private static func contiguousPages(
    behind chain: [TIFFPage], _ vendors: [any Vendor], of handle: TIFFHandle, limits: TIFFLimits
  ) -> [TIFFPage] {
    guard chain.count == 1, let first = chain.first,
      case let planes = max(vendors.map { $0.planesOfOnlyPage }.max() ?? 1, declaredDepth(of: first, vendors)),
      planes > 1,
      first.compression == .none, !first.isPlanar, !first.isTiled, first.bitsPerSample % 8 == 0,
      first.rendering != nil, handle.readPage(at: first.offset) == nil
    else { return [] }
    // Pages that norma can read have few samples of few bits, so only the number of pixels can overflow.
    let (pixels, isOverflown) = first.storedWidth.multipliedReportingOverflow(by: first.storedHeight)
    guard !isOverflown, pixels > 0, pixels < 1 << 40 else { return [] }
    let planeBytes = UInt64(pixels * first.samplesPerPixel * first.bitsPerSample / 8)
    let (start, bytes) = handle.storedExtent(ofChunk: 0)
    // The slices of a volume may lie anywhere, unless they are one strip; those of ImageJ follow each other.
    guard first.depth == 1 || bytes / planeBytes >= UInt64(planes) else { return [] }
    let held = start < handle.fileBytes ? Int((handle.fileBytes - start) / max(planeBytes, 1)) : 0
    return (1..<max(1, min(planes, held, limits.maximumPages))).map {
      TIFFPage(
        number: $0 + 1, of: handle, privateTags: Vendors.privateTags, contiguousOffset: start + UInt64($0) * planeBytes)
    }
  }

  /// A note on a file whose only page is less than half of it: some programs put further planes behind it that no tag
  /// tells of, or only their own.
  private static func noteOnRest(behind chain: [TIFFPage], of handle: TIFFHandle) -> String? {
    guard chain.count == 1, let page = chain.first, page.compression == .none, !page.isTiled, !page.hasOwnedPages else {
      return nil
    }
    let bits = Double(page.samplesPerPixel) * Double(page.bitsPerSample)
    let bytes = page.area * bits / 8
    guard bytes > 0, Double(handle.fileBytes) >= 2 * bytes + leastRest else { return nil }
    return "its only page is less than half of it; if there are other planes behind it, they are not read"
  }

  /// Bytes that metadata may take.
  private static let leastRest = 4096.0

  /// Number of slices that a page declares (tag 32997); 1 where the tag is not believed.
  private static func declaredDepth(of page: TIFFPage, _ vendors: [any Vendor]) -> Int {
    vendors.allSatisfy { $0.hasVolumes } ? page.depth : 1
  }

  /// Makes a page of every slice of a volume that is stored in tiles.
  ///
  /// - Returns: what the file lacks, as a clause, and notes on it.
  private static func addSlices(
    to chain: inout [TIFFPage], _ vendors: [any Vendor], of handle: TIFFHandle, limits: TIFFLimits
  ) -> (lack: String?, notes: [String]) {
    guard let first = chain.first(where: { declaredDepth(of: $0, vendors) > 1 }) else { return (nil, []) }
    let told = "page \(first.number) declares a volume of \(first.depth) slices (ImageDepth)"
    // A codec of pictures holds one slice, whatever is declared.
    guard first.compression != .jpeg, !first.compression.isJPEG2000 else {
      return (nil, ["\(told), and its compression, \(first.compression.name), holds one; it is read as a picture"])
    }
    let read = 1 + chain.count { $0.contiguousOffset != nil }
    if read == first.depth { return (nil, []) }
    let unread =
      "\(told), of which norma reads \(read); it reads volumes in strips or tiles that are uncompressed, and in "
      + "tiles of one slice"
    guard chain.count == 1, first.isTiled, !first.isPlanar, first.rendering != nil, first.depth <= limits.maximumPages,
      first.tileDepth == 1 || (first.compression == .none && first.bitsPerSample % 8 == 0),
      handle.readPage(at: first.offset) == nil
    else { return (unread, []) }
    chain[0].slice = 0
    chain += (1..<first.depth).map {
      TIFFPage(number: $0 + 1, of: handle, privateTags: Vendors.privateTags, slice: $0)
    }
    return (nil, [])
  }

  /// Pages that other pages own, such as the lower levels of a pyramid.
  private static func ownedPages(
    of chain: [TIFFPage], in handle: TIFFHandle, limits: TIFFLimits
  ) throws(NormaError) -> (pages: [TIFFPage], defect: NormaError?) {
    var pages: [TIFFPage] = []
    var seen = Set(chain.map(\.offset))
    // Further slices and planes of a page have its directory.
    for owner in chain where owner.hasOwnedPages && (owner.slice ?? 0) == 0 && owner.contiguousOffset == nil {
      if let reason = handle.readPage(at: owner.offset) { return (pages, unreadable(owner.number, reason, handle)) }
      for offset in handle.ownedPages {
        let number = chain.count + pages.count + 1
        guard number <= limits.maximumPages else { throw tooMany(handle, limits) }
        guard seen.insert(offset).inserted else { throw loop(to: number, of: handle) }
        if let reason = handle.readPage(at: offset) { return (pages, unreadable(number, reason, handle)) }
        pages.append(TIFFPage(number: number, of: handle, privateTags: Vendors.privateTags, owner: owner.number))
      }
    }
    return (pages, nil)
  }

  private static func unreadable(_ number: Int, _ reason: String, _ handle: TIFFHandle) -> NormaError {
    NormaError(
      .malformed, subject: handle.path, page: number, found: "the page's directory cannot be read" + reason,
      remedy: NormaError.reexport)
  }

  private static func tooMany(_ handle: TIFFHandle, _ limits: TIFFLimits) -> NormaError {
    NormaError(
      .limitExceeded, subject: handle.path,
      found: "the file has more than \(Count.of(limits.maximumPages, "page")), the limit",
      remedy: "Split it")
  }

  private static func chain(
    of handle: TIFFHandle, limits: TIFFLimits
  ) throws(NormaError) -> (pages: [TIFFPage], defect: NormaError?) {
    var pages = [TIFFPage(number: 1, of: handle, privateTags: Vendors.privateTags)]
    var offsets: Set<UInt64> = [handle.pageOffset]
    while !handle.isLastPage {
      let number = pages.count + 1
      guard number <= limits.maximumPages else { throw tooMany(handle, limits) }
      if let reason = handle.readNextPage() {
        // libtiff refuses to read a directory twice, and gives no message then.
        if reason.isEmpty { throw loop(to: number, of: handle) }
        return (pages, unreadable(number, reason, handle))
      }
      guard offsets.insert(handle.pageOffset).inserted else {
        throw loop(to: number, of: handle)
      }
      pages.append(TIFFPage(number: number, of: handle, privateTags: Vendors.privateTags))
    }
    return (pages, nil)
  }

  private static func loop(to number: Int, of handle: TIFFHandle) -> NormaError {
    NormaError(
      .malformed, subject: handle.path, page: number, found: "the chain of pages leads back to an earlier page",
      remedy: NormaError.reexport)
  }
}
