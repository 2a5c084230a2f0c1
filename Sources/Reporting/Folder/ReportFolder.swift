import Foundation

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

  package init(_ path: String, shard: Shard? = nil) {
    self.path = path
    self.shard = shard
  }

  package var index: String { "\(indexFolder)/\(Self.indexName)" }

  /// What only one process writes to at a time. Heatmaps and pages lie elsewhere: cases belong to one shard each.
  var indexFolder: String { shard.map { file(Self.folder(of: $0)) } ?? path }

  package static let indexName = "cases.sqlite"
  static let studyPage = "index.html"
  static let style = "assets/style.css"
  static let script = "assets/script.js"

  /// A path inside the report as a path of the file system.
  package func file(_ relative: String) -> String { "\(path)/\(relative)" }

  package func folder(ofCase name: String) -> String {
    let parts = name.split(separator: "/").map { Self.component(String($0)) }
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
    let up = String(repeating: "../", count: page.split(separator: "/").count - 1)
    return up + target.split(separator: "/").map { escaped(String($0)) }.joined(separator: "/")
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

  /// A part of a name as a file name that stays inside its folder and leaves room for the endings.
  static func component(_ name: String) -> String {
    if name.allSatisfy({ $0 == "." }) { return String(repeating: "_", count: max(1, name.count)) }
    let safe = String(name.unicodeScalars.map { $0 == "/" || $0 == "\0" ? "_" : Character($0) })
    guard safe.utf8.count > longest else { return safe }
    // File systems stop at 255 bytes; the digest keeps two long names apart that begin alike.
    var kept = safe
    while kept.utf8.count > longest - 17 { kept.removeLast() }
    let digest = safe.utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    return kept + "~" + String(digest, radix: 16)
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
      || name.contains(/\.(scan|reconstruction)-[0-9]+\.png$/)
  }
}

/// What a slide has tiles of.
package enum TileLayer: String, Sendable, CaseIterable {
  case scan, heatmap

  /// The ending of its tiles.
  var format: String { self == .scan ? "jpg" : "png" }
}

/// The pictures written beside a heatmap.
package enum PictureName: Sendable, Hashable {
  case scan, reconstruction, residual, heatmap, thumbnail
  /// Of scans that are shown in color.
  case original
  /// One channel, one-based, where the channels are shown apart.
  case channel(Int)
  case reconstructedChannel(Int)

  /// The pictures every scan gets.
  static let always: [PictureName] = [.scan, .reconstruction, .residual, .heatmap, .thumbnail]

  var ending: String {
    switch self {
    case .scan: "scan.png"
    case .original: "original.png"
    case .reconstruction: "reconstruction.png"
    case .residual: "residual.png"
    case .heatmap: "heatmap.png"
    case .thumbnail: "thumbnail.png"
    case .channel(let number): "scan-\(number).png"
    case .reconstructedChannel(let number): "reconstruction-\(number).png"
    }
  }
}
