import Crypto
import Files
import Foundation
import Imaging

/// Where every file of a report lies, and how one page links to another.
///
/// ```
/// NAME/index.html  cases.sqlite  assets/style.css  assets/script.js
/// NAME/shards/<K>-of-<N>/cases.sqlite
/// NAME/cases/<case>/index.html  <scan>.heatmap.tif  <scan>.residual.tif  <scan>.scan.png  <scan>.values.js ...
/// ```
/// Paths inside a report are relative to it and use `/`, so that a report can be moved, copied and zipped.
package struct ReportFolder: Sendable, Equatable {
  package let path: String
  /// Whose index this is; `nil` for the whole report's.
  package let shard: Shard?
  /// Folders of the cases whose folder is not named as the case is.
  private var folders: [String: String] = [:]

  package init(_ path: String, shard: Shard? = nil) {
    self.path = path
    self.shard = shard
  }

  /// The folder of a report that has cases.
  ///
  /// - Parameters:
  ///   - pages: of the cases in its index, which stay where they are.
  ///   - cases: that are to come. Each gets a folder of its own, also where letter case does not count.
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

  /// Whether a path from an index stays in the report.
  static func holds(_ relative: String) -> Bool {
    relative.utf8.starts(with: "cases/".utf8) && !relative.utf8.contains(0)
      && !FilePath.parts(of: relative).contains { $0 == ".." || $0 == "." }
  }

  package var index: String { "\(indexFolder)/\(Self.indexName)" }

  /// What only one process writes to at a time. Heatmaps and pages lie elsewhere: cases belong to one shard each.
  var indexFolder: String { shard.map { file(Self.folder(of: $0)) } ?? path }

  package static let indexName = "cases.sqlite"
  static let studyPage = "index.html"
  static let style = "assets/style.css"
  static let script = "assets/script.js"

  static let shards = "shards"

  /// Where a shard keeps its index, relative to the report.
  static func folder(of shard: Shard) -> String { "\(shards)/\(shard.number)-of-\(shard.count)" }

  /// The shards that have an index here, by their numbers.
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

  /// A path inside the report as a path of the file system.
  package func file(_ relative: String) -> String { "\(path)/\(relative)" }

  package func folder(ofCase name: String) -> String {
    if let folder = folders[name] { return folder }
    let parts = FilePath.parts(of: name).map { part in
      // Such a folder would be in the way of a file of the case it lies in.
      let isFile = Self.isScanFile(part.lowercased()) || part.lowercased() == Self.studyPage
      return Self.component(part, isTaken: isFile)
    }
    return "cases/" + (parts.isEmpty ? "_" : parts.joined(separator: "/"))
  }

  package func page(ofCase name: String) -> String { "\(folder(ofCase: name))/index.html" }

  package func heatmap(ofScan scan: String, inCase name: String) -> String {
    "\(folder(ofCase: name))/\(Self.component(scan)).heatmap.tif"
  }

  /// What the model could not reconstruct, calibrated like the heatmap; written where it is asked for.
  package func residual(ofScan scan: String, inCase name: String) -> String {
    "\(folder(ofCase: name))/\(Self.component(scan)).residual.tif"
  }

  package func picture(_ picture: PictureName, ofScan scan: String, inCase name: String) -> String {
    "\(folder(ofCase: name))/\(Self.component(scan)).\(picture.ending)"
  }

  /// A relative address of `target` as seen from `page`, both paths inside the report.
  package static func link(from page: String, to target: String) -> String {
    let up = String(repeating: "../", count: FilePath.parts(of: page).count - 1)
    return up + FilePath.parts(of: target).map(escaped).joined(separator: "/")
  }

  /// Percent escapes of everything but RFC 3986's unreserved characters.
  static func escaped(_ component: String) -> String {
    component.utf8.reduce(into: "") { text, byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        text.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        text += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }
  }

  /// A part of a name as a file name that stays inside its folder, leaves room for the endings, and can be copied to the
  /// file systems of other systems.
  ///
  /// - Parameter isTaken: whether the name itself cannot be had.
  static func component(_ name: String, isTaken: Bool = false) -> String {
    if name.allSatisfy({ $0 == "." }) { return String(repeating: "_", count: max(1, name.count)) }
    var safe = String(String.UnicodeScalarView(name.unicodeScalars.map { isPortable($0) ? $0 : "_" }))
    if let last = safe.unicodeScalars.last, last == "." || last == " " {
      safe.unicodeScalars.removeLast()
      safe += "_"
    }
    // Windows gives these to devices, whatever ending follows.
    if isDevice(safe) { safe = "_" + safe }
    // As bytes: two ways to write an accent are two names.
    guard isTaken || !safe.utf8.elementsEqual(name.utf8) || safe.utf8.count > longest else { return safe }
    // The digest keeps names apart that are told apart only by what had to go.
    while safe.utf8.count > longest - 17 { safe.unicodeScalars.removeLast() }
    let digest = SHA256.hash(data: Data(name.utf8)).prefix(8).map { String(format: "%02x", $0) }.joined()
    return safe + "~" + digest
  }

  /// Whether Windows takes a name for that of a device: `con`, `com1.tif`. Without a regular expression, which would be
  /// compiled anew for every name.
  private static func isDevice(_ name: String) -> Bool {
    let stem = name.utf8.prefix { $0 != UInt8(ascii: ".") }.reversed().drop { $0 == UInt8(ascii: " ") }.reversed()
    let word = String(decoding: stem, as: UTF8.self).lowercased()
    if ["con", "prn", "aux", "nul"].contains(word) { return true }
    guard word.utf8.count == 4, let last = word.utf8.last else { return false }
    return (word.hasPrefix("com") || word.hasPrefix("lpt")) && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(last)
  }

  /// Whether every file system takes it in a name.
  private static func isPortable(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value >= 0x20 && scalar != "\u{7F}" && !"/\\:*?\"<>|".unicodeScalars.contains(scalar)
  }

  /// 255 less `.reconstruction-99.png` and what an atomic writer adds to the name.
  private static let longest = 215

  /// The levels of a heatmap for the pages; see `ScanPictures.values`.
  func values(ofScan scan: String, inCase name: String) -> String {
    "\(folder(ofCase: name))/\(Self.component(scan)).values.js"
  }

  /// The Deep Zoom description of a slide or of its heat; its tiles lie beside it, in a folder of the same name that ends
  /// in `_files`.
  package func tiles(_ layer: TileLayer, ofScan scan: String, inCase name: String) -> String {
    "\(folder(ofCase: name))/\(Self.component(scan)).\(layer.rawValue).dzi"
  }

  /// Which tiles there are, for the pages.
  func tilePresence(ofScan scan: String, inCase name: String) -> String {
    "\(folder(ofCase: name))/\(Self.component(scan)).tiles.js"
  }

  static func isTileFolder(_ name: String) -> Bool {
    TileLayer.allCases.contains { name.hasSuffix(".\($0.rawValue)_files") }
  }

  /// Whether a file of a case's folder has a name that norma gives to heatmaps and pictures.
  static func isScanFile(_ name: String) -> Bool {
    name.hasSuffix(".heatmap.tif") || name.hasSuffix(".residual.tif") || name.hasSuffix(".values.js")
      || name.hasSuffix(".tiles.js") || name.hasSuffix(".original.png")
      || TileLayer.allCases.contains { name.hasSuffix(".\($0.rawValue).dzi") } || isTileFolder(name)
      || PictureName.always.contains { name.hasSuffix("." + $0.ending) }
      || isChannelPicture(name)
  }

  /// `s.scan-2.png`, `s.reconstruction-12.png`.
  private static func isChannelPicture(_ name: String) -> Bool {
    guard name.hasSuffix(".png"), let dash = name.utf8.lastIndex(of: UInt8(ascii: "-")) else { return false }
    let number = name.utf8[name.utf8.index(after: dash)...].dropLast(4)
    let before = name[..<dash]
    return !number.isEmpty && number.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      && (before.hasSuffix(".scan") || before.hasSuffix(".reconstruction"))
  }
}
