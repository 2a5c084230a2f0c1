import Anomaly
import Files
import Foundation
import Imaging
import Reporting
import Testing

struct ReportTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  static let hostileNames = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "it's", "line\nbreak", "🧠 brain 👩‍⚕️",
    String(repeating: "long", count: 50), "../../outside", "{{verdict}}", "a&amp;b", "\"\u{301} onload=x",
    "\u{202E}gnp.exe", "-dash", "100%25 #1?",
  ]

  @Test func `a report holds every file the contract names`() throws {
    var report = try SampleStudy.report(in: folder)
    try SampleStudy.write(SampleStudy.result("a/b", [SampleStudy.scan("s-p001", page: 1)]), to: report)
    try report.finish(report.context)
    let files = [
      "index.html", "cases.sqlite", "assets/style.css", "assets/script.js", "cases/a/b/index.html",
      "cases/a/b/s-p001.heatmap.tif", "cases/a/b/s-p001.scan.png", "cases/a/b/s-p001.reconstruction.png",
      "cases/a/b/s-p001.residual.png", "cases/a/b/s-p001.heatmap.png", "cases/a/b/s-p001.values.js",
      "cases/a/b/s-p001.thumbnail.png",
    ]
    for file in files {
      #expect(FileManager.default.fileExists(atPath: report.folder.file(file)), "\(file)")
    }
    let heatmap = try TIFFFile(path: report.folder.file("cases/a/b/s-p001.heatmap.tif")).image()
    #expect(heatmap.samples == SampleStudy.layers().heatmap.values)
    #expect([heatmap.width, heatmap.height, heatmap.channels].elementsEqual([32, 24, 1]))
  }

  @Test(arguments: hostileNames)
  func `no name is taken for markup, a path or a template`(name: String) throws {
    var report = try SampleStudy.report(in: folder, context: SampleStudy.context(title: name, warnings: [name]))
    let scans = [SampleStudy.scan(name), SampleStudy.scan("second"), SampleStudy.failedScan("x", "\(name): broken.")]
    try SampleStudy.write(SampleStudy.result(name, scans), to: report)
    try report.finish(report.context)
    let row = try #require(try report.index.case(named: name))
    let study = try SampleStudy.text(report, "index.html")
    let page = try SampleStudy.text(report, row.reportPath)
    let escaped = name.unicodeScalars.reduce(into: "") { text, scalar in
      let entities: [Unicode.Scalar: String] = ["<": "&lt;", ">": "&gt;", "&": "&amp;", "\"": "&quot;", "'": "&#39;"]
      text += entities[scalar] ?? String(scalar)
    }
    for html in [study, page] {
      #expect(contains(html, ">\(escaped)<"))
      if escaped != name { #expect(!contains(html, name)) }
      #expect(!html.contains("http://") && !html.contains("https://"))
    }
    for link in study.matches(of: /(?:href|src)="([^"#]+)"/).map({ String($0.1) }) {
      let file = try #require(link.removingPercentEncoding)
      #expect(FileManager.default.fileExists(atPath: report.folder.file(file)), "\(link)")
    }
    let base = (row.reportPath as NSString).deletingLastPathComponent
    for link in page.matches(of: /(?:href|src)="([^"#]+)"/).map({ String($0.1) }) {
      let file = try #require(link.removingPercentEncoding)
      #expect(FileManager.default.fileExists(atPath: report.folder.file("\(base)/\(file)")), "\(link)")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["report"])
  }

  /// By scalars: `String.contains` goes by characters and misses a quote that carries an accent.
  private func contains(_ text: String, _ part: String) -> Bool {
    Data(text.utf8).range(of: Data(part.utf8)) != nil
  }

  @Test func `the study page gives the verdict in words, then failures and warnings`() throws {
    var report = try SampleStudy.report(in: folder, context: SampleStudy.context(warnings: ["The model collapsed."]))
    let flagged = [SampleStudy.scan("1"), SampleStudy.scan("2", score: 1, pValue: 0.5)]
    try SampleStudy.write(SampleStudy.result("severe", flagged), to: report)
    try SampleStudy.write(
      SampleStudy.result("calm", [SampleStudy.scan("1", score: 1, pValue: 0.5, regions: [])], flagged: false),
      to: report)
    try SampleStudy.write(SampleStudy.result("broken", [SampleStudy.failedScan("1")]), to: report)
    try report.finish(report.context)
    let page = try SampleStudy.text(report, "index.html")
    let order = [
      "<h1>Not examined: 1 of 4 scans (1 failed) and 1 of 3 cases. Of the others: 1 of 3 scans flagged in 1 of 2 cases at "
        + "a false-positive rate of 5 %</h1>",
      "At this rate about one healthy case in 20 is flagged by chance. p-values of cases come from 5 healthy cases.",
      "The model collapsed.", "1 scan could not be scored", "scan.tif: no TIFF file. Export it again.",
      "Flagged: none of 5 healthy cases scores as high", "0.50 mm², peak z 7.2",
      "Not flagged: 3 of 5 healthy cases score as high", "Not examined: could not be scored",
      "norma analyze &quot;a study&quot;",
    ]
    var rest = Substring(page)
    for sentence in order {
      let found = try #require(rest.range(of: sentence), "\(sentence)")
      rest = rest[found.upperBound...]
    }
    #expect(page.components(separatedBy: "For research use; not a diagnosis").count == 3)
  }

  @Test func `a scan that would be flagged by itself, in a case that is not, says what its case is judged by`() throws {
    let report = try SampleStudy.report(in: folder)
    let scans = [SampleStudy.scan("1", pValue: 0.019, regions: []), SampleStudy.scan("2", pValue: 0.6, regions: [])]
    try SampleStudy.write(SampleStudy.result("a", scans, flagged: false), to: report)
    let page = try SampleStudy.text(report, "cases/a/index.html")
    #expect(
      page.contains(
        "Not flagged: p 0.019 among healthy scans; few healthy scans score as high, but its case is judged by the "
          + "highest of its scans"))
  }

  @Test func `a case page names pixel size, regions and failures`() throws {
    let report = try SampleStudy.report(in: folder)
    let scans = [
      SampleStudy.scan("known"), SampleStudy.scan("unknown", score: 2, pValue: 0.3, pixelSize: nil, regions: []),
      SampleStudy.failedScan("broken"),
    ]
    try SampleStudy.write(SampleStudy.result("a", scans), to: report)
    let page = try SampleStudy.text(report, "cases/a/index.html")
    for sentence in [
      "Flagged, with 1 of 3 scans failed and not looked at: none of 5 healthy cases scores as high",
      "Flagged: p 0.010 among healthy scans.", "32 × 24 px, 144 µm per pixel.",
      "32 × 24 px, pixel size unknown.", "1 region above the threshold", "No region above the threshold",
      "x 10–15, y 12–16", "0.50 mm²", "scan.tif: no TIFF file. Export it again.", "aria-label=\"Scale bar: 1 mm\"",
      "<a href=\"#scan-2\">known</a>", "For research use; not a diagnosis",
    ] {
      #expect(page.contains(sentence), "\(sentence)")
    }
    #expect(page.components(separatedBy: "class=\"ruler\"").count == 3)
  }

  @Test func `a finished, unchanged case is current; anything else is not`() throws {
    let report = try SampleStudy.report(in: folder)
    let scans = [SampleStudy.scan("1"), SampleStudy.scan("2")]
    try SampleStudy.write(SampleStudy.result("a", scans), to: report)
    try SampleStudy.write(SampleStudy.result("b", [scans[0], SampleStudy.failedScan("2")]), to: report)
    let digests = ["case/1.tif": "digest of 1", "case/2.tif": "digest of 2"]
    #expect(try report.isCurrent(caseNamed: "a", digests: digests))
    #expect(try report.finishedScans(ofCase: "a").map(\.name) == scans.map(\.name))
    #expect(try !report.isCurrent(caseNamed: "a", digests: ["case/1.tif": "digest of 1", "case/2.tif": "other"]))
    #expect(try !report.isCurrent(caseNamed: "a", digests: ["case/1.tif": "digest of 1"]))
    #expect(try !report.isCurrent(caseNamed: "b", digests: digests))
    #expect(try !report.isCurrent(caseNamed: "never seen", digests: digests))

    var moved = SampleStudy.context()
    moved.threshold = 4
    #expect(try !SampleStudy.report(in: folder, context: moved).isCurrent(caseNamed: "a", digests: digests))

    try FileManager.default.removeItem(atPath: report.folder.file("cases/a/2.heatmap.tif"))
    #expect(try !report.isCurrent(caseNamed: "a", digests: digests))
    #expect(try report.finishedScans(ofCase: "a").map(\.name) == [scans[0].name])
  }

  @Test func `files of a scan that left its case are removed, others stay`() throws {
    let report = try SampleStudy.report(in: folder)
    try SampleStudy.write(SampleStudy.result("a", [SampleStudy.scan("1"), SampleStudy.scan("2")]), to: report)
    try Data("mine".utf8).write(to: URL(filePath: report.folder.file("cases/a/notes.txt")))
    try SampleStudy.write(SampleStudy.result("a", [SampleStudy.scan("1"), SampleStudy.failedScan("2")]), to: report)
    let files = try FileManager.default.contentsOfDirectory(atPath: report.folder.file("cases/a")).sorted()
    #expect(
      files == [
        "1.heatmap.png", "1.heatmap.tif", "1.reconstruction.png", "1.residual.png", "1.scan.png", "1.thumbnail.png",
        "1.values.js", "index.html", "notes.txt",
      ])
  }

  @Test func `the pages can be made again from the index and the heatmaps alone`() throws {
    var report = try SampleStudy.report(in: folder, context: SampleStudy.context(display: .channels))
    try SampleStudy.write(SampleStudy.result("a", [SampleStudy.scan("1", channels: 3)]), to: report)
    try report.finish(report.context)
    let files = [
      "index.html", "cases/a/index.html", "assets/style.css", "assets/script.js", "cases/a/1.heatmap.png",
      "cases/a/1.values.js",
    ]
    func contents() throws -> [Data] { try files.map { try Data(contentsOf: URL(filePath: report.folder.file($0))) } }
    let before = try contents()
    for file in files { try FileManager.default.removeItem(atPath: report.folder.file(file)) }
    #expect(try Report.rebuild(in: report.folder.path) == Report.Rebuilt(pages: 2, drawn: 1, missing: []))
    #expect(try contents() == before)
    #expect(try Report.rebuild(in: report.folder.path) == Report.Rebuilt(pages: 2, drawn: 0, missing: []))
  }

  @Test func `what cannot be made again is named, and the rest is made`() throws {
    var report = try SampleStudy.report(in: folder)
    try SampleStudy.write(SampleStudy.result("a", [SampleStudy.scan("1"), SampleStudy.scan("2")]), to: report)
    try report.finish(report.context)
    for file in ["1.scan.png", "1.thumbnail.png", "2.values.js", "2.heatmap.tif", "index.html"] {
      try FileManager.default.removeItem(atPath: report.folder.file("cases/a/\(file)"))
    }
    let rebuilt = try Report.rebuild(in: report.folder.path)
    #expect(rebuilt.pages == 2)
    try #require(rebuilt.missing.count == 2)
    #expect(
      rebuilt.missing[0]
        == report.folder.file("cases/a")
        + ": 1.scan.png, 1.thumbnail.png are not there, and cannot be drawn without the scan. Run norma analyze again.")
    #expect(rebuilt.missing[1].contains("2.heatmap.tif: "))
    #expect(FileManager.default.fileExists(atPath: report.folder.file("cases/a/index.html")))
  }

  @Test func `a report with the pictures of an older norma keeps its pages`() throws {
    var context = SampleStudy.context()
    context.pictures = nil
    var report = try SampleStudy.report(in: folder, context: context)
    try SampleStudy.write(SampleStudy.result("a", [SampleStudy.scan("1")]), to: report)
    try report.finish(report.context)
    #expect(
      throws: NormaError(
        subject: report.folder.path,
        found: "its pictures are those of an older norma, which these pages could not show",
        remedy: "Run norma analyze on this folder again")
    ) { try Report.rebuild(in: report.folder.path) }
  }

  @Test func `scans follow each other as their numbers do`() throws {
    let report = try SampleStudy.report(in: folder)
    try SampleStudy.write(
      SampleStudy.result("a", ["s_10", "s_9", "s_1"].map { SampleStudy.scan($0) }), to: report)
    let page = try SampleStudy.text(report, "cases/a/index.html")
    let names = page.matches(of: /<h2 id="scan-\d+-name">([^<]+)</).map { String($0.1) }
    #expect(names == ["s_1", "s_9", "s_10"])
  }

  @Test func `a case that cannot be written is not recorded`() throws {
    let report = try SampleStudy.report(in: folder)
    try Data().write(to: URL(filePath: report.folder.file("cases/a")))
    let path = report.folder.file("cases/a")
    #expect(
      throws: NormaError(
        subject: path, found: "a file, not a folder", remedy: "Choose another folder with --output or remove the file")
    ) { try report.finishCase(SampleStudy.result("a", [])) }
    #expect(try report.index.cases() == [])
  }
}
