import Files
import Foundation
import Imaging
import Reporting
import Testing

/// A study whose cases and scans have the worst names that a Linux file system takes, analyzed by the built program.
private final class HostileStudy: Sendable {
  static let shared = Result { try HostileStudy() }

  let folder: TemporaryFolder
  let analyze: Program.Result
  /// Files that end like scans, links to nowhere among them.
  let given: Int

  static let caseNames = [
    "plain", "it's \"quoted\"", "new\nline", "CR\r\nLF", "tab\there", "<script>alert(1)<", "a&b;", "100%25",
    "q?x=1#frag", "Case", "case", "CASE", "CON", "nul.txt", "dot.", "space ", " lead", "\u{E9}", "e\u{301}",
    "\u{301}accent first",
    "rtl\u{202E}cba", "back\\slash", "col:on", "a*", "a?", "-dash", "$(touch owned)", "'; DROP TABLE cases; --",
    "\u{1B}[31mred\u{7}", String(repeating: "x", count: 255), String(repeating: "\u{E9}", count: 127),
    String(repeating: "\u{1F9E0}", count: 63),
  ]
  /// Names that those of norma's files in a case's folder would collide with.
  private static let nested = ["case/slice.heatmap.tif", "case/index.html", "case/slice.scan_files", "case/INDEX.HTML"]
  private static let scanNames = [
    "A", "a", "s-p001", "a?", "a*", "CON", "\u{E9}", "e\u{301}", "\u{301}x", "n\nl", "dot.", "q\"", "%41", "index",
    "a.heatmap", String(repeating: "y", count: 251),
  ]

  private init() throws {
    folder = try TemporaryFolder()
    for k in 0..<4 { try folder.writeScan("healthy/case\(k)/slice.tif") }
    try folder.writeScan("scan.tif")
    let scan = try Data(contentsOf: URL(fileURLWithPath: folder.file("scan.tif")))
    let study = folder.file("patients")
    try FileManager.default.createDirectory(atPath: study, withIntermediateDirectories: true)
    var given = 0
    func add(_ parts: [[UInt8]], _ data: Data = scan) throws {
      try Self.write(data, to: Array(study.utf8), parts)
      given += 1
    }
    for name in Self.caseNames + Self.nested {
      try add(name.split(separator: "/").map { Array($0.utf8) } + [Array("slice.tif".utf8)])
    }
    for name in Self.scanNames { try add([Array("many".utf8), Array("\(name).tif".utf8)]) }
    let stack = try JSONEncoder().encode([0])  // no TIFF file
    try add([Array("many".utf8), Array("s.tif".utf8)], stack)
    // Latin-1, a sequence cut short, and the text that stands for such a byte.
    for name in [[0xE9], [0x61, 0xC3], Array("\\xE9".utf8)] as [[UInt8]] {
      try add([Array("bytes".utf8), name + Array(".tif".utf8)])
    }
    try add([[0xFF, 0xFE], Array("slice.tif".utf8)])
    for name in ["top.tif", "TOP.tif"] { try add([Array(name.utf8)]) }
    mkfifo(study + "/pipe.tif", 0o644)
    symlink("/dev/zero", study + "/endless.tif")
    symlink("gone", study + "/gone.tif")
    symlink("round.tif", study + "/round.tif")
    given += 4
    self.given = given
    for (link, target) in [("up", ".."), ("root", "/"), ("again", "plain"), ("nowhere", "gone"), ("self", "self")] {
      symlink(target, study + "/" + link)
    }
    let train = try Program.run(
      "train", "healthy", "--output", "m.safetensors", "--epochs", "2", "--held-out", "0.5", in: folder)
    guard train.status == 0 else { throw LongBatch.Failure(text: train.errors) }
    analyze = try Program.run("analyze", "patients", "--model", "m.safetensors", "--output", "report", in: folder)
  }

