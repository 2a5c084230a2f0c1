import Anomaly
import Foundation
import Imaging
import Reporting

/// A folder for one test, removed with its last user.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appending(path: "norma-\(UUID().uuidString)").path()
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Small results with known values.
enum SampleStudy {
  static let model = String(repeating: "ab", count: 32)

  static func context(title: String = "sample", warnings: [String] = [], display: ScanDisplay = .color) -> StudyContext
  {
    StudyContext(
      title: title, scoring: "overlap 0.5", threshold: 3, falsePositiveRate: 0.05,
      calibrationScores: [0.5, 0.8, 1.1, 1.4, 2], scoreThreshold: 2.5, display: display, warnings: warnings,
      provenance: [.init("tool version", "1.0"), .init("command line", "norma analyze \"a study\"")])
  }

  static func report(in folder: TemporaryFolder, context: StudyContext = context()) throws -> Report {
    try Report(
      writingTo: folder.path + "/report", context: context, toolVersion: "1.0", modelSHA256: model, studyPath: "Study",
      cases: [])
  }

  static func region(rank: Int = 1, peak: Double = 7.25) -> Region {
    Region(
      rank: rank, x: 10, y: 12, width: 6, height: 5, areaPixels: 24, areaSquareMillimeters: 0.5, peak: peak, mean: 4.5,
      peakX: 10, peakY: 12)
  }

  static func scan(
    _ name: String, page: Int? = nil, score: Double = 4, pValue: Double = 0.01, channels: Int = 1,
    pixelSize: PixelSize? = PixelSize(x: 144, y: 144), regions: [Region] = [region()]
  ) -> ScanResult {
    ScanResult(
      name: name, path: "case/\(name).tif", page: page, sha256: "digest of \(name)",
      outcome: .done(
        .init(
          width: 32, height: 24, channels: channels, pixelSize: pixelSize, score: score, pValue: pValue,
          regions: regions)))
  }

  static func failedScan(_ name: String, _ reason: String = "scan.tif: no TIFF file. Export it again.") -> ScanResult {
    ScanResult(name: name, path: "case/\(name).tif", page: nil, sha256: nil, outcome: .failed(reason: reason))
  }

  static func emptyScan(_ name: String, _ reason: NothingToScore = .noTissue) -> ScanResult {
    ScanResult(
      name: name, path: "case/\(name).tif", page: nil, sha256: "digest of \(name)", outcome: .empty(reason))
  }

  static func result(_ name: String, _ scans: [ScanResult], flagged: Bool = true) -> CaseResult {
    let found = scans.compactMap { scan in
      if case .done(let findings) = scan.outcome { findings } else { nil }
    }
    return CaseResult(
      name: name, scans: scans, score: found.map(\.score).max().map { CaseScore(worstPlace: $0) },
      pValue: found.map(\.pValue).min(),
      flagged: flagged && !found.isEmpty)
  }

  /// A gray ramp with a hot rectangle at (10, 12) of 6 x 5 pixels.
  static func layers(
    width: Int = 32, height: Int = 24, channels: Int = 1, hot: Float = 7.25, background: Float = 0.5
  ) -> ScanLayers {
    var scan = Image(width: width, height: height, channels: channels)
    var heat = [Float](repeating: background, count: width * height)
    for y in 0..<height {
      for x in 0..<width {
        for channel in 0..<channels { scan[x, y, channel] = Float(x) / Float(width - 1) }
        if (10..<16).contains(x) && (12..<17).contains(y) { heat[y * width + x] = hot }
      }
    }
    return ScanLayers(
      scan: scan, reconstruction: scan, heatmap: Heatmap(width: width, height: height, values: heat),
      residual: Heatmap(width: width, height: height, values: heat),
      tissue: TissueMask(width: width, height: height, filledWith: true))
  }

  /// Writes one case with its pictures and pages.
  static func write(_ result: CaseResult, to report: Report) throws {
    for scan in result.scans {
      guard case .done(let findings) = scan.outcome else { continue }
      try report.writeScan(layers(channels: findings.channels), name: scan.name, inCase: result.name)
    }
    try report.finishCase(result)
  }

  static func text(_ report: Report, _ relative: String) throws -> String {
    try String(contentsOfFile: report.folder.file(relative), encoding: .utf8)
  }
}
