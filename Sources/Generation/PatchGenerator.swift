import Anomaly
import Compute
import Files
import Imaging
import Numerics

/// Runs a trained model's encoder and decoder separately.
package final class PatchGenerator {
  package let architecture: VAE.Architecture
  private let network: VAE
  private let input: Tensor
  private let latents: [Tensor?]

  /// Number of patches that run at once.
  private static let batch = 8

  /// - Parameter path: path of the model's file, for error messages.
  package init(_ model: Model, path: String, engine: Engine) throws {
    architecture = model.architecture
    network = try model.network(engine: engine, path: path)
    let edge = architecture.patchSize
    input = try Tensor(Shape(Self.batch, edge, edge, architecture.channels), engine: engine)
    latents = try architecture.latentShapes(patches: Self.batch).map { try $0.map { try Tensor($0, engine: engine) } }
  }

  /// Means of the patches' posteriors, or draws from them.
  ///
  /// - Parameters:
  ///   - patches: normalized patches of the architecture's size and channels; `NaN` counts as 0.
  ///   - generator: source of the draws; `nil` gives the means.
  package func encode(
    _ patches: [Image], sampling generator: inout RandomGenerator?
  ) throws -> LatentCode {
    var codes: [LatentCode] = []
    for first in stride(from: 0, to: patches.count, by: Self.batch) {
      let n = min(Self.batch, patches.count - first)
      input.values.update(repeating: 0)
      let size = input.shape.count / Self.batch
      for k in 0..<n {
        precondition(patches[first + k].samples.count == size, "a patch of another size")
        for i in 0..<size {
          let value = patches[first + k].samples[i]
          input.values[k * size + i] = value.isNaN ? 0 : value
        }
      }
      _ = try network.forward(input, sampling: &generator)
      codes.append(
        LatentCode(
          count: n,
          stages: network.latents.map { latent in
            guard let latent else { return [] }
            return Array(latent.values[..<(latent.shape.count / Self.batch * n)])
          }))
    }
    return .joined(codes)
  }

  /// The patches that the latents decode to, in normalized units.
  ///
  /// - Throws: `NormaError` where latents lie so far out that the network gives no numbers.
  package func decode(_ code: LatentCode) throws -> [Image] {
    let edge = architecture.patchSize
    var result: [Image] = []
    for first in stride(from: 0, to: code.count, by: Self.batch) {
      let n = min(Self.batch, code.count - first)
      let decoded = try decode(code, patches: first..<first + n)
      let size = decoded.shape.count / Self.batch
      guard decoded.values[..<(n * size)].allSatisfy(\.isFinite) else {
        throw NormaError(
          subject: "latents", found: "they lie so far out that the model decodes them to no numbers",
          remedy: "Give amounts of a few standard deviations, or a --temperature near 1")
      }
      for k in 0..<n {
        result.append(
          Image(
            width: edge, height: edge, channels: architecture.channels,
            samples: Array(decoded.values[k * size..<(k + 1) * size])))
      }
    }
    return result
  }

  /// Cost of a reconstructed value in nats, with its derivatives by the value and by the logarithm of its spread.
  package typealias Cost = (
    _ patch: Int, _ index: Int, _ reconstruction: Float, _ spread: Float?
  ) -> (nats: Float, slope: Float, slopeByLogSpread: Float)

  /// Cost of the patches that latents decode to, summed over each patch, and its gradient with respect to the latents.
  ///
  /// - Parameter cost: called for every value of every patch; `patch` counts within the code, `index` within the
  ///   patch's samples.
  package func gradient(
    at code: LatentCode, of cost: Cost
  ) throws -> (nats: [Double], gradient: LatentCode) {
    var nats: [Double] = []
    var gradients: [LatentCode] = []
    for first in stride(from: 0, to: code.count, by: Self.batch) {
      let n = min(Self.batch, code.count - first)
      let decoded = try decode(code, patches: first..<first + n)
      let scales = network.scales
      let slope = try Tensor(decoded.shape, engine: network.engine)
      let scaleSlope = try scales.map { tensor throws in
        try Tensor(tensor.shape, engine: network.engine)
      }
      let size = decoded.shape.count / Self.batch
      for k in 0..<n {
        var sum = 0.0
        for i in k * size..<(k + 1) * size {
          let one = cost(first + k, i - k * size, decoded.values[i], scales?.values[i])
          sum += Double(one.nats)
          slope.values[i] = one.slope
          scaleSlope?.values[i] = one.slopeByLogSpread
        }
        nats.append(sum)
      }
      let byLatents = try network.latentGradients(slope, scaleGradient: scaleSlope)
      gradients.append(
        LatentCode(
          count: n,
          stages: byLatents.map { latent in
            latent.map { Array($0.values[..<($0.shape.count / Self.batch * n)]) } ?? []
          }))
    }
    return (nats, .joined(gradients))
  }

  /// Decodes one batch. If it is not full, the results beyond `patches` have no meaning.
  private func decode(_ code: LatentCode, patches: Range<Int>) throws -> Tensor {
    for (stage, latent) in latents.enumerated() {
      guard let latent else { continue }
      let size = latent.shape.count / Self.batch
      latent.values.update(repeating: 0)
      for i in 0..<patches.count * size { latent.values[i] = code.stages[stage][patches.lowerBound * size + i] }
    }
    return try network.decode(latents, patches: Self.batch)
  }
}
