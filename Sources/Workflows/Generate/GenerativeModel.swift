import Anomaly
import Compute
import Generation

/// A model with the generator that makes pictures from it.
package struct GenerativeModel {
  /// File of the model.
  let path: String
  let seed: UInt64
  let model: Model
  let generator: PatchGenerator
  private let observe: WorkflowObserver

  /// - Parameters:
  ///   - path: path of the model's file.
  ///   - seed: seed of all random numbers.
  package init(path: String, seed: UInt64, observe: @escaping WorkflowObserver = { _ in }) throws {
    self.path = path
    self.seed = seed
    self.observe = observe
    model = try Model(path: path)
    generator = try PatchGenerator(model, path: path, engine: try Engine(precision: model.precision))
  }

  /// What its user has to know before trusting its pictures, as sentences.
  package var warnings: [String] { model.record.knowledge.warnings.map { "\(path): \($0)" } }

  /// Reads a scan, or the first scan of a stack, and says so.
  func scan(_ path: String) throws -> GridScan {
    let scan = try GridScan(path, for: model)
    if let note = scan.note { observe(.notice(note)) }
    if let appearance = scan.prepared.scan.appearance, let shift = model.domain.flatMap({ DomainShift($0) }),
      let outcome = shift.outcome(ofCase: Appearance(of: [appearance])), outcome.isFar
    {
      observe(
        .warning(
          "\(path) does not look like the scans that the model learned from, so that what the model makes of it may mean "
            + "nothing: in it \(outcome.inWords)."))
    }
    return scan
  }

  /// Text for a picture's description tag that marks it as generated, not a scan.
  func label(_ command: String, _ words: String) -> String {
    SyntheticLabel.prefix + details(command) + ", " + words
  }

  /// Text that names the command and the model that made a picture; reads the whole model file.
  func details(_ command: String) -> String {
    "norma \(ToolVersion.current) \(command), seed \(seed), model SHA-256 \(Study.digest(ofFile: path) ?? "unknown")"
  }
}
