import Foundation

/// A study that takes long enough to be stopped in its middle, with a model and the report of a run that was left
/// alone.
final class LongBatch: Sendable {
  static let shared = Result { try LongBatch() }

  let folder: TemporaryFolder
  static let cases = 24
  /// How long it took when nobody stopped it.
  let seconds: Double
  let trainingSeconds: Double

  private init() throws {
    folder = try TemporaryFolder()
    for k in 0..<6 { try folder.writeScan("healthy/case\(k)/slice.tif") }
    for k in 0..<Self.cases {
      for scan in 0..<3 {
        let lesion = (x: 40 + k, y: 50 + 8 * scan, radius: 4 + k % 5)
        try folder.writeScan("patients/case\(k)/slice\(scan).tif", size: 128, lesion: k % 2 == 0 ? lesion : nil)
      }
    }
    var start = Date()
    let train = try Program.run(
      ["train", "healthy", "--output", "model.safetensors"] + Self.training, in: folder)
    guard train.status == 0 else { throw Failure(text: train.errors) }
    trainingSeconds = Date().timeIntervalSince(start)
    start = Date()
    let analyze = try Program.run(Self.analyze(to: "whole"), in: folder)
    guard analyze.status == 0 else { throw Failure(text: analyze.errors) }
    seconds = Date().timeIntervalSince(start)
  }

  struct Failure: Error { let text: String }

  static let training = ["--epochs", "60", "--held-out", "0.5", "--checkpoint-every", "0.2"]

  static func analyze(to output: String) -> [String] {
    ["analyze", "patients", "--model", "model.safetensors", "--output", output]
  }

  /// Whether a run has finished its first cases.
  func hasBegun(_ output: String) -> Bool {
    FileManager.default.fileExists(atPath: folder.file("\(output)/cases/case1/index.html"))
  }

  /// The numbers of a model file, without the texts before them.
  func weights(_ name: String) throws -> Data {
    let data = try Data(contentsOf: URL(fileURLWithPath: folder.file(name)))
    let header = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    return data.dropFirst(8 + header)
  }
}
