/// Where the directories, fields and offsets of a TIFF file lie, so that damage can be put where it matters.
///
/// Reads as far as the bytes make sense and never fails: mutants are taken apart too.
struct TIFFAnatomy {
  struct Field {
    /// Of its entry in the file.
    let place: Int
    let tag: Int
    let type: Int
    let count: Int
    /// Where its values lie, within the entry or elsewhere; `nil` where that is outside the file.
    let values: Range<Int>?
    /// Bytes of one value.
    let size: Int
  }

  struct Directory {
    let place: Int
    let fields: [Field]
    /// Where the offset of the next directory is noted.
    let link: Int
  }

  let isBigEndian: Bool
  let isBigTIFF: Bool
  private(set) var directories: [Directory] = []

  var offsetBytes: Int { isBigTIFF ? 8 : 4 }
  var entryBytes: Int { isBigTIFF ? 20 : 12 }
  /// Where the offset of the first directory is noted.
  var firstLink: Int { isBigTIFF ? 8 : 4 }

  private static let subDirectories = 330
  private static let mostDirectories = 64
  private static let mostFields = 256

  /// - Returns: `nil` where the bytes do not begin like a TIFF file.
  init?(_ bytes: [UInt8]) {
    guard bytes.count >= 16, bytes[0] == bytes[1], bytes[0] == 0x49 || bytes[0] == 0x4D else { return nil }
    isBigEndian = bytes[0] == 0x4D
    switch isBigEndian ? bytes[3] : bytes[2] {
    case 42: isBigTIFF = false
    case 43: isBigTIFF = true
    default: return nil
    }
    var waiting = [number(in: bytes, at: firstLink, bytes: offsetBytes)]
    var seen: Set<Int> = []
    while let place = waiting.popLast(), directories.count < Self.mostDirectories {
      guard place > 0, seen.insert(place).inserted, let directory = directory(in: bytes, at: place) else { continue }
      directories.append(directory)
      for field in directory.fields where field.tag == Self.subDirectories && field.size >= 4 {
        waiting += elements(of: field, in: bytes)
      }
      if directory.link + offsetBytes <= bytes.count {
        waiting.append(number(in: bytes, at: directory.link, bytes: offsetBytes))
      }
    }
  }

  private func directory(in bytes: [UInt8], at place: Int) -> Directory? {
    let countBytes = isBigTIFF ? 8 : 2
    guard place <= bytes.count - countBytes else { return nil }
    let count = number(in: bytes, at: place, bytes: countBytes)
    guard (1...Self.mostFields).contains(count) else { return nil }
    var fields: [Field] = []
    for k in 0..<count {
      let entry = place + countBytes + k * entryBytes
      guard entry + entryBytes <= bytes.count else { break }
      fields.append(field(in: bytes, at: entry))
    }
    return fields.isEmpty
      ? nil : Directory(place: place, fields: fields, link: place + countBytes + count * entryBytes)
  }

  private func field(in bytes: [UInt8], at entry: Int) -> Field {
    let type = number(in: bytes, at: entry + 2, bytes: 2)
    let count = number(in: bytes, at: entry + 4, bytes: offsetBytes)
    let size = Self.size(ofType: type)
    let (total, isOverflown) = size.multipliedReportingOverflow(by: count)
    let inline = entry + 4 + offsetBytes
    let start = !isOverflown && total <= offsetBytes ? inline : number(in: bytes, at: inline, bytes: offsetBytes)
    let isInside = !isOverflown && total > 0 && start <= bytes.count && total <= bytes.count - start
    return Field(
      place: entry, tag: number(in: bytes, at: entry, bytes: 2), type: type, count: count,
      values: isInside ? start..<start + total : nil, size: size)
  }

  /// Of a whole number as a field stores it; a type of TIFF 6.0 or BigTIFF.
  private static func size(ofType type: Int) -> Int {
    switch type {
    case 3, 8: 2
    case 4, 9, 11, 13: 4
    case 5, 10, 12, 16, 17, 18: 8
    default: 1
    }
  }

  // MARK: Numbers

  /// Larger ones than `Int` holds come as the largest.
  func number(in bytes: [UInt8], at place: Int, bytes count: Int) -> Int {
    let all = bytes[place..<place + count]
    let value = isBigEndian ? all.reduce(0) { $0 << 8 | UInt64($1) } : all.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    return Int(clamping: value)
  }

  /// Whole numbers of a field, at most as many as strips are likely.
  func elements(of field: Field, in bytes: [UInt8]) -> [Int] {
    guard let values = field.values else { return [] }
    return (0..<min(values.count / field.size, 4096)).map {
      number(in: bytes, at: values.lowerBound + $0 * field.size, bytes: field.size)
    }
  }

  func put(_ value: UInt64, at place: Int, bytes count: Int, in bytes: inout [UInt8]) {
    guard place >= 0, place + count <= bytes.count else { return }
    for k in 0..<count {
      bytes[place + (isBigEndian ? count - 1 - k : k)] = UInt8(truncatingIfNeeded: value >> UInt64(8 * k))
    }
  }

  /// Turns an entry into that of another field.
  ///
  /// - Parameter data: its values, which are put behind the file where they do not fit into the entry.
  func rewrite(entryAt place: Int, tag: Int, type: Int, data: [UInt8], in bytes: inout [UInt8]) {
    put(UInt64(tag), at: place, bytes: 2, in: &bytes)
    put(UInt64(type), at: place + 2, bytes: 2, in: &bytes)
    put(UInt64(data.count / Self.size(ofType: type)), at: place + 4, bytes: offsetBytes, in: &bytes)
    let inline = place + 4 + offsetBytes
    if data.count > offsetBytes {
      put(UInt64(bytes.count), at: inline, bytes: offsetBytes, in: &bytes)
      bytes += data
    } else {
      bytes.replaceSubrange(inline..<inline + data.count, with: data)
    }
  }

  /// A whole number as the file stores it.
  func stored(_ value: UInt64, bytes count: Int) -> [UInt8] {
    let little = (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    return isBigEndian ? little.reversed() : little
  }
}
