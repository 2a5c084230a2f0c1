import ArgumentParser
import Foundation
import Imaging

struct MemorySoak: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "memory", abstract: "Analyze what is large with a limit on memory and without, and compare.",
    discussion: """
      A slide, one large scan and a case of many: all have to be finished within the limit, those that are held whole \
      either way with the same bits.
      """)

  @Option(help: "Pixels of the slide, in thousands of millions.")
  var gigapixels = 1.0

  @Option(help: "Scans of the case of many, 1024 pixels wide and high.")
  var scans = 64

  @Option(help: "Megabytes to get by with.")
  var limit = 1000

  @Option(help: "Folder to work in, which is kept; by default a temporary one.")
  var folder: String?

  private static let largeEdge = 3500

  func validate() throws {
    guard gigapixels > 0.02, gigapixels < 60, scans > 0 else {
      throw ValidationError(
        "--gigapixels is \(gigapixels), --scans \(scans); from 0.02 to 60 and 1 or more are expected.")
    }
  }

  func run() throws {
    let folder = self.folder ?? NSTemporaryDirectory() + "norma-soak-\(ProcessInfo.processInfo.processIdentifier)"
    defer { if self.folder == nil { try? FileManager.default.removeItem(atPath: folder) } }
    let study = try SmallStudy(in: folder)
    // A grid smaller than the scans, as most have it: only then does reading twice save anything.
    try study.train("--reduction", "2")
    let edge = Int((gigapixels * 1e9).squareRoot())
    try study.writeMosaic(edge: edge, to: "\(folder)/large/slide/a.tif")
    try study.writeMosaic(edge: Self.largeEdge, to: "\(folder)/large/scan/a.tif")
    for k in 0..<scans { try study.writeMosaic(edge: 1024, shift: k, to: "\(folder)/large/many/case/\(k).tif") }

    var findings = Findings()
    findings.tell(
      "study", "a slide of \(edge) x \(edge), a scan of \(Self.largeEdge) x \(Self.largeEdge), \(scans) of 1024 x 1024")
    var reports: [ReportFiles] = []
    for (name, options) in [("without a limit", []), ("limit \(limit) MB", ["--memory-limit", "\(limit)MB"])] {
      var worst = 0.0
      for item in ["slide", "scan", "many"] {
        let report = "\(folder)/report-\(reports.count)-\(item)"
        let result = try Norma.succeed(
          ["analyze", "\(folder)/large/\(item)", "--model", study.model, "--output", report, "--score", "residual"]
            + options)
        findings.tell(name, String(format: "%@: %.0f MB, %.1f s", item, result.peakBytes / 1e6, result.seconds))
        worst = max(worst, result.peakBytes)
        if item == "many" { reports.append(try ReportFiles(of: report)) }
      }
      if !options.isEmpty {
        findings.check("peak", worst < Double(limit) * 1e6, String(format: "%.0f MB of %d", worst / 1e6, limit))
      }
    }
    findings.check("case of many", reports[0] == reports[1], reports[0] == reports[1] ? "the same bits" : "other bits")
    try findings.end()
  }
}
