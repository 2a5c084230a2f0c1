import Compute
import Files
import Numerics

/// A patch-level convolutional variational autoencoder with a latent at every resolution.
///
/// The encoder halves the patch stage by stage; the decoder doubles it again. There are no skip connections: the
/// decoder receives information from the encoder only through Gaussian latents, and the evidence lower bound charges
/// for that information. This keeps lesions from being copied to the reconstruction. The posterior of a latent depends
/// on the encoder and on the coarser stages of the decoder. The prior is standard normal, and a sample of the prior
/// runs through the same decoder.
///
/// ```
///        patch -> blocks -> encode 0 -> encode 1 -> encode 2 -> encode 3
///                              |           |           |           |
///                              z0          z1          z2          z3
///                              |           |           |           |
/// reconstruction <- blocks <- decode 0 <- decode 1 <- decode 2 <- decode 3
/// ```
///
/// Sources: Kingma & Welling 2014, arXiv:1312.6114 (the VAE); Sønderby et al. 2016, arXiv:1602.02282 (a latent at every
/// stage, inferred from above and below); Vahdat & Kautz 2020, arXiv:2007.03898 (posterior relative to the decoder's
/// state); Shi et al. 2016, arXiv:1609.05158 (blocks of pixels as channels).
package final class VAE {
  package struct Architecture: Codable, Sendable, Equatable {
    /// Number of channels of a scan.
    package var channels: Int
    /// Edge of a patch in pixels; a multiple of `granularity`.
    package var patchSize: Int
    /// Blocks of `blockSize` x `blockSize` pixels become channels before the first convolution.
    package var blockSize = 2
    /// Number of feature maps of each stage; each stage is half the size of the one before.
    package var widths = [16, 32, 64, 64]
    /// Number of latent channels of each stage; 0 where the decoder gets nothing from the encoder.
    package var latents = [0, 4, 8, 16]
    /// Meaning of the last layer's outputs.
    package var output = Output.intensity
    /// Whether the network has a second last layer that predicts the spread of every value.
    package var predictsScales = false

    package enum Output: String, Codable, Sendable {
      case intensity
      /// Logits of numbers between 0 and 1; the reconstruction is the logistic function of the logits.
      case probability
    }

    package init(channels: Int, patchSize: Int) {
      self.channels = channels
      self.patchSize = patchSize
    }

    /// Height and width of the network's input must be multiples of this.
    package var granularity: Int { blockSize << (widths.count - 1) }

    /// Shapes of the latents of `n` patches, stage by stage; `nil` where a stage has none.
    package func latentShapes(patches n: Int) -> [Shape?] {
      latents.enumerated().map { stage, k in
        let edge = (patchSize / blockSize) >> stage
        return k > 0 ? Shape(n, edge, edge, k) : nil
      }
    }

    /// A sentence that says which of these numbers is not supported; `nil` if all are.
    package var fault: String? {
      if channels < 1 || channels > 64 { return "\(Count.of(channels, "channel")); 1 to 64 are supported" }
      if blockSize < 1 || blockSize > 8 { return "blocks of \(blockSize) pixels; 1 to 8 are supported" }
      if widths.isEmpty || widths.count > 6 || widths.contains(where: { $0 % 8 != 0 || $0 < 8 || $0 > 512 }) {
        return "stage widths \(widths); 1 to 6 multiples of 8 up to 512 are supported"
      }
      if latents.count != widths.count || latents.contains(where: { $0 < 0 || $0 > 256 }) || latents.last == 0 {
        return "latent channels \(latents); one number from 0 to 256 a stage is expected, above 0 for the last"
      }
      if patchSize < granularity || patchSize > 1024 || patchSize % granularity != 0 {
        return "patches of \(patchSize) pixels; a multiple of \(granularity) up to 1024 is expected"
      }
      return nil
    }
  }

  package let architecture: Architecture
  package let engine: Engine
  private let encoders: [Sequential]
  private let decoders: [Decoder]
  private let output: Convolution
  private let scaleOutput: Convolution?
  private var buffers = Plans<Buffers>()
  private var current: Buffers?
  private var followers: [VAE] = []

  /// One stage of the decoder: takes the features of the next coarser stage, adds its latent, and makes the stage's
  /// features.
  private struct Decoder {
    let enter: Sequential?  // from the next coarser stage; nil at the coarsest
    let posteriorFromEncoder: Convolution?  // outputs means and log-variances
    let posteriorFromDecoder: Convolution?
    let latent: GaussianLatent?
    let expand: Convolution?  // from z to feature maps
    let leave: Sequential

    var parameters: [Parameter] {
      let layers: [(any Layer)?] = [enter, posteriorFromEncoder, posteriorFromDecoder, expand, leave]
      return layers.flatMap { $0?.parameters ?? [] }
    }
  }

  /// Tensors that belong to no layer, for one shape of patches.
  private final class Buffers {
    let blocks: Tensor  // [n, h / 2, w / 2, 4c]
    let reconstruction: Tensor  // [n, h, w, c]
    let scales: Tensor?  // [n, h, w, c]
    let gradient: Tensor  // [n, h, w, c]; by the outputs of a last layer, then by the input
    let blockGradient: Tensor
    // One entry per stage; `nil` where the stage has no latent.
    var statistics: [Tensor?]
    var states: [Tensor?]
    var featureGradients: [Tensor?]

    init(_ shape: Shape, _ a: Architecture, engine: Engine) throws {
      let b = a.blockSize
      reconstruction = try Tensor(shape, engine: engine)
      scales = a.predictsScales ? try Tensor(shape, engine: engine) : nil
      gradient = try Tensor(shape, engine: engine)
      blocks = try Tensor(Shape(shape.n, shape.h / b, shape.w / b, shape.c * b * b), engine: engine)
      blockGradient = try Tensor(blocks.shape, engine: engine)
      statistics = []
      states = []
      featureGradients = []
      for (stage, (width, latent)) in zip(a.widths, a.latents).enumerated() {
        let h = (shape.h / b) >> stage
        let w = (shape.w / b) >> stage
        let (hasLatent, maps) = (latent > 0, Shape(shape.n, h, w, width))
        statistics.append(hasLatent ? try Tensor(Shape(shape.n, h, w, 2 * latent), engine: engine) : nil)
        states.append(hasLatent ? try Tensor(maps, engine: engine, readBy: .both) : nil)
        featureGradients.append(hasLatent ? try Tensor(maps, engine: engine) : nil)
      }
    }
  }

  package init(_ architecture: Architecture, seed: UInt64, engine: Engine) {
    if let fault = architecture.fault { preconditionFailure(fault) }
    self.architecture = architecture
    self.engine = engine
    var random = RandomGenerator(seed: seed)
    let a = architecture
    let blockChannels = a.channels * a.blockSize * a.blockSize

    func block(_ name: String, _ from: Int, _ to: Int, stride: Int = 1) -> [any Layer] {
      convolutionBlock(name, from: from, to: to, stride: stride, engine: engine, using: &random)
    }
    encoders = a.widths.indices.map { stage in
      let from = stage == 0 ? blockChannels : a.widths[stage - 1]
      return Sequential(
        block("encode\(stage).0", from, a.widths[stage], stride: stage == 0 ? 1 : 2)
          + block("encode\(stage).1", a.widths[stage], a.widths[stage]))
    }
    decoders = a.widths.indices.map { stage in
      let width = a.widths[stage]
      let k = a.latents[stage]
      let coarsest = stage == a.widths.count - 1
      func head(_ name: String, _ from: Int, _ to: Int, gain: Float) -> Convolution {
        Convolution("decode\(stage).\(name)", from: from, to: to, kernel: 1, gain: gain, engine: engine, using: &random)
      }
      return Decoder(
        enter: coarsest
          ? nil
          : Sequential(
            doublingBlock("decode\(stage).enter", from: a.widths[stage + 1], to: width, engine: engine, using: &random)),
        posteriorFromEncoder: k > 0 ? head("posterior_encoder", width, 2 * k, gain: 0.5) : nil,
        posteriorFromDecoder: k > 0 && !coarsest ? head("posterior_decoder", width, 2 * k, gain: 0.5) : nil,
        latent: k > 0 ? GaussianLatent(channels: k, engine: engine) : nil,
        expand: k > 0 ? head("expand", k, width, gain: 1) : nil,
        leave: Sequential(block("decode\(stage).leave", width, width)))
    }
    output = Convolution(
      "output", from: a.widths[0], to: blockChannels, kernel: 1, gain: 0.1, engine: engine, using: &random)
    scaleOutput =
      a.predictsScales
      ? Convolution(
        "output_scale", from: a.widths[0], to: blockChannels, kernel: 1, gain: 0.1, engine: engine, using: &random)
      : nil
  }

  /// A network with the weights of another, now and whenever they change, and everything else of its own.
  convenience init(following other: VAE, engine: Engine) {
    self.init(other.architecture, seed: 0, engine: engine)
    for (own, others) in zip(parameters, other.parameters) { own.follow(others) }
  }

  /// Networks that follow this one, each with an engine of its own, for as many threads to use side by side. The same
  /// ones are returned every time, so that only one caller may use them at a time.
  func followers(_ count: Int) throws -> [VAE] {
    while followers.count < count {
      followers.append(VAE(following: self, engine: try Engine(precision: engine.precision)))
    }
    return Array(followers[..<count])
  }

  package var parameters: [Parameter] {
    encoders.flatMap(\.parameters) + decoders.flatMap(\.parameters) + output.parameters
      + (scaleOutput?.parameters ?? [])
  }

  /// Divergence of each latent channel in the last `forward`, in nats per patch, one array per stage.
  ///
  /// If several processes share a batch, each sets the divergences of the whole batch before `backward`.
  package var divergences: [[Double]] {
    get { decoders.map { $0.latent?.divergences ?? [] } }
    set { for (decoder, values) in zip(decoders, newValue) { decoder.latent?.divergences = values } }
  }

  /// Divergence of each cell in the last `forward`, in nats, `[n, h / 2^k, w / 2^k, 1]` for each stage with a latent.
  package var divergenceMaps: [Tensor] { decoders.compactMap { $0.latent?.divergenceMap } }

  /// Spread of every value in the last `forward`, with the shape of the reconstruction, in intensities: mean
  /// absolute difference for a Laplace likelihood, standard deviation for a Gaussian one. `nil` if the network predicts
  /// none.
  package var scales: Tensor? { current?.scales }

  /// Posteriors of the last `forward`, stage by stage, `[n, h / 2^stage, w / 2^stage, 2k]` in blocks: the `k` means,
  /// then the `k` log-variances. `nil` where a stage has no latent.
  package var posteriors: [Tensor?] { current?.statistics ?? [] }

  /// Encodes the input, samples the latents and decodes them.
  ///
  /// - Parameters:
  ///   - x: normalized intensities, nominally 0...1, `[n, h, w, c]`, `h` and `w` multiples of the granularity.
  ///   - generator: source of the posterior's noise; `nil` uses the posterior's mean, as scoring does.
  ///   - share: which patches of the batch these are; `nil` if they are the whole batch.
  /// - Returns: the reconstruction, same shape, valid until the next call; probabilities if `architecture.output` is
  ///   `probability`, otherwise intensities.
  package func forward(
    _ x: Tensor, sampling generator: inout RandomGenerator?, share: BatchShare? = nil
  ) throws -> Tensor {
    let b = try prepare(x.shape)
    SpaceToDepth.forward(x, factor: architecture.blockSize, into: b.blocks)
    var features: [Tensor] = []
    var h = b.blocks
    for encoder in encoders {
      h = try encoder.forward(h)  // [n, h / 2^stage, w / 2^stage, width]
      features.append(h)
    }
    return try decode(in: b) { stage, above throws in
      let decoder = decoders[stage]
      guard let latent = decoder.latent, let fromEncoder = decoder.posteriorFromEncoder else { return nil }
      let statistics = b.statistics[stage]!  // [n, h, w, 2k]
      let seen = try fromEncoder.forward(features[stage])
      if let above, let fromDecoder = decoder.posteriorFromDecoder {
        statistics.set(seen, plus: try fromDecoder.forward(above))
      } else {
        statistics.copy(from: seen)
      }
      return try latent.forward(statistics, sampling: &generator, share: share)  // [n, h, w, k]
    }
  }

  /// Decodes latents, which may come from anywhere.
  ///
  /// - Parameter latents: latents of each stage, with the shapes that `latentShapes` returns; `nil` where a stage has
  ///   none.
  /// - Returns: the reconstruction, as from `forward`.
  package func decode(_ latents: [Tensor?], patches n: Int) throws -> Tensor {
    let size = architecture.patchSize
    let b = try prepare(Shape(n, size, size, architecture.channels))
    return try decode(in: b) { stage, _ in latents[stage] }
  }

  /// Latents of the last `forward`, stage by stage, valid until the next call; `nil` where a stage has none.
  package var latents: [Tensor?] { decoders.map { $0.latent?.z } }

  /// Runs the decoder from the coarsest stage to the finest.
  ///
  /// - Parameter latent: returns the latent of a stage; its arguments are the stage's index and the features that come
  ///   from the next coarser stage.
  private func decode(
    in b: Buffers, latent: (Int, Tensor?) throws -> Tensor?
  ) throws -> Tensor {
    var coarser: Tensor?
    for stage in decoders.indices.reversed() {
      let decoder = decoders[stage]
      var above: Tensor?
      if let coarser, let enter = decoder.enter { above = try enter.forward(coarser) }
      if let z = try latent(stage, above), let expand = decoder.expand, let state = b.states[stage] {
        let expanded = try expand.forward(z)
        if let above { state.set(expanded, plus: above) } else { state.copy(from: expanded) }
        above = state
      }
      guard let state = above else { preconditionFailure("the coarsest stage has no latent") }
      coarser = try decoder.leave.forward(state)
    }
    guard let h = coarser else { preconditionFailure("a decoder without stages") }
    SpaceToDepth.inverse(try output.forward(h), factor: architecture.blockSize, into: b.reconstruction)
    if architecture.output == .probability { OutputMap.makeProbabilities(b.reconstruction) }
    if let scaleOutput, let scales = b.scales {
      SpaceToDepth.inverse(try scaleOutput.forward(h), factor: architecture.blockSize, into: scales)
      OutputMap.makeScales(scales)
    }
    return b.reconstruction
  }

  /// Sets the gradients of all parameters for `loss + sum over stages of weight * divergence`.
  ///
  /// - Parameters:
  ///   - gradient: gradient of the loss by the reconstruction of the last `forward`; with zeros only the divergence
  ///     counts.
  ///   - scaleGradient: gradient of the loss by the logarithms of that forward's `scales`; `nil` if it has none.
  ///   - divergenceWeights: weight of a nat of divergence of one patch, one number per stage.
  ///   - freeNats: divergence of a channel that costs nothing, in nats per patch.
  package func backwardToParameters(
    _ gradient: Tensor, scaleGradient: Tensor? = nil, divergenceWeights: [Float], freeNats: Double
  ) throws {
    let byFeatures = try backwardToFirstEncoder(
      gradient, scaleGradient: scaleGradient, divergenceWeights: divergenceWeights, freeNats: freeNats
    ) { layer, gradient throws in try layer.backward(gradient) }
    try encoders[0].backwardToParameters(byFeatures)
  }

  /// Gradient of the same loss by the input of the last `forward`, `[n, h, w, c]`, valid until the next call. The
  /// parameters do not change, but their gradients do.
  package func backwardToInput(
    _ gradient: Tensor, scaleGradient: Tensor? = nil, divergenceWeights: [Float], freeNats: Double
  ) throws -> Tensor {
    let byFeatures = try backwardToFirstEncoder(
      gradient, scaleGradient: scaleGradient, divergenceWeights: divergenceWeights, freeNats: freeNats
    ) { layer, gradient throws in try layer.backwardToInput(gradient) }
    let b = current!
    SpaceToDepth.inverse(try encoders[0].backwardToInput(byFeatures), factor: architecture.blockSize, into: b.gradient)
    return b.gradient
  }

  /// Brings a gradient back through a layer.
  private typealias Pass = (any Layer, Tensor) throws -> Tensor

  /// - Returns: the gradient by the first stage's features.
  private func backwardToFirstEncoder(
    _ gradient: Tensor, scaleGradient: Tensor?, divergenceWeights: [Float], freeNats: Double, pass: Pass
  ) throws -> Tensor {
    guard let b = current else { preconditionFailure("the VAE's backward came before its forward") }
    var g = try backwardThroughOutput(gradient, scaleGradient: scaleGradient, in: b, pass: pass)
    for stage in decoders.indices {
      let decoder = decoders[stage]
      g = try pass(decoder.leave, g)
      if let latent = decoder.latent, let fromEncoder = decoder.posteriorFromEncoder, let expand = decoder.expand {
        let byStatistics = latent.backward(
          try pass(expand, g), weight: divergenceWeights[stage], freeNats: freeNats)
        b.featureGradients[stage]!.copy(from: try pass(fromEncoder, byStatistics))
        if let fromDecoder = decoder.posteriorFromDecoder {
          let state = b.states[stage]!  // free to hold the sum: `leave` has used it
          state.set(g, plus: try pass(fromDecoder, byStatistics))
          g = state
        }
      }
      if let enter = decoder.enter { g = try pass(enter, g) }
    }
    for stage in encoders.indices.reversed() {
      if let byFeatures = b.featureGradients[stage] {
        if stage < encoders.count - 1 { byFeatures.add(g) }
        g = byFeatures
      }
      if stage > 0 { g = try pass(encoders[stage], g) }
    }
    return g
  }

  /// Gradient of a loss by the latents of the last `decode`, stage by stage, valid until the next call; `nil` where a
  /// stage has none. The arguments are those of `backwardToInput`.
  package func latentGradients(
    _ gradient: Tensor, scaleGradient: Tensor? = nil
  ) throws -> [Tensor?] {
    guard let b = current else { preconditionFailure("the VAE's backward came before its decode") }
    var g = try backwardThroughOutput(gradient, scaleGradient: scaleGradient, in: b) {
      layer, gradient throws in try layer.backwardToInput(gradient)
    }
    var result: [Tensor?] = []
    for decoder in decoders {
      g = try decoder.leave.backwardToInput(g)
      result.append(try decoder.expand?.backwardToInput(g))
      if let enter = decoder.enter { g = try enter.backwardToInput(g) }
    }
    return result
  }

  /// - Returns: the gradient by the feature maps that are the input of the last layers.
  private func backwardThroughOutput(
    _ gradient: Tensor, scaleGradient: Tensor?, in b: Buffers, pass: Pass
  ) throws -> Tensor {
    b.gradient.copy(from: gradient)
    if architecture.output == .probability { OutputMap.toLogits(b.gradient, of: b.reconstruction) }
    SpaceToDepth.forward(b.gradient, factor: architecture.blockSize, into: b.blockGradient)
    let g = try pass(output, b.blockGradient)
    if let scaleOutput, let scales = b.scales {
      if let scaleGradient { b.gradient.copy(from: scaleGradient) } else { b.gradient.values.update(repeating: 0) }
      OutputMap.toRaw(b.gradient, of: scales)
      SpaceToDepth.forward(b.gradient, factor: architecture.blockSize, into: b.blockGradient)
      g.add(try pass(scaleOutput, b.blockGradient))
    }
    return g
  }

  private func prepare(_ shape: Shape) throws -> Buffers {
    let step = architecture.granularity
    precondition(
      shape.c == architecture.channels && shape.h % step == 0 && shape.w % step == 0,
      "\(shape) does not suit a model of \(architecture.channels) channels and multiples of \(step) pixels")
    let result = try buffers.plan(for: shape) { shape throws in
      try Buffers(shape, architecture, engine: engine)
    }
    current = result
    return result
  }
}

extension VAE.Architecture {
  /// Decodes an architecture; values that models of earlier versions do not store get the defaults of that time.
  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    channels = try values.decode(Int.self, forKey: .channels)
    patchSize = try values.decode(Int.self, forKey: .patchSize)
    blockSize = try values.decode(Int.self, forKey: .blockSize)
    widths = try values.decode([Int].self, forKey: .widths)
    latents = try values.decode([Int].self, forKey: .latents)
    output = try values.decodeIfPresent(Output.self, forKey: .output) ?? .intensity
    predictsScales = try values.decodeIfPresent(Bool.self, forKey: .predictsScales) ?? false
  }
}
