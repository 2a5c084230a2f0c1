import Anomaly
import ArgumentParser
import Compute
import Files
import Foundation
import Generation
import Logging
import Numerics

struct AttributeCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "attribute", abstract: "Learn the direction in latent space from one group of scans to another.",
    discussion: "It is kept beside the model, in MODEL.attributes.json, for norma edit --attribute.")

  @OptionGroup var options: GenerationOptions

  var log: LogOptions { options.log }

  @Argument(help: "Two studies: scans without the attribute, scans with it.")
  var studies: [String]

  @Option(help: "What to call it.")
  var name: String

  func validate() throws {
    guard studies.count == 2 else {
      throw ValidationError("\(studies.count) stud\(studies.count == 1 ? "y is" : "ies are") given; two are expected.")
    }
    guard !name.isEmpty, !name.contains("=") else {
      throw ValidationError("--name is '\(name)'; words without '=' are expected.")
    }
  }

  private static let patches = 256

  func run() throws {
    let (model, generator) = try options.open()
    let codes = try studies.map { path in
      let found = StudyPatches(try Study(path: path), model: model, perGroup: Self.patches, seed: options.seed)
      for fault in found.faults { Logger.norma.leftOut(fault) }
      let patches = found.training + found.heldOut
      guard patches.count > 1 else {
        throw NormaError(
          subject: path,
          found: "\(patches.count) patch\(patches.count == 1 ? " shows" : "es show") tissue; two or more are needed",
          remedy: "Give a study of scans that the model can read")
      }
      var none: RandomGenerator?
      return try generator.encode(patches, sampling: &none)
    }
    let attribute = Attribute(from: codes[0], to: codes[1], architecture: model.architecture)
    var known = try AttributeFile.read(for: options.model, model)
    known[name] = attribute
    try AttributeFile.write(known, for: options.model)
    print(
      "attribute  \(name), from \(attribute.patches[0]) patches to \(attribute.patches[1])",
      String(format: "apart      %.1f standard deviations along the linear discriminant", attribute.separation),
      "kept       \(AttributeFile.path(for: options.model))", separator: "\n")
  }
}

/// Attributes that were learned for a model, and for which.
struct AttributeFile: Codable {
  var modelSha256: String
  var attributes: [String: Attribute]

  static func path(for model: String) -> String { model + ".attributes.json" }

  static func write(_ attributes: [String: Attribute], for model: String) throws {
    try GenerationOptions.writeJSON(
      AttributeFile(modelSha256: Study.digest(ofFile: model) ?? "", attributes: attributes), to: path(for: model))
  }

  /// - Returns: nothing where none was learned.
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
