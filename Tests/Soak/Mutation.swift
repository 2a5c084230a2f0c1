/// One kind of damage to a TIFF file.
enum Mutation: CaseIterable {
  case tag, type, count, value, setting, offset, loop, table, fields, pages, text, payload, cut, insertion, anywhere

  /// Damages the bytes; leaves them as they are where they have nothing of the kind.
  ///
  /// - Parameter donor: another file, parts of which may be put in.
  func apply(to bytes: inout [UInt8], donor: [UInt8], using random: inout some RandomNumberGenerator) {
    guard !bytes.isEmpty else { return }
    switch self {
    case .payload: return Self.damagePayload(of: &bytes, donor: donor, using: &random)
    case .cut: return bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
    case .insertion: return Self.insert(into: &bytes, donor: donor, using: &random)
    case .anywhere:
      for _ in 0..<Int.random(in: 1...8, using: &random) { Self.damage(0..<bytes.count, of: &bytes, using: &random) }
      return
    default: break
    }
    guard let anatomy = TIFFAnatomy(bytes), let directory = anatomy.directories.randomElement(using: &random),
      let field = directory.fields.randomElement(using: &random)
    else { return }
    let width = anatomy.offsetBytes
    switch self {
    case .tag:
      anatomy.put(UInt64(Settings.tags.randomElement(using: &random)!), at: field.place, bytes: 2, in: &bytes)
    case .type:
      let type = [UInt64.random(in: 0...19, using: &random), 0xFFFF].randomElement(using: &random)!
      anatomy.put(type, at: field.place + 2, bytes: 2, in: &bytes)
    case .count:
      anatomy.put(Self.odd(field.count, using: &random), at: field.place + 4, bytes: width, in: &bytes)
    case .value:
      guard let values = field.values else { return }
      let k = Int.random(in: 0..<values.count / field.size, using: &random)
      let place = values.lowerBound + k * field.size
      let old = anatomy.number(in: bytes, at: place, bytes: field.size)
      anatomy.put(Self.odd(old, using: &random), at: place, bytes: field.size, in: &bytes)
    case .setting: Self.set(directory, of: anatomy, in: &bytes, using: &random)
    case .offset:
      let place =
        [field.place + 4 + width, field.place + 4 + width, directory.link, anatomy.firstLink]
        .randomElement(using: &random)!
      let old = anatomy.number(in: bytes, at: min(place, bytes.count - width), bytes: width)
      let odd = Self.odd(old, using: &random)
      let near = [0, 1, 2, 4, 8, UInt64(place), UInt64(bytes.count), UInt64(bytes.count - 1), UInt64(bytes.count / 2)]
      anatomy.put(([odd, odd] + near).randomElement(using: &random)!, at: place, bytes: width, in: &bytes)
    case .loop: Self.close(directory, of: anatomy, in: &bytes, using: &random)
    case .table: Self.damageTable(of: directory, anatomy, in: &bytes, using: &random)
    case .fields: Self.takeFields(into: directory, anatomy, in: &bytes, donor: donor, using: &random)
    case .pages: Self.append(donor, behind: directory, anatomy, in: &bytes)
    case .text:
      let old = directory.fields.first { $0.tag == 270 } ?? field
      let text = Descriptions.damaged(Self.text(of: old, in: bytes), using: &random)
      anatomy.rewrite(entryAt: old.place, tag: 270, type: 2, data: Array(text.utf8) + [0], in: &bytes)
    case .payload, .cut, .insertion, .anywhere: break
    }
  }

  /// A number near another one, or at an end of what numbers can be.
  static func odd(_ old: Int, using random: inout some RandomNumberGenerator) -> UInt64 {
    let value = UInt64(old)
    let choices: [UInt64] = [
      0, 1, value &+ 1, value &- 1, value &* 2, value / 2, value &+ 0x8000_0000, 255, 256, 0x7FFF, 0xFFFF, 0x1_0000,
      0x10_0000, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << UInt64.random(in: 0..<64, using: &random), .max, .max / 2,
      .random(in: 0...0xFFFF, using: &random), .random(in: 0 ... .max, using: &random),
    ]
    return choices.randomElement(using: &random)!
  }

  // MARK: Fields

