import Anomaly
import Compute
import Foundation
import Imaging
import Numerics

/// A folder of its own for one test, removed with its contents.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "norma-anomaly-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file, with the folders above it; returns its whole path.
  @discardableResult
  func write(_ bytes: some Sequence<UInt8>, as name: String) throws -> String {
    let file = "\(path)/\(name)"
    try FileManager.default.createDirectory(
      atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }

  @discardableResult
  func write(_ images: [Image], as name: String) throws -> String {
    let file = try write([UInt8](), as: name)
    try TIFFWriter.write(images.map { TIFFWriter.Page($0, as: .float32) }, to: file)
    return file
  }

  func bytes(of name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")))
  }
}

/// Healthy scans small enough to train on within a test: a bright disk with smooth texture on an empty background.
enum TinyStudy {
  static let edge = 48

  static func scan(seed: UInt64, channels: Int = 1, edge: Int = edge) -> Image {
    var random = RandomGenerator(seed: seed)
    var image = Image(width: edge, height: edge, channels: channels)
    let texture = NoiseField.smooth(cells: 5, edge: edge, using: &random)
    let middle = Float(edge - 1) / 2
    let radius = Float(edge) * random.uniform(0.38, 0.44)
    for y in 0..<edge {
      for x in 0..<edge {
        let isTissue = hypot(Float(x) - middle, Float(y) - middle) < radius
        for c in 0..<channels {
          image[x, y, c] = isTissue ? 100 + 8 * texture[y * edge + x] + 2 * random.normal() : 0
        }
      }
    }
    return image
  }

  static let cases = ["ada", "ben", "cem", "dia", "eva", "finn"]

  /// Writes one scan a case, in the order given.
  static func write(to folder: TemporaryFolder, cases: [String] = cases) throws {
    for name in cases {
      let seed = UInt64(Self.cases.firstIndex(of: name)! + 1)
      try folder.write([scan(seed: seed)], as: "\(name)/\(name).tif")
    }
  }

  static var architecture: VAE.Architecture {
    var result = VAE.Architecture(channels: 1, patchSize: edge)
    result.widths = [8, 8]
    result.latents = [2, 4]
    return result
  }

  static func settings(epochs: Double = 3, seed: UInt64 = 7) -> Trainer.Settings {
    var result = Trainer.Settings(objective: Objective(stages: 2), rule: EvidenceRule())
    result.budget = .epochs(epochs)
    result.batchSize = 2
    result.seed = seed
    result.score = ScoreTrainer.Settings(budget: .epochs(2), radii: 2...10)
    return result
  }

  static func trainingSet(in folder: TemporaryFolder) throws -> TrainingSet {
    try TrainingSet(Study(path: folder.path), settings: TrainingSet.Settings())
  }

  static func trainer(_ set: TrainingSet, _ settings: Trainer.Settings = settings()) throws -> Trainer {
    try Trainer(set, architecture: architecture, settings: settings, engine: Engine())
  }

  /// Trained once for all tests that only read it.
  static let model = Result {
    let folder = try TemporaryFolder()
    try write(to: folder)
    return try trainer(trainingSet(in: folder)).run(toolVersion: "1.0") { _ in }
  }
}
