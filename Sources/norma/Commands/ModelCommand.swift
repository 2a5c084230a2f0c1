import Anomaly
import ArgumentParser
import Compute
import Files
import Foundation
import Generation
import Imaging
import Numerics
import Reporting

struct ModelCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "model", abstract: "Say what a model file holds; compare two; write a page of it.",
    discussion: """
      The page shows how training went, what every latent dimension carries, the calibration, draws from the prior and
      what the most informative dimensions move.
      """)

  @Argument(help: "Model files that `norma train` wrote, one or two.")
  var models: [String]

  @Option(name: .shortAndLong, help: "Folder for the page. Without it only words are printed.")
  var output: String?

  @Option(help: "Seed of the pictures.")
  var seed: UInt64 = 0

  @OptionGroup var log: LogOptions

  func validate() throws {
    guard (1...2).contains(models.count) else {
      throw ValidationError("\(models.count) models are given; one or two are expected.")
    }
  }

  private static let samples = 48
  private static let columns = 12
  private static let dimensions = 8
  private static let starts = 16

  func run() throws {
    let read = try models.map { (name: FilePath.name(of: $0), model: try Model(path: $0)) }
    print(ModelPage.text(read))
    guard let output else { return }
    try GenerationOptions.makeFolder(output)
    var subjects: [ModelPage.Subject] = []
    for (number, (path, (name, model))) in zip(models, read).enumerated() {
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
    print("page                      \(output)/index.html")
  }
}
