import Foundation
import Imaging
import Testing

/// Scans that take more memory than they are given, analyzed by the built program.
@Suite struct MemoryLimitTests {
  private final class Large: Sendable {
    let folder: TemporaryFolder
    static let shared = Result { try Large() }
    static let edge = 3000

    private init() throws {
      folder = try TemporaryFolder()
      for k in 0..<4 { try folder.writeScan("healthy/case\(k).tif") }
      for k in 0..<40 { try folder.writeScan("many/case/\(k).tif", size: 600) }
      try folder.writeScan("large/case/a.tif", size: Self.edge)
      let trained = try Program.run(
        "train", "healthy", "--output", "m.safetensors", "--epochs", "2", "--held-out", "0.5", "--score-share", "0",
        "--reduction", "2", in: folder)
      try #require(trained.status == 0, "\(trained.errors)")
    }

    /// - Returns: the largest resident size, in bytes.
    func analyze(_ study: String, to report: String, _ options: [String]) throws -> Double {
      let running = try Program.start(
        ["analyze", study, "--model", "m.safetensors", "--score", "residual", "--output", report] + options, in: folder)
      var peak = 0.0
      _ = running.wait {
        // The largest so far: what is missed is the last moment alone.
        let status = try? String(contentsOfFile: "/proc/\(running.identifier)/status", encoding: .utf8)
        peak = status?.firstMatch(of: /VmHWM:\s+([0-9]+) kB/).flatMap { Double($0.1) } ?? peak
        return false
      }
      let result = try running.wait()
      try #require(result.status == 0, "\(result.errors)")
      return peak * 1024
    }
  }

  static let limit = 256e6

  @Test func `a case of many scans is read twice where it does not fit, with the same bits`() throws {
    let large = try Large.shared.get()
    let whole = try large.analyze("many", to: "whole", [])
    let limited = try large.analyze("many", to: "limited", ["--memory-limit", "256MB"])
    #expect(limited < Self.limit && limited < whole, "\(limited) of \(whole) bytes")
    // The cases' own rows tell from how many pixels on a scan is a slide.
    let (a, b) = (
      try ReportContents(of: large.folder.file("limited")), try ReportContents(of: large.folder.file("whole"))
    )
    #expect(a.files == b.files && a.files.count > 40)
    #expect(a.rows["scans"] == b.rows["scans"] && a.rows["regions"] == b.rows["regions"])
  }

  @Test func `a scan that does not fit is read piece by piece`() throws {
    let large = try Large.shared.get()
    let whole = try large.analyze("large", to: "whole-scan", [])
    let limited = try large.analyze("large", to: "limited-scan", ["--memory-limit", "256MB"])
    #expect(limited < Self.limit && Self.limit < whole, "\(limited) of \(whole) bytes")
    let map = try TIFFFile(path: large.folder.file("limited-scan/cases/case/a.heatmap.tif"))
    #expect(map.pages[0].width == Large.edge / 2 && map.pages[0].height == Large.edge / 2)
  }

  @Test func `a training that does not fit is refused before it begins`() throws {
    let large = try Large.shared.get()
    for k in 0..<8 {
      try FileManager.default.createSymbolicLink(
        atPath: large.folder.file("healthy-large-\(k).tif"), withDestinationPath: large.folder.file("large/case/a.tif"))
    }
    let result = try Program.run(
      "train", ".", "--output", "n.safetensors", "--memory-limit", "256MB", in: large.folder)
    #expect(result.status == 1)
    #expect(
      result.errors.contains(" MB as they are read, more than --memory-limit leaves room for. Raise the limit, or "))
  }

  @Test(
    arguments: [
      ("lots", "--memory-limit is 'lots'; a number with its unit, such as 1GB, 800MB or 2GiB, is expected."),
      ("1e9", "--memory-limit is '1e9'; a number with its unit, such as 1GB, 800MB or 2GiB, is expected."),
      ("0GB", "--memory-limit is '0GB'; a number with its unit, such as 1GB, 800MB or 2GiB, is expected."),
      (
        "100 MB",
        "--memory-limit is 100 MB; 256MB or more is expected, since networks and their buffers alone take half of that."
      ),
    ])
  func `a limit that makes no sense is refused, and it is said what is expected`(size: String, sentence: String) throws
  {
    for command in [["train", "s", "--output", "o"], ["analyze", "s", "--model", "m"]] {
      let result = try Program.run(command + ["--memory-limit", size], in: try TemporaryFolder())
      #expect(result.status == 2)
      #expect(result.errors.hasPrefix("Error: \(sentence)\n"), "\(result.errors)")
    }
  }
}
