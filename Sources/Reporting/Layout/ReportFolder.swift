import Anomaly
import Files
import Foundation
import Imaging

/// The paths of all files of a report, and the links from one page to another.
///
/// ```
/// NAME/index.html  cases.sqlite  assets/style.css  assets/script.js
/// NAME/shards/<K>-of-<N>/cases.sqlite
/// NAME/cases/<case>/index.html  <scan>.heatmap.tif  <scan>.residual.tif  <scan>.scan.png  <scan>.values.js ...
/// ```
/// Paths inside a report are relative to it and use `/`, so that a report can be moved, copied and zipped.
package struct ReportFolder: Sendable, Equatable {
  package let path: String
  /// The shard that the index belongs to; `nil` for the index of the whole report.
  package let shard: Shard?
  /// Folders by case name, only of cases whose folder differs from the default one for their name.
  private var folders: [String: String] = [:]

  package init(_ path: String, shard: Shard? = nil) {
    self.path = path
    self.shard = shard
  }

  /// The folder of a report that has cases.
  ///
  /// - Parameters:
  ///   - pages: the pages of the cases in the index, which keep their places.
  ///   - cases: names of cases still to be added. Each gets its own folder, even on file systems that ignore letter
  ///     case.
  package init(_ path: String, shard: Shard? = nil, pages: [(name: String, page: String)], cases: [String] = []) {
    self.path = path
    self.shard = shard
    var taken: Set<String> = []
    var known: Set<String> = []
    func put(_ name: String, in folder: String) {
      if folder != self.folder(ofCase: name) { folders[name] = folder }
      taken.insert(folder.uppercased().lowercased())
      known.insert(name)
    }
    for (name, page) in pages { put(name, in: FilePath.folder(of: page)) }
    for name in cases where !known.contains(name) {
      let plain = folder(ofCase: name)
      var folder = plain
      var number = 2
      while taken.contains(folder.uppercased().lowercased()) {
        folder = "\(plain)~\(number)"
        number += 1
      }
      put(name, in: folder)
    }
  }

  /// Whether a path from an index stays inside the report's `cases` folder.
  static func holds(_ relative: String) -> Bool {
    relative.utf8.starts(with: "cases/".utf8) && !relative.utf8.contains(0)
      && !FilePath.parts(of: relative).contains { $0 == ".." || $0 == "." }
  }

  package var index: String { "\(indexFolder)/\(Self.indexName)" }

  /// The folder of the index, which only one process writes at a time. Heatmaps and pages are elsewhere and need no
  /// such folder, because each case belongs to one shard.
  var indexFolder: String { shard.map { file(Self.folder(of: $0)) } ?? path }

  package static let indexName = ReportMarker.index
  static let studyPage = "index.html"
  static let style = ReportMarker.style
  static let script = "assets/script.js"

  static let shards = ReportMarker.shards
  static let lock = ".norma.lock"

  /// The folder of a shard's index, relative to the report.
  static func folder(of shard: Shard) -> String { "\(shards)/\(shard.number)-of-\(shard.count)" }

  /// The shards that have an index in this report, sorted by count and number.
  package var shardsFound: [Shard] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: file(Self.shards))) ?? []
    return names.compactMap { name -> Shard? in
      let parts = name.split(separator: "-")
      guard parts.count == 3, parts[1] == "of", let number = Int(parts[0]), let count = Int(parts[2]),
        let shard = Shard(number: number, of: count), Self.folder(of: shard) == "\(Self.shards)/\(name)",
        FileManager.default.fileExists(atPath: ReportFolder(path, shard: shard).index)
      else { return nil }
      return shard
    }.sorted { ($0.count, $0.number) < ($1.count, $1.number) }
  }

  /// Turns a path inside the report into a path of the file system.
  package func file(_ relative: String) -> String { "\(path)/\(relative)" }

  package func folder(ofCase name: String) -> String {
    if let folder = folders[name] { return folder }
    let parts = FilePath.parts(of: name).map { part in
      // A folder with such a name would collide with a file of the case that contains it.
      let isFile = Self.isScanFile(part.lowercased()) || part.lowercased() == Self.studyPage
      return Self.component(part, isTaken: isFile)
    }
    return "cases/" + (parts.isEmpty ? "_" : parts.joined(separator: "/"))
  }

  package func page(ofCase name: String) -> String { "\(folder(ofCase: name))/index.html" }

  package func heatmap(ofScan scan: String, inCase name: String) -> String {
    "\(folder(ofCase: name))/\(Self.component(scan)).heatmap.tif"
  }

  /// The file of the reconstruction error, calibrated like the heatmap. It is written only on request.
  package func residual(ofScan scan: String, inCase name: String) -> String {
    "\(folder(ofCase: name))/\(Self.component(scan)).residual.tif"
  }

  package func picture(_ picture: PictureName, ofScan scan: String, inCase name: String) -> String {
    "\(folder(ofCase: name))/\(Self.component(scan)).\(picture.ending)"
  }

  /// The relative link from `page` to `target`, which are both paths inside the report.
  package static func link(from page: String, to target: String) -> String {
    let up = String(repeating: "../", count: FilePath.parts(of: page).count - 1)
    return up + FilePath.parts(of: target).map(escaped).joined(separator: "/")
  }

  /// The text with every byte percent-escaped except RFC 3986's unreserved characters.
  static func escaped(_ component: String) -> String {
    component.utf8.reduce(into: "") { text, byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        text.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        text += "%" + byte.hexadecimal.uppercased()
      }
    }
  }

  /// Turns one component of a name into a file name that stays inside its folder, leaves room for the endings, and can
  /// be copied to file systems of other operating systems.
  ///
  /// - Parameter isTaken: whether the name itself is not available.
  static func component(_ name: String, isTaken: Bool = false) -> String {
    if name.allSatisfy({ $0 == "." }) { return String(repeating: "_", count: max(1, name.count)) }
    var safe = String(String.UnicodeScalarView(name.unicodeScalars.map { isPortable($0) ? $0 : "_" }))
    if let last = safe.unicodeScalars.last, last == "." || last == " " {
      safe.unicodeScalars.removeLast()
      safe += "_"
    }
    // Windows reserves these names for devices, with any ending.
    if isDevice(safe) { safe = "_" + safe }
    // Compares bytes: the two Unicode forms of an accented letter are two names.
    guard isTaken || !safe.utf8.elementsEqual(name.utf8) || safe.utf8.count > longest else { return safe }
    // The digest distinguishes names that differ only in characters that were replaced or removed.
    while safe.utf8.count > longest - 17 { safe.unicodeScalars.removeLast() }
    return safe + "~" + Digest.of(name).prefix(8).hexadecimal
  }

  /// Whether Windows treats a name as a device: `con`, `com1.tif`. It uses no regular expression, which would be
  /// compiled anew for every name.
  private static func isDevice(_ name: String) -> Bool {
    let stem = name.utf8.prefix { $0 != UInt8(ascii: ".") }.reversed().drop { $0 == UInt8(ascii: " ") }.reversed()
    let word = String(decoding: stem, as: UTF8.self).lowercased()
    if ["con", "prn", "aux", "nul"].contains(word) { return true }
    guard word.utf8.count == 4, let last = word.utf8.last else { return false }
    return (word.hasPrefix("com") || word.hasPrefix("lpt")) && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(last)
  }

  /// Whether every file system allows the character in a name.
  private static func isPortable(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value >= 0x20 && scalar != "\u{7F}" && !"/\\:*?\"<>|".unicodeScalars.contains(scalar)
  }

  /// The most bytes in a component: 255 less `.reconstruction-99.png` and the characters that an atomic writer adds.
  private static let longest = 215

  /// The script with the levels of a heatmap for the pages; see `HeatLevels.values`.
  func values(ofScan scan: String, inCase name: String) -> String {
    "\(folder(ofCase: name))/\(Self.component(scan)).values.js"
  }

  /// The Deep Zoom description of a slide or of its heat. Its tiles are beside it, in a folder with the same name that
  /// ends in `_files`.
  package func tiles(_ layer: TileLayer, ofScan scan: String, inCase name: String) -> String {
    "\(folder(ofCase: name))/\(Self.component(scan)).\(layer.rawValue).dzi"
  }

  /// The script that tells the pages which tiles exist.
  func tilePresence(ofScan scan: String, inCase name: String) -> String {
    "\(folder(ofCase: name))/\(Self.component(scan)).tiles.js"
  }

  static func isTileFolder(_ name: String) -> Bool {
    TileLayer.allCases.contains { name.hasSuffix(".\($0.rawValue)_files") }
  }

  /// Whether a file in a case's folder has a name that norma gives to heatmaps, pictures and tiles.
  static func isScanFile(_ name: String) -> Bool {
    name.hasSuffix(".heatmap.tif") || name.hasSuffix(".residual.tif") || name.hasSuffix(".values.js")
      || name.hasSuffix(".tiles.js") || name.hasSuffix(".original.png")
      || TileLayer.allCases.contains { name.hasSuffix(".\($0.rawValue).dzi") } || isTileFolder(name)
      || PictureName.always.contains { name.hasSuffix("." + $0.ending) }
      || isChannelPicture(name)
  }

  /// Whether the file is the picture of a channel, for example `s.scan-2.png` or `s.reconstruction-12.png`.
  private static func isChannelPicture(_ name: String) -> Bool {
    guard name.hasSuffix(".png"), let dash = name.utf8.lastIndex(of: UInt8(ascii: "-")) else { return false }
    let number = name.utf8[name.utf8.index(after: dash)...].dropLast(4)
    let before = name[..<dash]
    return !number.isEmpty && number.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      && (before.hasSuffix(".scan") || before.hasSuffix(".reconstruction"))
  }
}
