import Compute
import Foundation
import Numerics
import Threads

/// Moves a scan a few gradient steps towards the healthy manifold, starting from the scan itself.
///
/// The function minimized is `-log p(x' | f(x')) + KL(x') + 0.3 / s * TV(x' - x)`. The first term is how badly the
/// model reconstructs the restored scan `x'`, the second how far its posterior is from the prior. The third is the
/// total variation of the change; it preserves texture that the model does not know. Unlike a reconstruction, the
/// result keeps the detail of healthy tissue.
/// Source: Chen et al. 2020, "Unsupervised lesion detection via image restoration with a normative prior",
/// doi:10.1016/j.media.2020.101713, equations 4 and 9.
package struct Restoration: Sendable {
  package let objective: Objective
  /// Spread of each channel's reconstruction error as estimated in training; above 0.
  package let spread: [Float]
  /// Valid range of intensities, see `Normalization.range`.
  package let range: ClosedRange<Float>

  package init(objective: Objective, spread: [Float], range: ClosedRange<Float>) {
    self.objective = objective
    self.spread = spread.map { $0 > 0 ? $0 : objective.largestSpread }
    self.range = range
  }

  private static let steps = 8
  /// Size of the first step, in normalized intensity where the gradient is one over the spread; the last step is a
  /// quarter of it.
  private static let firstStep: Float = 0.06
  private static let variationWeight: Float = 0.3
  /// Softens the total variation: changes smaller than this do not yet count as edges.
  private static let softness: Float = 0.01

  /// Buffers for one batch.
  package final class Workspace {
    package let restored: Tensor
    /// Gradient of the negative log-likelihood and the divergence by every value of the scan, in nats.
    package let slope: Tensor
    fileprivate let gradient: Tensor
    fileprivate let scaleGradient: Tensor?

    /// - Parameter network: the network that will restore.
    package init(_ shape: Shape, network: VAE) throws {
      let engine = network.engine
      restored = try Tensor(shape, engine: engine)
      slope = try Tensor(shape, engine: engine)
      gradient = try Tensor(shape, engine: engine)
      scaleGradient = network.architecture.predictsScales ? try Tensor(shape, engine: engine) : nil
    }
  }

  /// - Parameters:
  ///   - scan: normalized intensities without `NaN`, `[n, h, w, c]`.
  ///   - workspace: buffers of the scan's shape; `restored` receives the result, clipped to the range.
  package func restore(_ scan: Tensor, by network: VAE, in workspace: Workspace) throws {
    let x = workspace.restored
    x.copy(from: scan)
    let c = scan.shape.c
    for step in 0..<Self.steps {
      try fillSlope(at: x, by: network, in: workspace)
      let size = Self.firstStep * (1 - 0.75 * Float(step) / Float(Self.steps - 1))
      let shape = scan.shape
      let (original, restored, slopes) = (scan.split, x.split, workspace.slope.split)
      Parallel.run(chunks: shape.n) { n in
        // The total variation is taken of the change before this step, so that the order of pixels does not matter.
        let first = n * shape.h * shape.w * c
        let change = (first..<first + shape.h * shape.w * c).map { restored[$0] - original[$0] }
        for i in change.indices {
          let k = first + i
          let pull = Self.variationSlope(of: change, at: i, width: shape.w, height: shape.h, channels: c)
          let slope = slopes[k] + Self.variationWeight / spread[k % c] * pull
          // Clamp the step, so that one value far out of range does not change a whole patch.
          let move = min(max(spread[k % c] * slope, -3), 3)
          restored[k] = range.clip(restored[k] - size * move)
        }
      }
    }
  }

  /// Fills the workspace's `slope` for patches `x`, which must have the shape that the workspace was made for.
  package func fillSlope(at x: Tensor, by network: VAE, in workspace: Workspace) throws {
    let c = x.shape.c
    let likelihood = objective.likelihood
    var none: RandomGenerator?
    let y = try network.forward(x, sampling: &none)
    let scales = network.scales
    for i in x.values.indices {
      let (value, reconstruction) = (x.values[i], y.values[i])
      let cost = likelihood.cost(of: value, reconstruction: reconstruction, spread: scales?.values[i] ?? spread[i % c])
      workspace.gradient.values[i] = cost.slope
      workspace.scaleGradient?.values[i] = cost.slopeByLogSpread
      workspace.slope.values[i] = likelihood.slopeByValue(value, reconstruction: reconstruction, slope: cost.slope)
    }
    let byInput = try network.backwardToInput(
      workspace.gradient, scaleGradient: workspace.scaleGradient, divergenceWeights: objective.divergenceWeights,
      freeNats: 0)
    for i in x.values.indices { workspace.slope.values[i] += byInput.values[i] }
  }

  /// Derivative by one value of the sum of `sqrt(d^2 + softness^2)` over the differences `d` of neighbours.
  private static func variationSlope(of change: [Float], at i: Int, width: Int, height: Int, channels: Int) -> Float {
    let pixel = i / channels
    let (x, y) = (pixel % width, pixel / width)
    func slope(_ neighbour: Int) -> Float {
      let d = change[i] - change[neighbour]
      return d / (d * d + softness * softness).squareRoot()
    }
    var sum: Float = 0
    if x > 0 { sum += slope(i - channels) }
    if x < width - 1 { sum += slope(i + channels) }
    if y > 0 { sum += slope(i - width * channels) }
    if y < height - 1 { sum += slope(i + width * channels) }
    return sum
  }
}
