import Compute
import Foundation
import Numerics
import Threads

/// A diagonal Gaussian posterior with a standard normal prior: sampling and divergence, forwards and backwards.
///
/// Its input is the posterior's statistics `[n, h, w, 2k]`: first the `k` means, then the `k` log-variances. Its output
/// is `z = mean + exp(logVariance / 2) * noise`, `[n, h, w, k]`.
/// Source: Kingma & Welling 2014, arXiv:1312.6114, section 2.4 and appendix B.
final class GaussianLatent {
  let channels: Int
  /// Divergence of the posterior from the prior in the last `forward`, in nats per patch, one number per latent
  /// channel. If several processes share a batch, set the divergences of the whole batch before `backward`, which uses
  /// them to find the channels below `freeNats`.
  var divergences: [Double] = []
  /// Divergence of each cell in the last `forward`, summed over channels, in nats, `[n, h, w, 1]`.
  var divergenceMap: Tensor? { current?.plan.map }
  /// Output of the last `forward`.
  var z: Tensor? { current?.plan.z }
  private let engine: Engine
  private var plans = Plans<Plan>()
  private var current: (plan: Plan, statistics: Tensor)?
  /// Log-variances outside this range are clamped to it, so that one bad step cannot overflow the exponential.
  private static let logVariances: ClosedRange<Float> = -10...6

  private final class Plan {
    let z: Tensor
    let noise: Tensor
    let gradient: Tensor
    let map: Tensor

    init(_ shape: Shape, engine: Engine) throws {
      gradient = try Tensor(shape, engine: engine)
      let half = Shape(shape.n, shape.h, shape.w, shape.c / 2)
      z = try Tensor(half, engine: engine)
      noise = try Tensor(half, engine: engine)
      map = try Tensor(Shape(shape.n, shape.h, shape.w, 1), engine: engine)
    }
  }

  init(channels: Int, engine: Engine) {
    self.channels = channels
    self.engine = engine
  }

  /// - Parameters:
  ///   - generator: source of the noise; `nil` gives the posterior's mean.
  ///   - share: which patches of the batch these are, as noise is drawn for the whole batch; `nil` if they are the
  ///     whole batch.
  func forward(
    _ statistics: Tensor, sampling generator: inout RandomGenerator?, share: BatchShare? = nil
  ) throws -> Tensor {
    let plan = try plans.plan(for: statistics.shape) { shape throws in try Plan(shape, engine: engine) }
    current = (plan, statistics)
    let k = channels
    let s = statistics.split
    if generator == nil {
      plan.noise.values.update(repeating: 0)
    } else {
      let perPatch = plan.noise.values.count / statistics.shape.n
      generator!.skipNormals(perPatch * (share?.patches.lowerBound ?? 0))
      generator!.fillNormals(plan.noise.values)
      if let share { generator!.skipNormals(perPatch * (share.batch - share.patches.upperBound)) }
    }
    let (z, noise, map) = (plan.z.split, plan.noise.split, plan.map.split)
    let pixels = statistics.shape.h * statistics.shape.w
    let sums = Parallel.map(statistics.shape.n) { patch in
      var sums = [Double](repeating: 0, count: k)
      for pixel in patch * pixels..<(patch + 1) * pixels {
        var cell: Float = 0
        for c in 0..<k {
          let mean = s[pixel * 2 * k + c]
          let logVariance = Self.clamp(s[pixel * 2 * k + k + c])
          let deviation = exp(0.5 * logVariance)
          z[pixel * k + c] = mean + deviation * noise[pixel * k + c]
          let nats = 0.5 * (mean * mean + deviation * deviation - logVariance - 1)
          sums[c] += Double(nats)
          cell += nats
        }
        map[pixel] = cell
      }
      return sums
    }
    divergences = (0..<k).map { c in sums.reduce(0) { $0 + $1[c] } / Double(statistics.shape.n) }
    return plan.z
  }

  /// - Parameters:
  ///   - gradient: gradient of the loss by `z`.
  ///   - weight: weight of a nat of divergence in the loss.
  ///   - freeNats: a channel whose divergence is below this many nats per patch is not pushed further down. Source:
  ///     Kingma et al. 2016, arXiv:1606.04934, appendix C.8.
  /// - Returns: the gradient by the statistics.
  func backward(_ gradient: Tensor, weight: Float, freeNats: Double) -> Tensor {
    guard let (plan, statistics) = current else { preconditionFailure("latent: backward before forward") }
    let k = channels
    let s = statistics.split
    let weights = divergences.map { $0 > freeNats ? weight : 0 }
    let (incoming, noise, result) = (gradient.split, plan.noise.split, plan.gradient.split)
    let pixels = statistics.shape.h * statistics.shape.w
    Parallel.run(chunks: statistics.shape.n) { patch in
      for pixel in patch * pixels..<(patch + 1) * pixels {
        for c in 0..<k {
          let i = pixel * 2 * k + c
          let raw = s[i + k]
          let logVariance = Self.clamp(raw)
          let deviation = exp(0.5 * logVariance)
          let byZ = incoming[pixel * k + c]
          result[i] = byZ + weights[c] * s[i]
          let byLogVariance =
            0.5 * (byZ * noise[pixel * k + c] * deviation + weights[c] * (deviation * deviation - 1))
          result[i + k] = raw == logVariance ? byLogVariance : 0
        }
      }
    }
    return plan.gradient
  }

  private static func clamp(_ value: Float) -> Float {
    min(max(value, logVariances.lowerBound), logVariances.upperBound)
  }
}
