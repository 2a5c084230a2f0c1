import Files
import Foundation
import Testing

/// Counts of things in sentences go through `Count`, so that one of them is not "1 cases".
struct CountTests {
  @Test func `one thing is one, and any other number are many`() {
    #expect(Count.of(1, "case") == "1 case" && Count.of(0, "case") == "0 cases" && Count.of(2, "case") == "2 cases")
    #expect(Count.of(1, "study is", "studies are") == "1 study is")
    #expect(Count.of(21, "study is", "studies are") == "21 studies are")
  }

  private static let nouns = [
    "cases", "scans", "files", "channels", "pages", "regions", "shards", "patches", "steps", "levels", "models",
    "slides", "pictures", "masks", "threads", "processes", "features", "heatmaps", "faults", "reviews", "rows",
    "dimensions", "studies", "images", "tiles", "strips", "latents", "patients",
  ]

  @Test func `no sentence puts a number before a plural by itself`() throws {
    let noun = Self.nouns.joined(separator: "|")
    // An interpolation without a call, or `%d`, then perhaps one more word, then the plural.
    let plural = try Regex(#"(\\\((?!Count\.of)[^()]*(\([^()]*\)[^()]*)*\)|%d) ([a-z-]+ )?(\#(noun))\b"#)
    let byHand = try Regex(#"== 1 \? "( is| was| does|)" : "(s|es|s are|s were|s do)""#)
    let sources = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Sources").standardized
    let paths = try #require(FileManager.default.enumerator(atPath: sources.path)).compactMap { $0 as? String }
    var lines = 0
    for path in paths where path.hasSuffix(".swift") {
      let text = try String(contentsOf: sources.appending(path: path), encoding: .utf8)
      var before = ["", ""]
      for line in text.components(separatedBy: "\n") {
        defer { before = [before[1], line] }
        // Failed preconditions are for programmers.
        let context = before.joined() + line
        guard !context.contains("precondition"), !line.contains("///") else { continue }
        lines += 1
        #expect(line.firstMatch(of: plural) == nil, "\(path): \(line)")
        #expect(line.firstMatch(of: byHand) == nil, "\(path): \(line)")
      }
    }
    #expect(lines > 10_000)
    let scripts = paths.filter { $0.hasSuffix(".js") }
    #expect(scripts.count > 2)
    for path in scripts {
      let text = try String(contentsOf: sources.appending(path: path), encoding: .utf8)
      #expect(try text.firstMatch(of: Regex(#"[a-z)] \+ " (\#(noun))\b"#)) == nil, "\(path)")
    }
    for bad in [#""\(n) cases""#, #""\(a.count { $0 > 1 }) new scans""#, "%d steps"] {
      #expect(bad.firstMatch(of: plural) != nil, "\(bad)")
    }
    #expect(#""\(Count.of(n, "case"))""#.firstMatch(of: plural) == nil)
    #expect(#"case\(n == 1 ? "" : "s")"#.firstMatch(of: byHand) != nil)
  }
}
