import Anomaly
import Files
import Foundation
import Generation

/// The attributes learned for a model, and the digest of that model.
struct AttributeFile: Codable {
  var modelSha256: String
  var attributes: [String: Attribute]

  static func path(for model: String) -> String { model + ".attributes.json" }

  static func write(_ attributes: [String: Attribute], for model: String) throws {
    try ReadableJSON.write(
      AttributeFile(modelSha256: Study.digest(ofFile: model) ?? "", attributes: attributes), to: path(for: model))
  }

  /// - Returns: the attributes by name; empty if none was learned.
  static func read(for path: String, _ model: Model) throws -> [String: Attribute] {
    let file = self.path(for: path)
    guard FileManager.default.fileExists(atPath: file) else { return [:] }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    guard let data = try? Data(contentsOf: URL(fileURLWithPath: file)),
      let known = try? decoder.decode(AttributeFile.self, from: data),
      known.modelSha256 == Study.digest(ofFile: path),
      known.attributes.values.allSatisfy({ $0.fits(model.architecture) })
    else {
      throw NormaError(
        subject: file, found: "it cannot be understood, or was learned with another model",
        remedy: "Remove it and learn the attributes again")
    }
    return known.attributes
  }
}
