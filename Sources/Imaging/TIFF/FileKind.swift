import Files

/// The kind of a file that is not a TIFF, found from its first bytes, so that the error can say what to do.
package struct FileKind: Equatable {
  /// Name of the kind with its article: "a PNG picture".
  let name: String
  let remedy: String

  /// Fails with `nil` if the bytes begin like a TIFF or BigTIFF file.
  ///
  /// - Parameter head: the first 132 bytes of the file, or all of a shorter file.
  init?(of head: [UInt8]) {
    func begins(_ bytes: [UInt8], at offset: Int = 0) -> Bool { head.dropFirst(offset).starts(with: bytes) }
    func begins(_ text: String, at offset: Int = 0) -> Bool { begins(Array(text.utf8), at: offset) }

    if Self.isTIFF(head) { return nil }

    let convert = "Convert it to TIFF"
    switch true {
    case head.isEmpty: self.init(name: "empty", remedy: "Copy or export it again")
    case head.allSatisfy { $0 == 0 }: self.init(name: "all zeros", remedy: "Copy or export it again")
    case begins("DICM", at: 128): self.init(name: "a DICOM file", remedy: "Export its pixels as TIFF")
    case begins([0x89, 0x50, 0x4E, 0x47]): self.init(name: "a PNG picture", remedy: convert)
    case begins([0xFF, 0xD8, 0xFF]): self.init(name: "a JPEG picture", remedy: convert)
    case begins("GIF8"): self.init(name: "a GIF picture", remedy: convert)
    case begins("BM") && head.count > 14: self.init(name: "a BMP picture", remedy: convert)
    case begins("RIFF") && begins("WEBP", at: 8): self.init(name: "a WebP picture", remedy: convert)
    case begins([0x01, 0xDA]): self.init(name: "an SGI picture", remedy: convert)
    case begins([0, 0, 0, 12, 0x6A, 0x50]), begins([0xFF, 0x4F, 0xFF, 0x51]):
      self.init(name: "a JPEG 2000 picture", remedy: convert)
    case begins("%PDF"): self.init(name: "a PDF document", remedy: "Export its pictures as TIFF")
    case begins("PK\u{3}\u{4}"): self.init(name: "a ZIP archive", remedy: "Unpack it first")
    case begins([0x1F, 0x8B]): self.init(name: "a gzip archive", remedy: "Unpack it first")
    case begins("\u{89}HDF".unicodeScalars.map { UInt8($0.value) }):
      self.init(name: "an HDF5 file", remedy: "Export its pictures as TIFF")
    case head.allSatisfy { (32..<127).contains($0) || (9...13).contains($0) }:
      self.init(name: "text", remedy: "Give the picture itself")
    default:
      let shown = head.prefix(4).map { $0.hexadecimal.uppercased() }
      self.init(
        name: "of an unknown kind (it begins with \(shown.joined(separator: " ")))", remedy: "Export it again as TIFF")
    }
  }

  /// Whether a file with these first bytes, four or more, begins like a TIFF or BigTIFF file.
  package static func isTIFF(_ head: some Sequence<UInt8>) -> Bool {
    let marks: [[UInt8]] = [
      [0x49, 0x49, 42, 0], [0x4D, 0x4D, 0, 42], [0x49, 0x49, 43, 0], [0x4D, 0x4D, 0, 43],
    ]
    return marks.contains { head.starts(with: $0) }
  }

  private init(name: String, remedy: String) {
    self.name = name
    self.remedy = remedy
  }
}
