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
}
