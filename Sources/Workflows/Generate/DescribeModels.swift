import Anomaly
import Compute
import Files
import Generation
import Numerics
import Reporting

/// Describes model files as text, and as a page with pictures.
package struct DescribeModels {
  private static let samples = 48
  private static let columns = 12
  private static let dimensions = 8
  private static let starts = 16

  private let paths: [String]
  private let models: [(name: String, model: Model)]

  /// Reads one model file or two.
  package init(_ paths: [String]) throws {
    self.paths = paths
    models = try paths.map { (name: FilePath.name(of: $0), model: try Model(path: $0)) }
  }

  /// Description of the models side by side.
  package var text: String { ModelPage.text(models) }

  /// The same as data.
  package var facts: [ModelFacts] { zip(paths, models).map { ModelFacts($1.model, path: $0) } }

  /// Writes a page with pictures.
  ///
  /// - Parameters:
  ///   - output: folder of the page; made if it does not exist.
  ///   - seed: seed of the pictures.
  package func writePage(to output: String, seed: UInt64) throws {
    try OutputFolder.make(output)
    var subjects: [ModelPage.Subject] = []
    for (number, (path, (name, model))) in zip(paths, models).enumerated() {
      let generator = try PatchGenerator(model, path: path, engine: try Engine(precision: model.precision))
      var random = RandomGenerator(seed: seed)
      let drawn = try generator.decode(
        .prior(of: model.architecture, count: Self.samples, temperature: 1, using: &random))
      let starts = LatentCode.joined([
        LatentCode(zero: model.architecture, count: 1),
        .prior(of: model.architecture, count: Self.starts - 1, temperature: 1, using: &random),
      ])
      let traversals = try model.mostInformative(Self.dimensions).map {
        try Traversal(of: $0, from: starts, by: generator)
      }
      let (samples, strips) = ("samples-\(number + 1).png", "strips-\(number + 1).png")
      let rows = stride(from: 0, to: drawn.count, by: Self.columns).map { Array(drawn[$0..<$0 + Self.columns]) }
      try PatchSheet(rows: rows, emphasis: model.pictureEmphasis).write(to: "\(output)/\(samples)")
      try PatchSheet(rows: traversals.map(\.strip), emphasis: model.pictureEmphasis).write(to: "\(output)/\(strips)")
      subjects.append(
        .init(name: name, model: model, samples: samples, strips: strips, traversals: traversals))
    }
    try ModelPage(subjects).write(to: output)
  }
}
