import Anomaly
import Compute
import Foundation
import Generation
import Imaging
import Numerics

/// A folder of its own for one test, removed with its contents.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "norma-generation-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ image: Image, as name: String) throws {
    let file = "\(path)/\(name)"
    try FileManager.default.createDirectory(
      atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try TIFFWriter.write(image, as: .float32, to: file)
  }
}

/// A model of smooth disks, trained once for all tests.
enum TinyModel {
  static let edge = 32

  /// A disk on an empty background; its texture and place follow the seed, and its brightness where none is given.
  static func scan(seed: UInt64, brightness given: Float? = nil, channels: Int = 1) -> Image {
    var random = RandomGenerator(seed: seed)
    let brightness = given ?? random.uniform(60, 140)
    let texture = NoiseField.smooth(cells: 4, edge: edge, using: &random)
    let (cx, cy) = (Float(edge) * random.uniform(0.44, 0.56), Float(edge) * random.uniform(0.44, 0.56))
    var image = Image(width: edge, height: edge, channels: channels)
    for y in 0..<edge {
      for x in 0..<edge where hypot(Float(x) - cx, Float(y) - cy) < 11 {
        for c in 0..<channels { image[x, y, c] = brightness + 12 * texture[y * edge + x] + Float(10 * c) }
      }
    }
    return image
  }

  static func study(in folder: TemporaryFolder, count: Int = 24, channels: Int = 1) throws -> Study {
    for k in 0..<count { try folder.write(scan(seed: UInt64(k), channels: channels), as: "case\(k)/scan.tif") }
    return try Study(path: folder.path)
  }

  static func train(channels: Int = 1, beta: Float = 1, epochs: Double = 300) throws -> Model {
    let folder = try TemporaryFolder()
    var set = TrainingSet.Settings()
    // Fixed, so that brightness stays a property of a scan.
    set.normalization = Normalization(method: .window(low: 0, high: 200), scope: .trainingSet)
    set.reduction = 1
    var architecture = VAE.Architecture(channels: channels, patchSize: edge)
    architecture.widths = [8, 16]
    architecture.latents = [2, 6]
    var objective = Objective(stages: 2)
    objective.divergenceWeights = objective.divergenceWeights.map { $0 * beta }
    objective.freeNats = beta > 10 ? 0 : objective.freeNats
    objective.warmUpSteps = 20
    var settings = Trainer.Settings(objective: objective, rule: EvidenceRule())
    settings.budget = .epochs(epochs)
    settings.batchSize = 4
    let trainer = try Trainer(
      TrainingSet(study(in: folder, channels: channels), settings: set), architecture: architecture, settings: settings,
      engine: Engine())
    return try trainer.run(toolVersion: "1.0") { _ in }
  }

  static let gray = Result { try train() }
  static let colored = Result { try train(channels: 3, epochs: 20) }
  /// So much weight on the divergence leaves the latents nothing to say.
  static let collapsed = Result { try train(beta: 1000) }

  static func generator(_ model: Model) throws -> PatchGenerator {
    try PatchGenerator(model, path: "model", engine: Engine())
  }

  static func patches(_ seeds: Range<UInt64>, of model: Model, brightness: Float? = nil) -> [Image] {
    seeds.map {
      model.preparation.prepare([scan(seed: $0, brightness: brightness, channels: model.preparation.channels)])[0]
        .scan.image
    }
  }
}
