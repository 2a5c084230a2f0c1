import Files
import Foundation
import Imaging
import Testing

/// Files on which the loader once crashed or gave pixels that nobody stored, one defect each, in `Fixtures/Hostile`.
struct HostileFileTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures/Hostile"

  private func file(_ name: String) throws -> TIFFFile { try TIFFFile(path: "\(Self.folder)/\(name).tif") }

  @Test(
    arguments: [
      (
        "group-4-cut-short",
        "strip 1 cannot be decoded: Premature EOF at line 16 of strip 0 (x 2). Copy or export it again."
      ),
      (
        "group-4-bad-code",
        "strip 1 cannot be decoded: Premature EOL at line 4 of strip 0 (got 14, expected 32). Copy or export it again."
      ),
      (
        "group-3-of-three-samples",
        "Compression is CCITT Group 3 of 3 samples a pixel; 1 is supported. Re-export it."
      ),
      ("jpeg-cut-short", "strip 1 cannot be decoded: Premature end of JPEG file. Copy or export it again."),
      (
        "jpeg-narrower-than-its-page",
        "strip 1 cannot be decoded: Improper JPEG strip/tile size, expected 64x16, got 16x16. Copy or export it again."
      ),
    ])
  func `pixels that a codec would make up are refused`(name: String, expected: String) throws {
    do throws(NormaError) {
      _ = try TIFFFile(path: "\(Self.folder)/\(name).tif").image()
      Issue.record("\(name) was decoded")
    } catch {
      #expect(error.description == "\(Self.folder)/\(name).tif page 1: \(expected)")
    }
  }

  @Test func `pages are the same whichever was read before`() throws {
    let file = try file("ycbcr-before-jpeg")
    let first = try [1, 2].map { try file.image(page: $0) }
    for page in [1, 2, 1] { #expect(try file.image(page: page) == first[page - 1]) }
  }

  @Test(arguments: ["old-jpeg-read-twice", "group-4-read-twice"])
  func `a picture is the same the second time, and piece by piece`(name: String) throws {
    let file = try file(name)
    let first = try file.image()
    #expect(try file.image() == first)
    var pieces = Image(width: first.width, height: first.height, channels: first.channels)
    let half = first.height / 2
    for y in [half, 0] {
      pieces.paste(try file.region(page: 1, x: 0, y: y, width: first.width, height: half), atX: 0, y: y)
    }
    #expect(pieces.samples == first.samples)
  }

  /// Such an instruction has a target and no text; an XML parser has ended the program on one.
  @Test func `a description with a bare processing instruction is understood`() throws {
    let file = try file("ome-bare-instruction")
    #expect(file.scans.map(\.channelNames) == [["DAPI"]])
    #expect(file.pages[0].pixelSize == PixelSize(x: 0.5, y: 0.25))
  }
}
