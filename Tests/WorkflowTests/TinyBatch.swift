import Anomaly
import Foundation
import Imaging
import Numerics
import Reporting
import Workflows

/// A folder with small studies and two models of them, removed with its last user.
final class TinyBatch {
  let path = FileManager.default.temporaryDirectory.appendingPathComponent("norma-batch-\(UUID())").path

  init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Two models, each trained for an epoch on ten scans; trained once for all tests.
  static let models: Result<[String], any Error> = Result {
    let batch = try TinyBatch()
    kept = batch
    try batch.study("healthy", cases: 10)
    return try (0..<2).map { seed in
      var training = Train.Settings(study: batch.path + "/healthy", output: "\(batch.path)/model\(seed).safetensors")
      training.budget = .epochs(1)
      training.scoreShare = 0
      training.seed = UInt64(seed)
      _ = try Train(training).run()
      return training.output
    }
  }
  nonisolated(unsafe) private static var kept: TinyBatch?

  /// Writes cases `P1`, `P2` ... of one scan each.
  func study(_ name: String, cases: Int, seed: Int = 0) throws {
    for k in 1...cases { try write(Self.scan(seed: UInt64(100 * seed + k)), as: "\(name)/P\(k)/scan.tif") }
  }

  static let edge = 64

  /// A noisy disk.
  static func scan(seed: UInt64, channels: Int = 1) -> Image {
    var random = RandomGenerator(seed: seed)
    var image = Image(width: edge, height: edge, channels: channels)
    for y in 0..<edge {
      for x in 0..<edge where hypot(Float(x) - 31.5, Float(y) - 31.5) < 27 {
        for c in 0..<channels { image[x, y, c] = 100 + 3 * random.normal() }
      }
    }
    return image
  }

  /// A mask of one lesion, 255 in a square and 0 around it; all 0 without one.
  static func mask(hasLesion: Bool = true) -> Image {
    var image = Image(width: edge, height: edge, channels: 1)
    if hasLesion { for y in 20..<30 { for x in 20..<30 { image[x, y, 0] = 255 } } }
    return image
  }

  func write(_ image: Image, as name: String, _ type: TIFFWriter.Samples = .float32) throws {
    let path = "\(path)/\(name)"
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try TIFFWriter.write(image, as: type, to: path)
  }

  /// Analyzes a study of the batch into one of its reports, and returns what was told.
  @discardableResult func analyze(
    _ study: String, model: Int = 0, to report: String = "report", _ change: (inout Analyze.Settings) -> Void = { _ in }
  ) throws -> (outcome: Analyze.Outcome, told: [String]) {
    var settings = Analyze.Settings(
      study: "\(path)/\(study)", model: try Self.models.get()[model], output: "\(path)/\(report)")
    change(&settings)
    var told: [String] = []
    let outcome = try Analyze(settings) { event in
      switch event {
      case .warning(let text), .notice(let text): told.append(text.replacingOccurrences(of: self.path, with: "BATCH"))
      case .progress, .leftOut, .failed: break
      }
    }.run()
    return (outcome, told)
  }

  func index(_ report: String = "report") throws -> CaseIndex {
    try CaseIndex(readingFrom: "\(path)/\(report)/cases.sqlite")
  }

  func page(_ page: String = "index.html", of report: String = "report") throws -> String {
    try String(contentsOfFile: "\(path)/\(report)/\(page)", encoding: .utf8)
  }
}
