import Anomaly
import Compute
import Generation

/// A model that generates pictures.
package struct GenerativeModel {
  /// File of the model.
  let path: String
  let seed: UInt64
  let model: Model
  let generator: PatchGenerator

  /// - Parameters:
  ///   - path: of the model's file.
  ///   - seed: of all random numbers.
  package init(path: String, seed: UInt64) throws {
    self.path = path
    self.seed = seed
    model = try Model(path: path)
    generator = try PatchGenerator(model, path: path, engine: try Engine(precision: model.precision))
  }

  /// Words that tell a generated picture from a scan, for its description tag.
  func label(_ command: String, _ words: String) -> String {
    SyntheticLabel.prefix + details(command) + ", " + words
  }

  /// What made a picture, and of which model; reads the whole model file.
  func details(_ command: String) -> String {
    "norma \(ToolVersion.current) \(command), seed \(seed), model SHA-256 \(Study.digest(ofFile: path) ?? "unknown")"
  }
}
