import Foundation

/// A TIFF file made by hand, byte by byte, so that a test can put one defect or one oddity into it.
struct TIFFBytes {
  struct Page {
    var tags: [UInt16: [Int]] = [:]
    /// Strips or tiles, in order.
    var chunks: [[UInt8]] = []
    /// Pages that only this one leads to (tag 330).
    var owned: [Page] = []

    /// A gray page of one strip.
    init(width: Int, height: Int, bits: Int = 8, _ pixels: [UInt8], tags more: [UInt16: [Int]] = [:]) {
      tags = [256: [width], 257: [height], 258: [bits], 259: [1], 262: [1], 277: [1], 278: [height]]
      tags.merge(more) { $1 }
      chunks = [pixels]
    }
  }

  var pages: [Page]
  var isBigEndian = false
  var isBigTIFF = false
  /// Offset that the last directory gives for its successor; 0 ends the chain. `firstDirectory` closes a loop.
  var lastNext = Next.end

  enum Next { case end, firstDirectory, offset(Int) }

  init(_ pages: Page...) { self.pages = pages }

  /// Tags whose values have four bytes; 282, 283 are rationals, 320 and the others two bytes.
  private static let wide: Set<UInt16> = [
    254, 256, 257, 273, 278, 279, 322, 323, 324, 325, 330, 32997, 32998,
  ]
  private static let rational: Set<UInt16> = [282, 283]
  /// Whole numbers that are stored in single precision.
  private static let float: Set<UInt16> = [65421]
  private static let text: Set<UInt16> = [270, 271, 305, 42113]
  private static let bytewise: Set<UInt16> = [700]

  var bytes: [UInt8] {
    var file: [UInt8] = isBigEndian ? [0x4D, 0x4D] : [0x49, 0x49]
    append(isBigTIFF ? 43 : 42, 2, to: &file)
    if isBigTIFF {
      append(8, 2, to: &file)
      append(0, 2, to: &file)
    }
    var link = file.count
    append(0, offsetBytes, to: &file)
    var first = 0
    for page in pages {
      let (directory, next) = append(page, to: &file)
      overwrite(link, with: directory, in: &file)
      if first == 0 { first = directory }
      link = next
    }
    switch lastNext {
    case .end: break
    case .firstDirectory: overwrite(link, with: first, in: &file)
    case .offset(let offset): overwrite(link, with: offset, in: &file)
    }
    return file
  }

  /// Appends a page and what it owns; returns where its directory lies, and where that leads on from.
  private func append(_ page: Page, to file: inout [UInt8]) -> (directory: Int, next: Int) {
    var tags = page.tags
    if !page.owned.isEmpty { tags[330] = page.owned.map { append($0, to: &file).directory } }
    let isTiled = tags[322] != nil
    let offsets = page.chunks.map { chunk -> Int in
      defer { file += chunk }
      return file.count
    }
    if tags[isTiled ? 324 : 273] == nil { tags[isTiled ? 324 : 273] = offsets }
    if tags[isTiled ? 325 : 279] == nil { tags[isTiled ? 325 : 279] = page.chunks.map(\.count) }
    var entries: [(tag: UInt16, type: Int, count: Int, data: [UInt8])] = []
    for (tag, values) in tags.sorted(by: { $0.key < $1.key }) {
      var data: [UInt8] = []
      let type =
        Self.rational.contains(tag)
        ? 5
        : Self.float.contains(tag)
          ? 11
          : Self.wide.contains(tag)
            ? 4
            : Self.text.contains(tag)
              ? 2
              : Self.bytewise.contains(tag) ? 1 : 3
      for value in values {
        switch type {
        case 5:
          append(value, 4, to: &data)
          append(1, 4, to: &data)
        case 11: append(Int(Float(value).bitPattern), 4, to: &data)
        case 4: append(value, 4, to: &data)
        case 1, 2: append(value, 1, to: &data)
        default: append(value, 2, to: &data)
        }
      }
      entries.append((tag, type, values.count, data))
    }
    // Values that do not fit into their entry come before the directory.
    var places: [Int] = []
    for entry in entries {
      places.append(file.count)
      if entry.data.count > offsetBytes { file += entry.data }
    }
    if file.count % 2 == 1 { file.append(0) }
    let directory = file.count
    append(entries.count, isBigTIFF ? 8 : 2, to: &file)
    for (entry, place) in zip(entries, places) {
      append(Int(entry.tag), 2, to: &file)
      append(entry.type, 2, to: &file)
      append(entry.count, offsetBytes, to: &file)
      if entry.data.count > offsetBytes {
        append(place, offsetBytes, to: &file)
      } else {
        file += entry.data + [UInt8](repeating: 0, count: offsetBytes - entry.data.count)
      }
    }
    append(0, offsetBytes, to: &file)
    return (directory, file.count - offsetBytes)
  }

  private var offsetBytes: Int { isBigTIFF ? 8 : 4 }

  private func append(_ value: Int, _ count: Int, to file: inout [UInt8]) {
    let little = (0..<count).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    file += isBigEndian ? little.reversed() : little
  }

  private func overwrite(_ place: Int, with value: Int, in file: inout [UInt8]) {
    var bytes: [UInt8] = []
    append(value, offsetBytes, to: &bytes)
    file.replaceSubrange(place..<(place + offsetBytes), with: bytes)
  }
}

/// A folder of its own for one test, removed with its contents.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "norma-imaging-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ bytes: [UInt8], as name: String = "scan.tif") throws -> String {
    let file = "\(path)/\(name)"
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }

  func write(_ file: TIFFBytes) throws -> String { try write(file.bytes) }

  var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }
}