  /// Through the system alone: Foundation changes names that are no UTF-8.
  private static func write(_ data: Data, to root: [UInt8], _ parts: [[UInt8]]) throws {
    var path = root
    for part in parts.dropLast() {
      path += [UInt8(ascii: "/")] + part
      mkdir(path.map { CChar(bitPattern: $0) } + [0], 0o755)
    }
    path += [UInt8(ascii: "/")] + parts.last!
    let file = open(path.map { CChar(bitPattern: $0) } + [0], O_WRONLY | O_CREAT | O_EXCL, 0o644)
    guard file >= 0 else { throw LongBatch.Failure(text: String(cString: strerror(errno))) }
    try FileHandle(fileDescriptor: file, closeOnDealloc: true).write(contentsOf: data)
  }
}

struct HostileNameTests {
  private let study: HostileStudy
  private var folder: TemporaryFolder { study.folder }
  private var report: String { folder.file("report") }

  init() throws { study = try HostileStudy.shared.get() }

  private func rows(_ arguments: String...) throws -> [[String: Any]] {
    let result = try Program.run(["cases", "report", "--format", "json"] + arguments, in: folder)
    #expect(result.status == 0, "\(result.errors)")
    return try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [[String: Any]])
  }

  @Test func `every file is scored or fails, and what is left out is told of`() throws {
    #expect(study.analyze.status == 1, "\(study.analyze.errors)")
    let counts = try rows("--columns", "name,scan_count,failed_scan_count")
    let scans = counts.reduce(0) { $0 + ($1["scan_count"] as? Int ?? 0) }
    let failed = counts.reduce(0) { $0 + ($1["failed_scan_count"] as? Int ?? 0) }
    #expect(scans == study.given)
    #expect(failed == 8)  // three names that are no text, a text file, a pipe, a device and two links to nowhere
    for sentence in [
      "patients/up: it leads to a folder that is read already or that this one lies in. It is left out.",
      "patients/root: it leads to a folder that is read already or that this one lies in. It is left out.",
      "patients/again: it leads to a folder that is read already or that this one lies in. It is left out.",
      "patients/nowhere: a link that leads nowhere. It is left out.",
      "patients/self: a link that leads nowhere. It is left out.",
      "failed: patients/\\xFF\\xFE/slice.tif: its path is not UTF-8, bytes of other encodings stand as \\x. Rename it.",
      "failed: patients/pipe.tif: this is a folder or a device, not a file. Give the path of a TIFF file.",
    ] { #expect(study.analyze.errors.contains(sentence + "\n"), "\(sentence)") }
  }

  @Test func `nothing is written beside the report`() throws {
    let beside = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(
      beside.filter { !$0.hasPrefix("export") } == ["healthy", "m.safetensors", "patients", "report", "scan.tif"])
    let inside = try FileManager.default.contentsOfDirectory(atPath: report).sorted()
    #expect(inside == ["assets", "cases", "cases.sqlite", "index.html", "ro-crate-metadata.json"])
  }

  @Test func `no two cases share a folder, even where letter case does not count`() throws {
    let pages = try rows("--columns", "name,report_path").compactMap { $0["report_path"] as? String }
    #expect(pages.count > HostileStudy.caseNames.count)
    #expect(Set(pages.map { $0.uppercased().lowercased() }).count == pages.count)
    for page in pages { #expect(FileManager.default.fileExists(atPath: folder.file("report/" + page)), "\(page)") }
  }

  /// Names that Windows would not take, nor a stick or a share of its.
  @Test func `a report can be copied to other file systems`() throws {
    for file in try FolderWalk(of: report).files {
      #expect(file.isText)
      for part in FilePath.parts(of: file.path) {
        let isForeign = part.unicodeScalars.contains { $0.value < 32 || "\\:*?\"<>|".unicodeScalars.contains($0) }
        #expect(!isForeign && part.utf8.count <= 240, "\(part)")
        #expect(!part.hasSuffix(".") && !part.hasSuffix(" "), "\(part)")
        #expect(part.lowercased().wholeMatch(of: /(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?/) == nil, "\(part)")
      }
    }
  }

  @Test func `cases are found by their names`() throws {
    for name in HostileStudy.caseNames {
      let quoted = name.replacingOccurrences(of: "'", with: "''")
      let found = try rows("--where", "name = '\(quoted)'").compactMap { $0["name"] as? String }
      // Of two ways to write an accent one is told apart by a number.
      #expect(found.contains { $0.utf8.elementsEqual(name.utf8) } || name == "\u{E9}", "\(name)")
    }
  }

  /// By hand, since Foundation takes a link with a strange name for none.
  private func decoded(_ link: Substring) -> [UInt8]? {
    var bytes: [UInt8] = []
    var rest = link.utf8[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let value = UInt8(String(Substring(rest.prefix(2))), radix: 16) else { return nil }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return bytes
  }

  @Test func `every link of every page leads to a file of the report`() throws {
    var links = 0
    let names = /(href|src|data-values|data-tiles|data-heat-tiles|data-tile-presence)="([^"]*)"/
    for page in try FolderWalk(of: report).files where FilePath.ending(of: page.path) == "html" {
      let data = try #require(FileManager.default.contents(atPath: folder.file("report/" + page.path)))
      let text = String(decoding: data, as: UTF8.self)
      // A browser takes a script for one wherever it stands.
      #expect(!text.contains("<script>"), "\(page.path)")
      for match in text.matches(of: names) {
        let link = match.2
        links += 1
        if link.hasPrefix("#") {
          #expect(text.contains("id=\"\(link.dropFirst())\""), "\(page.path): \(link)")
          continue
        }
        let target = link.prefix { $0 != "#" && $0 != "?" }
        let path = try #require(decoded(target), "\(link)")
        let place = Array((folder.file("report/") + FilePath.folder(of: page.path) + "/").utf8) + path
        #expect(access(place.map { CChar(bitPattern: $0) } + [0], F_OK) == 0, "\(page.path): \(link)")
      }
    }
    #expect(links > 500)
  }

  @Test func `verify finds nothing amiss, and nothing is computed twice`() throws {
    let verified = try Program.run("verify", "report", in: folder)
    #expect(verified.status == 0, "\(verified.output)")
    let integrity = try ReportContents.integrity(of: report)
    #expect(integrity == ["ok"])
    let again = try Program.run("analyze", "patients", "--model", "m.safetensors", "--output", "report", in: folder)
    let whole = try rows().filter { $0["failed_scan_count"] as? Int ?? 0 == 0 }
    let clean = try rows("--where", "failed_scans = 0").count
    #expect(whole.count >= clean)
    #expect(again.output.contains("\(clean) unchanged since the last run"), "\(again.output)")
  }

  @Test(arguments: [("geojson", ".geojson"), ("mask", ".mask.tif")])
  func `every scored scan is exported to a file of its own`(format: String, ending: String) throws {
    let result = try Program.run("export", "report", "--format", format, "--output", "export-\(format)", in: folder)
    #expect(result.status == 0, "\(result.errors)")
    let files = try FolderWalk(of: folder.file("export-\(format)")).files.filter { $0.path.hasSuffix(ending) }
    #expect(files.count == study.given - 8)
  }

  @Test func `a review is brought to the case it names`() throws {
    let name = "'; DROP TABLE cases; --"
    let entry: [String: Any] = [
      "case": name, "verdict": "agree", "note": "</script>", "reviewed_at": "2026-11-25T22:00:00Z",
    ]
    let file: [String: Any] = ["norma": "review 1", "model_sha256": "", "study": "", "reviews": [entry]]
    try folder.write(try JSONSerialization.data(withJSONObject: file), to: "export-reviews.json")
    let result = try Program.run("review", "import", "report", "export-reviews.json", in: folder)
    #expect(result.status == 0, "\(result.errors)")
    #expect(try rows("--reviewed").compactMap { $0["name"] as? String } == [name])
  }
}
