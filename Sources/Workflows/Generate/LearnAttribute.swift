import Anomaly
import Files
import Generation
import Numerics

/// Learns the direction in latent space from one group of scans to another, and saves it next to the model.
package struct LearnAttribute {
  package struct Outcome {
    package var attribute: Attribute
    /// The file that the attribute was saved to.
    package var file: String
  }

  private static let patches = 256

  private let open: GenerativeModel
  private let studies: [String]
  private let name: String
  private let observe: WorkflowObserver

  /// - Parameters:
  ///   - studies: two folders, first the scans without the attribute, then the scans with it.
  ///   - name: name of the attribute.
  package init(
    _ open: GenerativeModel, studies: [String], name: String, observe: @escaping WorkflowObserver = { _ in }
  ) {
    self.open = open
    self.studies = studies
    self.name = name
    self.observe = observe
  }

  package func run() throws -> Outcome {
    let codes = try studies.map { path in
      let found = StudyPatches(try Study(path: path), model: open.model, perGroup: Self.patches, seed: open.seed)
      for fault in found.faults { observe(.leftOut(fault)) }
      let patches = found.training + found.heldOut
      guard patches.count > 1 else {
        throw NormaError(
          subject: path,
          found: "\(Count.of(patches.count, "patch shows", "patches show")) tissue; two or more are needed",
          remedy: "Give a study of scans that the model can read")
      }
      var none: RandomGenerator?
      return try open.generator.encode(patches, sampling: &none)
    }
    let attribute = Attribute(from: codes[0], to: codes[1], architecture: open.model.architecture)
    var known = try AttributeFile.read(for: open.path, open.model)
    known[name] = attribute
    try AttributeFile.write(known, for: open.path)
    return Outcome(attribute: attribute, file: AttributeFile.path(for: open.path))
  }
}
