/// A TIFF or BigTIFF file and its pages.
///
/// Decodes strip by strip or tile by tile straight into the picture asked for, so that a region of a large scan costs
/// only the region. Not thread-safe: open a file once for each thread.
package final class TIFFFile {
  package let path: String
  package let pages: [TIFFPage]
  /// Why there are no further pages, where the file has more that cannot be found.
  ///
  /// The pages before are good; a caller reports the rest as one failed scan.
  package let defect: ImagingError?
  private let handle: TIFFHandle
  private let limits: TIFFLimits

  /// - Throws: `ImagingError` where the file cannot be opened, is no TIFF, or where its chain of pages loops or is longer
  ///   than the limit.
  package init(path: String, limits: TIFFLimits = .default) throws(ImagingError) {
    handle = try TIFFHandle(path: path, limits: limits)
    (pages, defect) = try Self.pages(of: handle, limits: limits)
    self.path = path
    self.limits = limits
  }

  /// A whole page, upright, in the values the file stores.
  ///
  /// - Parameter page: one-based.
  package func image(page number: Int = 1) throws(ImagingError) -> Image {
    let page = self.page(number)
    return try region(page: number, x: 0, y: 0, width: page.width, height: page.height)
  }

  /// A part of a page; only the strips or tiles it touches are read.
  ///
  /// Integers keep their value and floats theirs; NaN and infinities become NaN. Pages where the smallest value means
  /// white are inverted, palettes, inks and YCbCr become RGB, alpha is dropped.
  ///
  /// - Parameter x: of the upright page, as are `y`, `width` and `height`.
  package func region(
    page number: Int, x: Int, y: Int, width: Int, height: Int
  ) throws(ImagingError) -> Image {
    let page = self.page(number)
    precondition(
      x >= 0 && y >= 0 && x + width <= page.width && y + height <= page.height,
      "region \(width)x\(height) at \(x),\(y) leaves the page of \(page.width)x\(page.height)")
    let decoder = try TIFFDecoder(page: page, of: handle, limits: limits)
    return try decoder.image(of: PixelRectangle(x: x, y: y, width: width, height: height))
  }

  private func page(_ number: Int) -> TIFFPage {
    precondition(pages.indices.contains(number - 1), "page \(number) of \(pages.count)")
    return pages[number - 1]
  }

  private static func pages(
    of handle: TIFFHandle, limits: TIFFLimits
  ) throws(ImagingError) -> (pages: [TIFFPage], defect: ImagingError?) {
    var pages = [TIFFPage(number: 1, of: handle)]
    var offsets: Set<UInt64> = [handle.pageOffset]
    while !handle.isLastPage {
      let number = pages.count + 1
      guard number <= limits.maximumPages else {
        throw ImagingError(
          .limitExceeded, path: handle.path, detail: "the file has more than \(limits.maximumPages) pages, the limit",
          remedy: "Split it")
      }
      if let reason = handle.readNextPage() {
        // libtiff refuses directories it has read before, and says nothing then.
        if reason.isEmpty { throw loop(to: number, of: handle) }
        return (
          pages,
          ImagingError(
            .malformed, path: handle.path, page: number, detail: "the page's directory cannot be read" + reason,
            remedy: ImagingError.reexport)
        )
      }
      guard offsets.insert(handle.pageOffset).inserted else {
        throw loop(to: number, of: handle)
      }
      pages.append(TIFFPage(number: number, of: handle))
    }
    return (pages, nil)
  }

  private static func loop(to number: Int, of handle: TIFFHandle) -> ImagingError {
    ImagingError(
      .malformed, path: handle.path, page: number, detail: "the chain of pages leads back to an earlier page",
      remedy: ImagingError.reexport)
  }
}
