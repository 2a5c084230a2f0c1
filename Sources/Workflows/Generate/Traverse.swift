import Anomaly
import Files
import Generation
import Imaging
import Numerics

/// Shows the effect of each latent dimension of a model.
package struct Traverse {
  private let open: GenerativeModel
  private let scan: String?
  private let place: (x: Int, y: Int)?
  private let dimensions: ChosenDimensions
  private let count: Int
  private let output: String

  /// - Parameters:
  ///   - scan: file of a scan to start from; `nil` starts from the prior's mean.
  ///   - place: upper left corner of the patch, in pixels of the model's grid; `nil` for the scan's middle.
  ///   - count: number of dimensions that `top` chooses.
  ///   - output: folder to write to.
  package init(
    _ open: GenerativeModel, scan: String?, at place: (x: Int, y: Int)?, dimensions: ChosenDimensions, count: Int,
    output: String
  ) {
    self.open = open
    self.scan = scan
    self.place = place
    self.dimensions = dimensions
    self.count = count
    self.output = output
  }

  /// Moves each dimension from -3 to +3. Writes strips.png, with one row per dimension, and traverse.json.
  package func run() throws -> [Traversal] {
    let (model, generator) = (open.model, open.generator)
    let chosen = try dimensions.choose(from: model, count: count, path: open.path)
    var random = RandomGenerator(seed: open.seed)
    var starts = LatentCode.prior(of: model.architecture, count: 15, temperature: 1, using: &random)
    var first = LatentCode(zero: model.architecture, count: 1)
    if let scan {
      let patch = try open.scan(scan).patch(at: place, edge: model.architecture.patchSize, path: scan)
      var none: RandomGenerator?
      first = try generator.encode([patch], sampling: &none)
    }
    starts = .joined([first, starts])
    let traversals = try chosen.map { try Traversal(of: $0, from: starts, by: generator) }
    try OutputFolder.make(output)
    try PatchSheet(rows: traversals.map(\.strip), emphasis: model.pictureEmphasis).write(to: "\(output)/strips.png")
    try ReadableJSON.write(traversals.map { Row($0) }, to: "\(output)/traverse.json")
    return traversals
  }

  fileprivate struct Row: Encodable {
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
}

extension Traverse.Row {
  fileprivate init(_ traversal: Traversal) {
    let d = traversal.dimension
    self.init(
      dimension: d.number, stage: d.stage, cellPixels: d.cell, nats: d.divergence, activity: d.activity,
      change: traversal.change, name: traversal.name,
      correlations: Dictionary(uniqueKeysWithValues: traversal.correlations.map { ($0.rawValue, $1) }),
      effects: Dictionary(uniqueKeysWithValues: traversal.effects.map { ($0.rawValue, $1) }))
  }
}