  /// Gives a field that steers decoding another of the values it is known to have.
  private static func set(
    _ directory: TIFFAnatomy.Directory, of anatomy: TIFFAnatomy, in bytes: inout [UInt8],
    using random: inout some RandomNumberGenerator
  ) {
    let (tag, choices) = Settings.values.randomElement(using: &random)!
    let value = choices.randomElement(using: &random)!
    if let field = directory.fields.first(where: { $0.tag == tag }), let values = field.values {
      // All values alike, such as the bits of every sample.
      for place in stride(from: values.lowerBound, to: values.upperBound, by: field.size) {
        anatomy.put(value, at: place, bytes: field.size, in: &bytes)
      }
    } else {
      let place = directory.fields.randomElement(using: &random)!.place
      anatomy.rewrite(entryAt: place, tag: tag, type: 4, data: anatomy.stored(value, bytes: 4), in: &bytes)
    }
  }

  /// Leads the chain of pages, or what a page owns, back to a directory.
  private static func close(
    _ directory: TIFFAnatomy.Directory, of anatomy: TIFFAnatomy, in bytes: inout [UInt8],
    using random: inout some RandomNumberGenerator
  ) {
    let target = UInt64(anatomy.directories.randomElement(using: &random)!.place)
    if Bool.random(using: &random) {
      anatomy.put(target, at: directory.link, bytes: anatomy.offsetBytes, in: &bytes)
      return
    }
    let count = Int.random(in: 1...4, using: &random)
    let place = (directory.fields.first { $0.tag == 330 } ?? directory.fields.randomElement(using: &random)!).place
    let data = (0..<count).flatMap { k in
      anatomy.stored(k == 0 ? target : target &+ UInt64(k - 1), bytes: anatomy.offsetBytes)
    }
    anatomy.rewrite(entryAt: place, tag: 330, type: anatomy.isBigTIFF ? 16 : 4, data: data, in: &bytes)
  }

  /// Makes strips or tiles fewer, more, empty, huge or lie over each other.
  private static func damageTable(
    of directory: TIFFAnatomy.Directory, _ anatomy: TIFFAnatomy, in bytes: inout [UInt8],
    using random: inout some RandomNumberGenerator
  ) {
    let tables = directory.fields.filter { [273, 279, 324, 325].contains($0.tag) }
    guard let table = tables.randomElement(using: &random), let values = table.values else { return }
    let count = values.count / table.size
    func put(_ value: UInt64, _ k: Int) {
      anatomy.put(value, at: values.lowerBound + k * table.size, bytes: table.size, in: &bytes)
    }
    func element(_ k: Int) -> UInt64 {
      UInt64(anatomy.number(in: bytes, at: values.lowerBound + k * table.size, bytes: table.size))
    }
    let k = Int.random(in: 0..<count, using: &random)
    switch Int.random(in: 0..<7, using: &random) {
    case 0: put(0, k)
    case 1: for i in 0..<min(count, 4096) { put(element(k), i) }
    case 2:
      let other = Int.random(in: 0..<count, using: &random)
      let first = element(k)
      put(element(other), k)
      put(first, other)
    case 3: put(odd(Int(clamping: element(k)), using: &random), k)
    case 4:
      let fewer = UInt64.random(in: 0...UInt64(count), using: &random)
      anatomy.put(fewer, at: table.place + 4, bytes: anatomy.offsetBytes, in: &bytes)
    case 5:
      let more = Array(bytes[values]) + Array(bytes[values].prefix(4096))
      anatomy.rewrite(entryAt: table.place, tag: table.tag, type: table.type, data: more, in: &bytes)
    default: for i in 0..<min(count, 4096) { put(UInt64(bytes.count) / 2, i) }
    }
  }

  // MARK: Donors

  /// Overwrites some of a directory's entries with those of another file, values and all.
  private static func takeFields(
    into directory: TIFFAnatomy.Directory, _ anatomy: TIFFAnatomy, in bytes: inout [UInt8], donor: [UInt8],
    using random: inout some RandomNumberGenerator
  ) {
    guard let other = TIFFAnatomy(donor), other.isBigEndian == anatomy.isBigEndian,
      let source = other.directories.randomElement(using: &random)
    else { return }
    let all = Bool.random(using: &random)
    let count = all ? min(source.fields.count, directory.fields.count) : Int.random(in: 1...3, using: &random)
    for k in 0..<count {
      let field = all ? source.fields[k] : source.fields.randomElement(using: &random)!
      let target = all ? directory.fields[k] : directory.fields.randomElement(using: &random)!
      guard let values = field.values, values.count <= 1 << 16 else { continue }
      anatomy.rewrite(entryAt: target.place, tag: field.tag, type: field.type, data: Array(donor[values]), in: &bytes)
    }
  }

