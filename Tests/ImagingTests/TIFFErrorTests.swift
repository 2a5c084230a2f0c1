import Files
import Foundation
import Imaging
import Testing

struct TIFFErrorTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// What a user would read, without the folder.
  private func message(
    _ limits: TIFFLimits = .default, of bytes: [UInt8], page: Int = 1, byRows: Bool = false
  ) throws -> String {
    let path = try folder.write(bytes)
    do throws(NormaError) {
      let file = try TIFFFile(path: path, limits: limits)
      if byRows { _ = try file.bands(ofPage: page) } else { _ = try file.image(page: page) }
      return "no error"
    } catch {
      return error.description.replacingOccurrences(of: folder.path + "/", with: "")
    }
  }

  private static let gray = TIFFBytes.Page(width: 4, height: 2, [0, 1, 2, 3, 4, 5, 6, 7])

  @Test func `a sound file gives no error`() throws {
    #expect(try message(of: TIFFBytes(Self.gray).bytes) == "no error")
  }

  @Test(
    arguments: [
      ([], "the file is empty; a TIFF file is expected. Copy or export it again."),
      ([0, 0, 0, 0, 0, 0], "the file is all zeros; a TIFF file is expected. Copy or export it again."),
      (
        [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A],
        "the file is a PNG picture; a TIFF file is expected. Convert it to TIFF."
      ),
      ([0xFF, 0xD8, 0xFF, 0xE0], "the file is a JPEG picture; a TIFF file is expected. Convert it to TIFF."),
      (
        [UInt8](repeating: 0, count: 128) + Array("DICM".utf8),
        "the file is a DICOM file; a TIFF file is expected. Export its pixels as TIFF."
      ),
      (Array("PK\u{3}\u{4}".utf8), "the file is a ZIP archive; a TIFF file is expected. Unpack it first."),
      (Array("case,label\n1,2\n".utf8), "the file is text; a TIFF file is expected. Give the picture itself."),
      (
        [0xCA, 0xFE, 0xBA, 0xBE],
        "the file is of an unknown kind (it begins with CA FE BA BE); a TIFF file is expected. Export it again as TIFF."
      ),
    ] as [([UInt8], String)])
  func `a file that is no TIFF is named for what it is`(bytes: [UInt8], expected: String) throws {
    #expect(try message(of: bytes) == "scan.tif: \(expected)")
  }

  @Test func `a missing file says what the system said`() throws {
    let error = #expect(throws: NormaError.self) { try TIFFFile(path: "/nowhere/scan.tif") }
    #expect(error?.kind == .system)
    #expect(
      error?.description
        == "/nowhere/scan.tif: the file cannot be opened: No such file or directory. Check the path and its rights.")
  }

  @Test func `a folder is not read`() throws {
    let error = #expect(throws: NormaError.self) { try TIFFFile(path: folder.path) }
    #expect(error?.found == "this is a folder or a device, not a file")
  }

  @Test func `a truncated strip names its page`() throws {
    var second = Self.gray
    second.tags[279] = [5000]
    // libtiff mends the length of strips that are not compressed.
    second.tags[259] = [5]
    let bytes = TIFFBytes(Self.gray, second).bytes
    let message = try message(of: bytes, page: 2)
    #expect(
      message
        == "scan.tif page 2: strip 1 lies at bytes 130 to 5130, but the file ends at \(bytes.count)."
        + " Copy or export it again.")
  }

  @Test func `a strip that holds too little carries libtiff's own words`() throws {
    var page = Self.gray
    page.tags[279] = [3]
    page.tags[259] = [32773]
    page.chunks = [[1, 9, 9]]
    #expect(
      try message(of: TIFFBytes(page).bytes)
        == "scan.tif page 1: strip 1 cannot be decoded: Not enough data for scanline 0. Copy or export it again.")
  }

  @Test func `a loop of pages ends in an error`() throws {
    var file = TIFFBytes(Self.gray, Self.gray)
    file.lastNext = .firstDirectory
    #expect(
      try message(of: file.bytes)
        == "scan.tif page 3: the chain of pages leads back to an earlier page. Re-export it.")
    var lone = TIFFBytes(Self.gray)
    lone.lastNext = .firstDirectory
    #expect(
      try message(of: lone.bytes)
        == "scan.tif page 2: the chain of pages leads back to an earlier page. Re-export it.")
  }

  @Test func `a chain that leaves the file keeps the pages before`() throws {
    var file = TIFFBytes(Self.gray)
    file.lastNext = .offset(100_000)
    let path = try folder.write(file)
    let opened = try TIFFFile(path: path)
    #expect(try opened.image().samples == [0, 1, 2, 3, 4, 5, 6, 7])
    #expect(
      opened.defect?.description
        == "\(path) page 2: the page's directory cannot be read: Can not read TIFF directory count. Re-export it.")
  }

  @Test func `more pages than the limit are refused`() throws {
    let bytes = TIFFBytes(Self.gray, Self.gray, Self.gray).bytes
    #expect(
      try message(TIFFLimits(maximumPages: 2), of: bytes)
        == "scan.tif: the file has more than 2 pages, the limit. Split it.")
  }

  @Test func `a page that only declares its size costs nothing`() throws {
    var page = Self.gray
    (page.tags[256], page.tags[257], page.tags[278]) = ([1_000_000], [1_000_000], [1])
    page.tags[259] = [8]
    #expect(
      try message(of: TIFFBytes(page).bytes)
        == "scan.tif page 1: 1000000x1000000 pixels are declared; up to 268435456 are allowed."
        + " Raise the limit or crop the scan.")
  }

  @Test func `a page too large to be read by rows is refused before they are counted`() throws {
    var page = Self.gray
    (page.tags[256], page.tags[257], page.tags[278]) = ([2_147_483_647], [4_278_190_100], nil)
    page.tags[259] = [8]
    #expect(
      try message(of: TIFFBytes(page).bytes, byRows: true)
        == "scan.tif page 1: 2147483647x4278190100 pixels are declared; up to 68719476736 are allowed."
        + " Raise the limit or crop the scan.")
  }

  @Test func `a tile larger than the limit is refused`() throws {
    var page = Self.gray
    page.tags[278] = nil
    (page.tags[322], page.tags[323], page.tags[259]) = ([8192], [8192], [8])
    #expect(
      try message(TIFFLimits(maximumChunkBytes: 1 << 20), of: TIFFBytes(page).bytes)
        == "scan.tif page 1: a tile is 8192x8192 pixels of 8 bits; up to 1048576 bytes are allowed."
        + " Re-export it in tiles of 256x256.")
  }

  @Test func `a pixel of too many samples is refused`() throws {
    var page = Self.gray
    (page.tags[277], page.tags[338]) = ([200], [Int](repeating: 0, count: 199))
    #expect(
      try message(TIFFLimits(maximumPixels: 100), of: TIFFBytes(page).bytes)
        == "scan.tif page 1: 4x2 pixels of 200 channels are declared; up to 400 samples are allowed."
        + " Raise the limit or crop the scan.")
  }

  @Test func `a palette page without its table is refused`() throws {
    var page = Self.gray
    (page.tags[258], page.tags[262]) = ([4], [3])
    #expect(
      try message(of: TIFFBytes(page).bytes)
        == "scan.tif: the first page cannot be read: TIFF directory is missing required \"Colormap\" field."
        + " Re-export it.")
  }

  @Test(
    arguments: [
      ([258: [12], 339: [2]], "BitsPerSample is 12; 8, 16, 32 or 64 are supported for signed integers. Re-export it."),
      ([258: [40]], "BitsPerSample is 40; 1 to 32 or 64 are supported. Re-export it."),
      (
        [258: [32], 339: [6]],
        "the samples are complex floating point numbers; integers and floating point are supported. Re-export it."
      ),
      (
        [262: [32803]],
        "PhotometricInterpretation is CFA (raw sensor mosaic) with 1 samples of 8 bits;"
          + " gray, palette, RGB, CMYK, YCbCr, CIE L*a*b* and LogLuv are supported. Re-export it."
      ),
      (
        [277: [257]], "SamplesPerPixel is 257; up to 256 are supported. Re-export it."
      ),
      (
        [259: [50002]],
        "Compression is JPEG XL, which libtiff was built without. Re-export it with LZW or Deflate."
      ),
    ] as [([UInt16: [Int]], String)])
  func `what norma cannot read is named`(tags: [UInt16: [Int]], expected: String) throws {
    var page = Self.gray
    page.tags.merge(tags) { $1 }
    let message = try message(of: TIFFBytes(page).bytes)
    #expect(message == "scan.tif page 1: \(expected)")
  }
}
