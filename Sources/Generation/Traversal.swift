import Anomaly
import Compute
import Foundation
import Imaging

/// Shows the effect of a latent dimension: patches with the dimension moved step by step, and the simple properties
/// that change with it.
package struct Traversal: Sendable {
  /// A simple property that a person sees in a patch.
  package enum Property: String, Sendable, Codable, CaseIterable {
    case brightness, contrast
    case gradient = "sharpness"
    case tissueShare = "share of tissue"
    case horizontalPosition = "position across"
    case verticalPosition = "position down"
  }

  package let dimension: LatentDimension
  /// The steps by which the dimension is moved, in standard deviations of the prior; by default -3 to 3.
  package let steps: [Float]
  /// The first starting point after each step, one patch per step.
  package let strip: [Image]
  /// Correlation of each property's change with the step over all starting points, in -1...1; 0 for a property that
  /// does not change.
  package let correlations: [Property: Double]
  /// Change of each property from step -1 to +1, in units of its spread over the starting points.
  package let effects: [Property: Double]
  /// Largest root mean square change of a patch, in normalized intensity.
  package let change: Double

  /// Least visible change: half a gray level of 256. Nobody could see a smaller one.
  package static let visibleChange = 0.002
  private static let leastCorrelation = 0.7
  private static let leastEffect = 0.1

  /// - Parameter starts: latents to start from, at least one; the correlations are meaningful only with many.
  package init(
    of dimension: LatentDimension, from starts: LatentCode, steps: [Float] = [-3, -2, -1, 0, 1, 2, 3],
    by generator: PatchGenerator
  ) throws {
    self.dimension = dimension
    self.steps = steps
    let unmoved = try generator.decode(starts)
    let before = unmoved.map(Self.properties)
    var strip: [Image] = []
    var changes: [(step: Float, values: [Property: Double])] = []
    var largest = 0.0
    for step in steps {
      let moved = try generator.decode(starts.moved(dimension, by: step, of: generator.architecture))
      strip.append(moved[0])
      for (k, patch) in moved.enumerated() {
        let after = Self.properties(of: patch)
        changes.append((step, after.merging(before[k]) { $0 - $1 }))
        largest = max(largest, Self.difference(patch, unmoved[k]))
      }
    }
    var correlations: [Property: Double] = [:]
    var effects: [Property: Double] = [:]
    for property in Property.allCases {
      let values = changes.map { $0.values[property]! }
      correlations[property] = Self.correlation(changes.map { Double($0.step) }, values)
      let spread = max(Self.deviation(before.map { $0[property]! }), 1e-6)
      let near = changes.filter { abs($0.step) == 1 }
      let slope = near.reduce(0) { $0 + Double($1.step) * $1.values[property]! } / Double(max(near.count, 1))
      effects[property] = before.count > 1 ? 2 * slope / spread : 0
    }
    self.strip = strip
    self.correlations = correlations
    self.effects = effects
    change = largest
  }

  /// Whether moving the dimension changes anything visible.
  package var isVisible: Bool { change >= Self.visibleChange }

  /// Plain description of the dimension.
  package var name: String {
    guard isVisible else { return "changes nothing: collapsed" }
    let moving = Property.allCases.filter {
      abs(correlations[$0]!) >= Self.leastCorrelation && abs(effects[$0]!) >= Self.leastEffect
    }.sorted { abs(effects[$0]!) > abs(effects[$1]!) }
    guard !moving.isEmpty else { return "texture or shape that no simple property follows" }
    return moving.prefix(2).map { (effects[$0]! > 0 ? "more " : "less ") + $0.rawValue }.joined(separator: ", ")
  }

  /// Least intensity of tissue: a tenth of full intensity.
  private static let tissueLevel: Float = 0.1

  static func properties(of patch: Image) -> [Property: Double] {
    let c = patch.channels
    let gray = Image(
      width: patch.width, height: patch.height, channels: 1,
      samples: (0..<patch.width * patch.height).map { pixel in
        (0..<c).reduce(Float(0)) { $0 + patch.samples[pixel * c + $1] } / Float(c)
      })
    let (mean, deviation) = PatchFeatures.moments(gray.samples)
    let gradients = PatchFeatures.gradients(of: gray)
    var (sum, x, y) = (1e-9, 0.0, 0.0)
    for (pixel, value) in gray.samples.enumerated() where value > 0 {
      sum += Double(value)
      x += Double(value) * Double(pixel % gray.width)
      y += Double(value) * Double(pixel / gray.width)
    }
    return [
      .brightness: mean, .contrast: deviation, .gradient: gradients[0] + gradients[1],
      .tissueShare: Double(gray.samples.count { $0 > tissueLevel }) / Double(gray.samples.count),
      .horizontalPosition: x / sum / Double(gray.width), .verticalPosition: y / sum / Double(gray.height),
    ]
  }

  private static func difference(_ a: Image, _ b: Image) -> Double {
    let sum = zip(a.samples, b.samples).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
    return (sum / Double(a.samples.count)).squareRoot()
  }

  private static func deviation(_ values: [Double]) -> Double {
    let mean = values.reduce(0, +) / Double(max(values.count, 1))
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(values.count, 1))).squareRoot()
  }

  private static func correlation(_ a: [Double], _ b: [Double]) -> Double {
    let (da, db) = (deviation(a), deviation(b))
    guard da > 1e-12, db > 1e-12 else { return 0 }
    let (ma, mb) = (a.reduce(0, +) / Double(a.count), b.reduce(0, +) / Double(b.count))
    return zip(a, b).reduce(0) { $0 + ($1.0 - ma) * ($1.1 - mb) } / Double(a.count) / da / db
  }
}