  /// Makes the pages of another file follow a page, its offsets moved to where it now lies.
  private static func append(
    _ donor: [UInt8], behind directory: TIFFAnatomy.Directory, _ anatomy: TIFFAnatomy, in bytes: inout [UInt8]
  ) {
    guard let other = TIFFAnatomy(donor), other.isBigEndian == anatomy.isBigEndian,
      other.isBigTIFF == anatomy.isBigTIFF, donor.count <= 1 << 20, let first = other.directories.first
    else { return }
    let width = other.offsetBytes
    var moved = donor
    func move(_ place: Int, bytes count: Int) {
      guard place + count <= donor.count else { return }
      let old = UInt64(other.number(in: donor, at: place, bytes: count))
      if old > 0 { other.put(old + UInt64(bytes.count), at: place, bytes: count, in: &moved) }
    }
    for directory in other.directories {
      for field in directory.fields {
        guard let values = field.values else { continue }
        if [273, 324, 330].contains(field.tag), field.size >= 4 {
          for place in stride(from: values.lowerBound, to: values.upperBound, by: field.size) {
            move(place, bytes: field.size)
          }
        }
        if values.count > width { move(field.place + 4 + width, bytes: width) }
      }
      move(directory.link, bytes: width)
    }
    anatomy.put(UInt64(bytes.count + first.place), at: directory.link, bytes: width, in: &bytes)
    bytes += moved
  }

  // MARK: Bytes

  private static func text(of field: TIFFAnatomy.Field, in bytes: [UInt8]) -> String {
    guard field.tag == 270, let values = field.values else { return "" }
    return String(decoding: bytes[values].prefix(1 << 16).prefix { $0 != 0 }, as: UTF8.self)
  }

  private static func damagePayload(
    of bytes: inout [UInt8], donor: [UInt8], using random: inout some RandomNumberGenerator
  ) {
    guard let anatomy = TIFFAnatomy(bytes), let directory = anatomy.directories.randomElement(using: &random),
      let offsets = directory.fields.first(where: { [273, 324].contains($0.tag) }),
      let start = anatomy.elements(of: offsets, in: bytes).randomElement(using: &random), start < bytes.count - 1
    else { return }
    let sizes = directory.fields.first { [279, 325].contains($0.tag) }
    let longest = sizes.map { anatomy.elements(of: $0, in: bytes).max() ?? 0 } ?? 0
    let chunk = start..<min(bytes.count, start + max(2, min(longest, bytes.count)))
    // The first bytes are headers and tables in most codecs.
    let area = Bool.random(using: &random) ? chunk : chunk.prefix(64)
    for _ in 0..<Int.random(in: 1...6, using: &random) { damage(area, of: &bytes, using: &random) }
    if Int.random(in: 0..<4, using: &random) == 0, !donor.isEmpty {
      let part = slice(of: donor, using: &random).prefix(area.count)
      bytes.replaceSubrange(area.lowerBound..<area.lowerBound + part.count, with: part)
    }
  }

  private static func damage(
    _ area: Range<Int>, of bytes: inout [UInt8], using random: inout some RandomNumberGenerator
  ) {
    let place = Int.random(in: area, using: &random)
    let end = min(area.upperBound, place + Int.random(in: 1...32, using: &random))
    switch Int.random(in: 0..<6, using: &random) {
    case 0: bytes[place] = .random(in: 0...255, using: &random)
    case 1: bytes[place] = [0, 0x7F, 0x80, 0xFF].randomElement(using: &random)!
    case 2: for k in place..<end { bytes[k] = 0 }
    case 3: for k in place..<end { bytes[k] = 0xFF }
    default: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    }
  }

  private static func insert(
    into bytes: inout [UInt8], donor: [UInt8], using random: inout some RandomNumberGenerator
  ) {
    let place = Int.random(in: 0..<bytes.count, using: &random)
    switch Int.random(in: 0..<3, using: &random) {
    case 0: bytes.insert(contentsOf: slice(of: donor, using: &random), at: place)
    case 1: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...16, using: &random)))
    default: bytes.insert(contentsOf: slice(of: bytes, using: &random), at: place)
    }
  }

  private static func slice(of bytes: [UInt8], using random: inout some RandomNumberGenerator) -> ArraySlice<UInt8> {
    guard !bytes.isEmpty else { return [] }
    let start = Int.random(in: 0..<bytes.count, using: &random)
    return bytes[start...].prefix(Int.random(in: 1...512, using: &random))
  }
}

extension Range<Int> {
  fileprivate func prefix(_ count: Int) -> Range<Int> { lowerBound..<Swift.min(upperBound, lowerBound + count) }
}
