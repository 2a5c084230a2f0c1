import Compute
import Numerics

/// A network that finds lesions, given a scan, the residual of the VAE's reconstruction, and the divergence of the
/// VAE's latents.
///
/// It has an encoder and a decoder; at every resolution, encoder features are added to the decoder's. Unlike the VAE,
/// it may copy its input, because its task is to judge it. It is trained only on lesions planted in healthy scans, so
/// that it learns how healthy borders, vessels and folds look in a residual.
/// Sources: Zavrtanik et al. 2021, arXiv:2108.07610 (a discriminating network on planted anomalies); Ronneberger et al.
/// 2015, arXiv:1505.04597 (U-Net), with sums in place of concatenations.
package final class ScoreNetwork {
  package struct Architecture: Codable, Sendable, Equatable {
    /// Number of input channels; see `ScoreInput`.
    package var inputs: Int
    /// Blocks of `blockSize` x `blockSize` pixels become channels before the first convolution.
    package var blockSize = 2
    /// Number of feature maps of each stage; each stage is half the size of the one before.
    package var widths = [16, 32, 64, 64]

    package init(inputs: Int) { self.inputs = inputs }

    package var granularity: Int { blockSize << (widths.count - 1) }

    /// A sentence that says which of these numbers is not supported; `nil` if all are.
    package var fault: String? {
      if inputs < 1 || inputs > 512 { return "a score network of \(inputs) inputs; 1 to 512 are supported" }
      if blockSize < 1 || blockSize > 8 {
        return "a score network with blocks of \(blockSize) pixels; 1 to 8 are supported"
      }
      if widths.isEmpty || widths.count > 6 || widths.contains(where: { $0 % 8 != 0 || $0 < 8 || $0 > 512 }) {
        return "a score network of widths \(widths); 1 to 6 multiples of 8 up to 512 are supported"
      }
      return nil
    }
  }

  package let architecture: Architecture
  package let engine: Engine
  private let encoders: [Sequential]
  private let decoders: [(enter: Sequential, leave: Sequential)]
  private let output: Convolution
  private var buffers = Plans<Buffers>()
  private var current: Buffers?

  private final class Buffers {
    let blocks: Tensor
    let logits: Tensor
    let blockGradient: Tensor
    /// Sums of encoder and decoder features, one per stage; in `backward` they hold the gradients of the encoder
    /// features.
    let sums: [Tensor]

    init(_ shape: Shape, _ a: Architecture, engine: Engine) throws {
      let (b, n) = (a.blockSize, shape.n)
      blocks = try Tensor(Shape(n, shape.h / b, shape.w / b, shape.c * b * b), engine: engine)
      logits = try Tensor(Shape(n, shape.h, shape.w, 1), engine: engine)
      blockGradient = try Tensor(Shape(n, shape.h / b, shape.w / b, b * b), engine: engine)
      var sums: [Tensor] = []
      for stage in 0..<a.widths.count - 1 {
        sums.append(
          try Tensor(
            Shape(n, (shape.h / b) >> stage, (shape.w / b) >> stage, a.widths[stage]), engine: engine,
            readBy: .both))
      }
      self.sums = sums
    }
  }

  /// Logit of the lesion probability that an untrained network gives to a pixel.
  private static let initialLogit: Float = -3

  package init(_ a: Architecture, seed: UInt64, engine: Engine) {
    precondition(a.fault == nil, a.fault ?? "")
    var random = RandomGenerator(seed: seed ^ 0x5C0_4E)
    architecture = a
    self.engine = engine
    func block(
      _ name: String, _ from: Int, _ to: Int, stride: Int = 1, readBy readers: Tensor.Readers = .convolutions
    ) -> [any Layer] {
      convolutionBlock(
        "score.\(name)", from: from, to: to, stride: stride, readBy: readers, engine: engine, using: &random)
    }
    encoders = a.widths.indices.map { stage in
      let from = stage == 0 ? a.inputs * a.blockSize * a.blockSize : a.widths[stage - 1]
      return Sequential(
        block("encode\(stage).0", from, a.widths[stage], stride: stage == 0 ? 1 : 2)
          + block("encode\(stage).1", a.widths[stage], a.widths[stage], readBy: .both))
    }
    decoders = (0..<a.widths.count - 1).map { stage in
      (
        Sequential(
          doublingBlock(
            "score.decode\(stage).enter", from: a.widths[stage + 1], to: a.widths[stage], engine: engine, using: &random
          )),
        Sequential(block("decode\(stage).leave", a.widths[stage], a.widths[stage]))
      )
    }
    output = Convolution(
      "score.output", from: a.widths[0], to: a.blockSize * a.blockSize, kernel: 1, gain: 0.1, engine: engine,
      using: &random)
    output.bias.set([Float](repeating: Self.initialLogit, count: output.bias.count))
  }

  /// A network with the weights of another, now and whenever they change, and everything else of its own.
  convenience init(following other: ScoreNetwork, engine: Engine) {
    self.init(other.architecture, seed: 0, engine: engine)
    for (own, others) in zip(parameters, other.parameters) { own.follow(others) }
  }

  package var parameters: [Parameter] {
    encoders.flatMap(\.parameters) + decoders.flatMap { $0.enter.parameters + $0.leave.parameters } + output.parameters
  }

  /// - Parameter x: `[n, h, w, inputs]`, `h` and `w` multiples of the granularity.
  /// - Returns: the log-odds that a pixel is lesion, `[n, h, w, 1]`, valid until the next call.
  package func forward(_ x: Tensor) throws -> Tensor {
    let step = architecture.granularity
    precondition(
      x.shape.c == architecture.inputs && x.shape.h % step == 0 && x.shape.w % step == 0,
      "\(x.shape) does not suit a score network of \(architecture.inputs) inputs and multiples of \(step) pixels")
    let b = try buffers.plan(for: x.shape) { shape throws in
      try Buffers(shape, architecture, engine: engine)
    }
    current = b
    SpaceToDepth.forward(x, factor: architecture.blockSize, into: b.blocks)
    var features: [Tensor] = []
    var h = b.blocks
    for encoder in encoders {
      h = try encoder.forward(h)
      features.append(h)
    }
    for stage in decoders.indices.reversed() {
      let sum = b.sums[stage]
      sum.set(try decoders[stage].enter.forward(h), plus: features[stage])
      h = try decoders[stage].leave.forward(sum)
    }
    SpaceToDepth.inverse(try output.forward(h), factor: architecture.blockSize, into: b.logits)
    return b.logits
  }

  /// Sets the gradients of all parameters.
  ///
  /// - Parameter gradient: gradient of the loss by the logits of the last `forward`.
  package func backward(_ gradient: Tensor) throws {
    guard let b = current else { preconditionFailure("the score network's backward came before its forward") }
    SpaceToDepth.forward(gradient, factor: architecture.blockSize, into: b.blockGradient)
    var g = try output.backward(b.blockGradient)
    for stage in decoders.indices {
      let byFeatures = b.sums[stage]  // free to hold the gradient: `leave` is the last to use the sum
      g = try decoders[stage].leave.backward(g)
      byFeatures.copy(from: g)
      g = try decoders[stage].enter.backward(g)
    }
    for stage in encoders.indices.reversed() {
      if stage < decoders.count {
        b.sums[stage].add(g)
        g = b.sums[stage]
      }
      if stage > 0 { g = try encoders[stage].backward(g) } else { try encoders[stage].backwardToParameters(g) }
    }
  }
}
