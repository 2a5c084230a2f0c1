import Anomaly
import ArgumentParser
import Compute
import Files
import Foundation
import Generation
import Imaging
import Numerics

struct TraverseCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "traverse", abstract: "Show what each latent dimension of a model does.",
    discussion: """
      Every dimension is moved from -3 to +3 standard deviations of the prior while the others stay: a row of strips.png.
      What follows is said in words: properties of a patch whose change goes with the step, over 16 starting points.
      """)

  @OptionGroup var options: GenerationOptions

  var log: LogOptions { options.log }

  @Argument(help: ArgumentHelp("Scan to start from. By default the prior's mean.", valueName: "scan"))
  var scan: String?

  @Option(help: "Upper left corner of the patch, on the model's grid. By default the scan's middle.")
  var at: PatchPlace?

  @Option(help: "Numbers of dimensions such as 3,7, or top for the most informative.")
  var dimensions = ChosenDimensions.top

  @Option(help: "How many of them for top.")
  var count = 8

  @Option(name: .shortAndLong, help: "Folder to write to.")
  var output: String

  func validate() throws {
    guard (1...1000).contains(count) else { throw ValidationError("--count is \(count); 1 to 1000 is expected.") }
    if at != nil, scan == nil { throw ValidationError("--at needs a scan.") }
  }

  struct Row: Encodable {
    var dimension: Int
    var stage: Int
    var cellPixels: Int
    var nats: Double
    var activity: Double?
    var change: Double
    var name: String
    var correlations: [String: Double]
    var effects: [String: Double]
  }

  func run() throws {
    let (model, generator) = try options.open()
    let chosen = try dimensions.choose(from: model, count: count, path: options.model)
    var random = RandomGenerator(seed: options.seed)
    var starts = LatentCode.prior(of: model.architecture, count: 15, temperature: 1, using: &random)
    var first = LatentCode(zero: model.architecture, count: 1)
    if let scan {
      let patch = try GridScan(scan, for: model).patch(at: at, edge: model.architecture.patchSize, path: scan)
      var none: RandomGenerator?
      first = try generator.encode([patch], sampling: &none)
    }
    starts = .joined([first, starts])
    let traversals = try chosen.map { try Traversal(of: $0, from: starts, by: generator) }
    try GenerationOptions.makeFolder(output)
    try PatchSheet(rows: traversals.map(\.strip), emphasis: model.pictureEmphasis).write(to: "\(output)/strips.png")
    try GenerationOptions.writeJSON(traversals.map(Row.init), to: "\(output)/traverse.json")
    print("strips   \(chosen.count) dimensions from -3 to +3, one a row of \(output)/strips.png")
    for traversal in traversals {
      let d = traversal.dimension
      print(
        String(format: "%4d  stage %d, cells of %d pixels, %.1f nats  ", d.number, d.stage, d.cell, d.divergence)
          + traversal.name)
    }
  }
}

extension TraverseCommand.Row {
  fileprivate init(_ traversal: Traversal) {
    let d = traversal.dimension
    self.init(
      dimension: d.number, stage: d.stage, cellPixels: d.cell, nats: d.divergence, activity: d.activity,
      change: traversal.change, name: traversal.name,
      correlations: Dictionary(uniqueKeysWithValues: traversal.correlations.map { ($0.rawValue, $1) }),
      effects: Dictionary(uniqueKeysWithValues: traversal.effects.map { ($0.rawValue, $1) }))
  }
}

/// Which latent dimensions a user asked for.
enum ChosenDimensions: ExpressibleByArgument, Equatable {
  case top
  case numbers([Int])

  init?(argument: String) {
    if argument == "top" {
      self = .top
      return
    }
    let numbers = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    guard !numbers.isEmpty, !numbers.contains(nil) else { return nil }
    self = .numbers(numbers.compactMap { $0 })
  }

  var defaultValueDescription: String { "top" }

  /// - Throws: `NormaError` for a number that the model does not have.
  func choose(from model: Model, count: Int, path: String) throws -> [LatentDimension] {
    guard case .numbers(let numbers) = self else { return model.mostInformative(count) }
    let all = model.latentDimensions
    return try numbers.map { number in
      guard (1...all.count).contains(number) else {
        throw NormaError(
          subject: path, found: "it has the latent dimensions 1 to \(all.count), not \(number)",
          remedy: "Give the number of one of them")
      }
      return all[number - 1]
    }
  }
}
