import Anomaly
import Foundation
import Imaging
import Testing

struct ScanReadingTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func scans(channels: Int? = nil) throws -> [SourceScan] {
    let study = try Study(path: folder.path)
    return study.cases.flatMap { study.scans(of: $0, reading: ScanReading(channels: channels)) }
  }

  /// What a user would read, without the folder; `nil` where there is a picture.
  private func fault(_ scan: SourceScan) -> String? {
    guard case .failure(let fault) = scan.content else { return nil }
    return fault.description.replacingOccurrences(of: folder.path, with: "STUDY")
  }

  private static func image(_ value: Float, channels: Int = 1, edge: Int = 4) -> Image {
    Image(width: edge, height: edge, channels: channels, filledWith: value)
  }

  @Test func `a file of one page is a scan named after it`() throws {
    try folder.write([Self.image(3)], as: "case/left.knee.tif")
    let scan = try #require(try scans().first)
    #expect(scan.name == "left.knee")
    #expect(scan.path == "case/left.knee.tif")
    #expect(scan.page == nil)
    #expect(scan.image == Self.image(3))
  }

  /// Of which a digest would never be done.
  @Test(.timeLimit(.minutes(1)))
  func `a pipe, a device and a link that leads nowhere are scans that cannot be read`() throws {
    let path = folder.path
    try #require(mkfifo("\(path)/a.tif", 0o600) == 0)
    try FileManager.default.createSymbolicLink(atPath: "\(path)/b.tif", withDestinationPath: "/dev/zero")
    try FileManager.default.createSymbolicLink(atPath: "\(path)/c.tif", withDestinationPath: "\(path)/gone")
    let device = "this is a folder or a device, not a file. Give the path of a TIFF file."
    #expect(
      try scans().map(fault) == [
        "STUDY/a.tif: \(device)", "STUDY/b.tif: \(device)",
        "STUDY/c.tif: the file cannot be opened: No such file or directory. Check the path and its rights.",
      ])
  }

  @Test func `the first scan of a stack is read alone`() throws {
    try folder.write((1...11).map { Self.image(Float($0)) }, as: "case/stack.tif")
    let study = try Study(path: folder.path)
    let first = try #require(study.firstScan(of: study.cases[0], reading: ScanReading()))
    #expect(first.name == "stack-p001" && first.image == Self.image(1))
    // A reader that stops is asked for no further page.
    struct Enough: Error {}
    var read: [String] = []
    #expect(throws: Enough.self) {
      try study.read(study.cases[0], reading: ScanReading()) {
        read.append($0.name)
        throw Enough()
      }
    }
    #expect(read == ["stack-p001"])
    #expect(study.firstScan(of: .init(name: "none", files: []), reading: ScanReading()) == nil)
  }

  @Test func `the pages of a stack are numbered scans`() throws {
    try folder.write((1...11).map { Self.image(Float($0)) }, as: "case/stack.tif")
    let scans = try scans()
    #expect(scans.count == 11)
    #expect(scans.map(\.name).first == "stack-p001")
    #expect(scans.map(\.name).last == "stack-p011")
    #expect(scans.map(\.page) == Array(1...11))
    #expect(scans.map { $0.image?[0, 0] } == (1...11).map(Float.init))
    #expect(Set(scans.map(\.sha256)).count == 1)
  }

  @Test func `scans of a case that differ only in their ending keep it`() throws {
    for name in ["a.tif", "A.tiff", "b.tif"] { try folder.write([Self.image(1)], as: "case/\(name)") }
    #expect(try scans().map(\.name) == ["A.tiff", "a.tif", "b"])
  }

  @Test func `no two scans of a case share a name`() throws {
    for name in ["a.tif", "a.tiff", "a.tif.tif"] { try folder.write([Self.image(1)], as: "case/\(name)") }
    let names = try scans().map(\.name)
    #expect(names.count == 3)
    #expect(Set(names).count == 3, "\(names)")
  }

  @Test(
    arguments: [
      (1, 3, "it has 1 channel, the model was trained on 3"), (3, 1, "it has 3 channels, the model was trained on 1"),
    ])
  func `a wrong number of channels is a fault`(found: Int, expected: Int, sentence: String) throws {
    try folder.write([Self.image(1, channels: found)], as: "case/scan.tif")
    let scans = try scans(channels: expected)
    #expect(
      scans.map(fault) == [
        "STUDY/case/scan.tif: \(sentence). Analyze it with a model of its own kind, or leave it out with --exclude."
      ])
    #expect(scans[0].sha256 != nil)
  }

  @Test func `a file that is no TIFF is a fault, the others still come`() throws {
    try folder.write([Self.image(1)], as: "case/a.tif")
    try folder.write("abc".utf8, as: "case/b.tif")
    try folder.write([Self.image(3)], as: "case/c.tif")
    let scans = try scans()
    #expect(
      scans.map(fault) == [
        nil, "STUDY/case/b.tif: the file is text; a TIFF file is expected. Give the picture itself.", nil,
      ])
    #expect(scans.map(\.name) == ["a", "b", "c"])
  }

  @Test func `a truncated file is a fault, the others still come`() throws {
    try folder.write([TinyStudy.scan(seed: 1)], as: "case/a.tif")
    try folder.write(try folder.bytes(of: "case/a.tif").prefix(2000), as: "case/b.tif")
    let scans = try scans()
    #expect(
      scans.map(fault) == [
        nil, "STUDY/case/b.tif: the first page cannot be read: Can not read TIFF directory count. Re-export it.",
      ])
  }

  /// libtiff writes a page's directory before the pixels of the next, and in it, last, the place of the next directory.
  @Test func `a stack cut off between its pages keeps the pages before and tells of the rest`() throws {
    try folder.write([Self.image(1), Self.image(2), Self.image(3)], as: "case/stack.tif")
    var bytes = try folder.bytes(of: "case/stack.tif")
    func number(_ place: Int, _ count: Int) -> Int { (0..<count).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) } }
    func next(_ directory: Int) -> Int { directory + 2 + 12 * number(directory, 2) }
    let second = number(next(number(4, 4)), 4)
    bytes.replaceSubrange(next(second)..<next(second) + 4, with: [0, 0, 0xFF, 0])
    try folder.write(bytes, as: "case/stack.tif")
    let scans = try scans()
    #expect(scans.map(\.name) == ["stack-p001", "stack-p002", "stack-p003"])
    #expect(scans.map(\.page) == [1, 2, 3])
    #expect(
      scans.map(fault) == [
        nil, nil,
        "STUDY/case/stack.tif page 3: the page's directory cannot be read: Can not read TIFF directory count."
          + " Re-export it.",
      ])
  }

  @Test func `a file that is gone by the time it is read is a fault without a digest`() throws {
    try folder.write([Self.image(1)], as: "case/a.tif")
    let study = try Study(path: folder.path)
    try FileManager.default.removeItem(atPath: folder.path + "/case/a.tif")
    let scans = study.scans(of: study.cases[0])
    #expect(
      scans.map(fault) == [
        "STUDY/case/a.tif: the file cannot be opened: No such file or directory. Check the path and its rights."
      ])
    #expect(scans[0].sha256 == nil)
  }

  /// The test vectors of FIPS 180-2, appendix B.1 and B.3.
  @Test func `the digest is SHA-256`() throws {
    try folder.write("abc".utf8, as: "case/abc.tif")
    #expect(try scans()[0].sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    let million = try folder.write([UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000), as: "million")
    #expect(
      Study.digest(ofFile: million) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }
}
