import Files
import Imaging
import Testing

/// Pages of which a strip or tile is gone.
struct MissingTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Ten strips of two rows, of which one has no bytes.
  private static func page(orientation: Int = 1) -> TIFFBytes {
    var page = TIFFBytes.Page(width: 4, height: 20, [], tags: [278: [2], 274: [orientation]])
    page.chunks = (0..<10).map { [UInt8](repeating: UInt8($0), count: 8) }
    page.chunks[3] = []
    page.tags[279] = (0..<10).map { $0 == 3 ? 0 : 8 }
    return TIFFBytes(page)
  }

  private func image(_ file: TIFFBytes, tolerating share: Double) throws -> Image {
    try TIFFFile(path: folder.write(file), limits: TIFFLimits(toleratedMissing: share)).image()
  }

  @Test func `a missing strip fails the page`() throws {
    let error = #expect(throws: NormaError.self) { try image(Self.page(), tolerating: 0) }
    #expect(error?.found == "strip 4 is missing; the file gives it no bytes")
  }

  @Test(arguments: 1...8)
  func `where that is tolerated its pixels are no data, whatever the orientation`(orientation: Int) throws {
    let image = try image(Self.page(orientation: orientation), tolerating: 0.1)
    #expect(image.missingShare == 0.1)
    #expect(image.samples.count(where: \.isNaN) == 8)
    let whole = image.samples.filter { !$0.isNaN }.sorted()
    #expect(whole == [0, 1, 2, 4, 5, 6, 7, 8, 9].flatMap { [Float](repeating: $0, count: 8) })
    if orientation == 1 { #expect(image.samples[24..<32].allSatisfy { $0.isNaN }) }
  }

  @Test func `more than is tolerated fails, and the sentence says how much that is`() throws {
    var file = Self.page()
    file.pages[0].tags[279]![7] = 0
    let error = #expect(throws: NormaError.self) { try image(file, tolerating: 0.1) }
    #expect(
      error?.found
        == "more than 10 % of its 10 strips are missing or broken; the last that was tried: strip 8 is missing; "
        + "the file gives it no bytes")
    #expect(try image(file, tolerating: 0.2).missingShare == 0.2)
  }

  @Test func `of separate planes only the missing one has no data`() throws {
    var page = TIFFBytes.Page(width: 2, height: 1, [], tags: [262: [2], 277: [3], 284: [2], 258: [8, 8, 8]])
    page.chunks = [[1, 2], [], [5, 6]]
    page.tags[279] = [2, 0, 2]
    let image = try image(TIFFBytes(page), tolerating: 0.5)
    #expect(image.samples.map(\.isNaN) == [false, true, false, false, true, false])
    #expect(image.samples[0] == 1 && image.samples[5] == 6)
  }

  /// Tiles of 256 x 256 that all lie at the same place of the file, of which `missing` have no bytes.
  ///
  /// - Parameter omits: whether these have no place in the file either, as those that a writer leaves out.
  private static func tiled(_ edge: Int, missing: Int, omits: Bool = false) -> TIFFBytes {
    let count = ((edge + 255) / 256) * ((edge + 255) / 256)
    var page = TIFFBytes.Page(width: edge, height: edge, [UInt8](repeating: 7, count: 1 << 16))
    page.tags[278] = nil
    page.tags.merge([322: [256], 323: [256]]) { $1 }
    // Spread over the page, so that every band misses some.
    let gone = Set((0..<missing).map { $0 * count / missing })
    // The data are the first of the file, behind its head.
    page.tags[324] = (0..<count).map { gone.contains($0) && omits ? 0 : 8 }
    page.tags[325] = (0..<count).map { gone.contains($0) ? 0 : 1 << 16 }
    return TIFFBytes(page)
  }

  /// No more than `maximumPixels` are decoded at once, or the reader refuses; here that is a twentieth of the page.
  @Test func `a large page with tolerated gaps is inspected piece by piece and counted as a whole`() throws {
    let edge = 17_000
    let path = try folder.write(Self.tiled(edge, missing: 100))
    func inspect(tolerating share: Double) throws -> ScanInspection.Page {
      let limits = TIFFLimits(maximumPixels: edge * edge / 20, maximumScanPixels: 1 << 36, toleratedMissing: share)
      return ScanInspection(of: try TIFFFile(path: path, limits: limits)).pages[0]
    }
    let page = try inspect(tolerating: 0.05)
    #expect(page.problem == nil)
    #expect(page.missingShare == 100.0 / (67 * 67))
    #expect(page.statistics.first?.min == 7 && page.statistics.first?.max == 7 && page.statistics.first?.mean == 7)
    let refused = try inspect(tolerating: 0.01)
    #expect(refused.problem?.contains("more than 1 % of its 4489 tiles are missing or broken") == true)
    _ = try folder.write(Self.tiled(edge, missing: 100, omits: true))
    let omitted = try inspect(tolerating: 0)
    #expect(omitted.problem == nil && omitted.missingShare == page.missingShare)
  }

  /// Strips of more than 4 MB are read row by row, so that a range of rows may end within one.
  @Test func `a missing strip in two ranges of rows is counted once`() throws {
    let (width, rows) = (4096, 1100)
    var page = TIFFBytes.Page(width: width, height: 4 * rows, [], tags: [278: [rows]])
    page.chunks = (0..<4).map { [UInt8](repeating: UInt8($0), count: $0 == 2 ? 0 : width * rows) }
    let path = try folder.write(TIFFBytes(page))
    let file = try TIFFFile(path: path, limits: TIFFLimits(toleratedMissing: 0.3))
    #expect(try file.bands(ofPage: 1).contains { $0.lowerBound > 2 * rows && $0.lowerBound < 3 * rows })
    let inspected = ScanInspection(of: file).pages[0]
    #expect(inspected.missingShare == 0.25 && inspected.problem == nil)
    #expect(inspected.statistics.first?.mean.map { abs($0 - 4.0 / 3) < 1e-6 } == true)
  }
}
