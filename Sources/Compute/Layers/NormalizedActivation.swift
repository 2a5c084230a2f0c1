import Threads

/// Layer normalization over the channels of each pixel, with a learned scale and shift for each channel.
/// The activation `y * sigmoid(y)` follows.
///
/// `y = scale * (x - mean) / sqrt(variance + 1e-5) + shift`, mean and variance over the channels of one pixel. Nothing
/// is shared between pixels or between scans of a batch, so a result never depends on how a scan was tiled or batched.
/// Sources: Ba et al. 2016, arXiv:1607.06450; over channels alone as in Liu et al. 2022, arXiv:2201.03545; Elfwing et
/// al. 2017, arXiv:1702.03118 (SiLU).
///
/// Both steps are one layer, so that maps pass through the cache once in each direction and the output already has the
/// precision that the next convolution multiplies. oneDNN 2.6 has no vectorized normalization for rows as short as 16
/// to 128 values.
package final class NormalizedActivation: Layer {
  package let scale: Parameter
  package let shift: Parameter
  private let engine: Engine
  private let channels: Int
  private let readsDoubled: Bool
  private let readers: Tensor.Readers
  private var plans = Plans<Plan>()
  private var current: (plan: Plan, input: Tensor)?
  private static let epsilon: Float = 1e-5
  /// Number of chunks; fixed, so that the sums over chunks do not depend on the number of threads.
  private static let chunks = 16

  /// - Parameters:
  ///   - channels: a multiple of 8.
  ///   - readsDoubled: whether the input is the output of a `DoublingConvolution`; this layer's output is then the
  ///     doubled map.
  ///   - readers: which code reads the output. Only convolutions read the gradient with respect to the input.
  package init(
    _ name: String, channels: Int, readsDoubled: Bool = false, readBy readers: Tensor.Readers = .both, engine: Engine
  ) {
    precondition(channels % Lanes.scalarCount == 0, "\(name) has \(channels) channels, a multiple of 8 is needed")
    self.engine = engine
    self.channels = channels
    self.readsDoubled = readsDoubled
    self.readers = readers
    scale = Parameter("\(name).weight", shape: [channels], filledWith: 1)
    shift = Parameter("\(name).bias", shape: [channels])
  }

  package var parameters: [Parameter] { [scale, shift] }

  private final class Plan {
    let output: Tensor
    let inputGradient: Tensor
    /// Positions of the output's pixels in the input; `nil` if they are the same as in the output.
    let doubled: DoubledMap?
    /// Mean of every pixel's channels, with padding for a last group of eight pixels.
    let means: SplitBuffer<Float>
    let inverseDeviations: SplitBuffer<Float>
    /// Gradients of scale and shift, summed over each chunk.
    let sums: Tensor
    /// Scratch memory of each chunk for the backward pass of eight pixels: two sums and a gradient per pixel.
    let workspace: Tensor

    init(_ input: Shape, isDoubled: Bool, readers: Tensor.Readers, engine: Engine) throws {
      doubled = isDoubled ? DoubledMap(in: input) : nil
      let shape = doubled?.shape ?? input
      output = try Tensor(shape, engine: engine, readBy: readers)
      inputGradient = try Tensor(input, engine: engine, readBy: .convolutions)
      let room = shape.pixels + Lanes.scalarCount
      means = SplitBuffer(.allocate(capacity: room))
      inverseDeviations = SplitBuffer(.allocate(capacity: room))
      inverseDeviations.start.initialize(repeating: 0, count: room)
      sums = try Tensor(Shape(NormalizedActivation.chunks, 1, 2, shape.c), engine: engine)
      workspace = try Tensor(
        Shape(NormalizedActivation.chunks, 1, Lanes.scalarCount, 2 * Lanes.scalarCount + shape.c), engine: engine)
    }

    deinit {
      means.start.deallocate()
      inverseDeviations.start.deallocate()
    }
  }

  package func forward(_ x: Tensor) throws -> Tensor {
    let expected = readsDoubled ? 4 * channels : channels
    precondition(x.shape.c == expected, "\(scale.name) takes \(expected) channels, \(x.shape.c) came")
    let plan = try plans.plan(for: x.shape) { shape throws in
      try Plan(shape, isDoubled: readsDoubled, readers: readers, engine: engine)
    }
    current = (plan, x)
    let pass = pass(over: x, in: plan, to: plan.output)
    // Both cases are written out, here and in `backward`: passing the positions through one shared loop costs 3 % of
    // scoring time.
    if let doubled = plan.doubled {
      doubled.places.withUnsafeBufferPointer { places in
        let places = ReadBuffer(places)
        forEachChunk(plan.output.shape.pixels) { _, pixels, vectors in
          pass.forward(pixels, vectors: vectors) { Int(places[$0]) }
        }
      }
    } else {
      forEachChunk(plan.output.shape.pixels) { _, pixels, vectors in pass.forward(pixels, vectors: vectors) { $0 } }
    }
    return plan.output
  }

  private func pass(over input: Tensor, in plan: Plan, to target: Tensor) -> Pass {
    Pass(
      source: input.lanes, target: target.holdsValues ? target.lanes : nil, rounded: target.rounded?.lanes,
      means: plan.means, inverseDeviations: plan.inverseDeviations, scale: scale.lanes, shift: shift.lanes)
  }

  /// The memory that a forward or backward pass reads and writes.
  private struct Pass: Sendable {
    /// The layer's input.
    let source: SplitBuffer<Lanes>
    /// The layer's output, or the gradient with respect to its input.
    let target: SplitBuffer<Lanes>?
    let rounded: SplitBuffer<SIMD8<UInt16>>?
    let means: SplitBuffer<Float>
    let inverseDeviations: SplitBuffer<Float>
    let scale: SplitBuffer<Lanes>
    let shift: SplitBuffer<Lanes>

    /// - Parameters:
    ///   - pixels: indices of pixels of the output.
    ///   - place: gives the index of a pixel in the input.
    @inline(__always) func forward(_ pixels: Range<Int>, vectors: Int, place: (Int) -> Int) {
      let share = 1 / Float(vectors * Lanes.scalarCount)
      // Works on groups of 64 pixels, so that reciprocal roots are computed for eight at once and the data is still in
      // the cache when it is needed.
      for first in stride(from: pixels.lowerBound, to: pixels.upperBound, by: 8 * Lanes.scalarCount) {
        let group = first..<min(first &+ 8 &* Lanes.scalarCount, pixels.upperBound)
        for pixel in group {
          let row = source.start + place(pixel) &* vectors
          var sum = Lanes.zero
          for v in 0..<vectors { sum += row[v] }
          let mean = sum.total * share
          var squares = Lanes.zero
          for v in 0..<vectors {
            let d = row[v] - mean
            squares += d * d
          }
          means[pixel] = mean
          inverseDeviations[pixel] = squares.total * share + NormalizedActivation.epsilon
        }
        for pixel in stride(from: first, to: group.upperBound, by: Lanes.scalarCount) {
          let roots = UnsafeMutableRawPointer(inverseDeviations.start + pixel)
          roots.storeBytes(of: roots.loadUnaligned(as: Lanes.self).reciprocalRoot, as: Lanes.self)
        }
        for pixel in group {
          let (mean, inverse) = (means[pixel], inverseDeviations[pixel])
          let (from, to) = (place(pixel) &* vectors, pixel &* vectors)
          for v in 0..<vectors {
            let y = (source[from &+ v] - mean) * (inverse * scale[v]) + shift[v]
            let activated = y * y.logistic
            if let target { target[to &+ v] = activated }
            if let rounded { rounded[to &+ v] = activated.rounded16 }
          }
        }
      }
    }

    /// - Parameters:
    ///   - pixels: indices of pixels of the output.
    ///   - incoming: gradient with respect to the layer's output.
    ///   - byScale: memory for the gradients of scale, then shift.
    ///   - workspace: memory for eight pixels: two vectors and a gradient for each.
    ///   - place: gives the index of a pixel in the input.
    @inline(__always) func backward(
      _ pixels: Range<Int>, incoming: UnsafePointer<Lanes>, byScale: UnsafeMutablePointer<Lanes>,
      workspace: UnsafeMutablePointer<Lanes>, vectors: Int, place: (Int) -> Int
    ) {
      let size = Lanes.scalarCount
      let share = 1 / Float(vectors * size)
      let byShift = byScale + vectors
      byScale.update(repeating: .zero, count: 2 * vectors)
      let (plainSums, projectedSums, gradients) = (workspace, workspace + size, workspace + 2 * size)
      // Handles eight pixels at a time and adds up their sums together, so that the additions wait less for each other.
      for first in stride(from: pixels.lowerBound, to: pixels.upperBound, by: size) {
        let group = first..<min(first &+ size, pixels.upperBound)
        for pixel in group {
          let (mean, inverse) = (means[pixel], inverseDeviations[pixel])
          let (to, from, own) = (place(pixel) &* vectors, pixel &* vectors, (pixel &- first) &* vectors)
          var plain = Lanes.zero
          var projected = Lanes.zero
          for v in 0..<vectors {
            let normal = (source[to &+ v] - mean) * inverse
            let y = normal * scale[v] + shift[v]
            let s = y.logistic
            // The derivative of y * s(y) is s + y * s * (1 - s).
            let d = incoming[from &+ v] * (s * (1 + y * (1 - s)))
            let g = d * scale[v]
            plain += g
            projected += g * normal
            byScale[v] += d * normal
            byShift[v] += d
            gradients[own &+ v] = g
          }
          plainSums[pixel &- first] = plain
          projectedSums[pixel &- first] = projected
        }
        let inverses = UnsafeRawPointer(inverseDeviations.start + first).loadUnaligned(as: Lanes.self)
        let a = Lanes(totalsOf: plainSums) * share
        let b = Lanes(totalsOf: projectedSums) * share * inverses
        plainSums[0] = a
        projectedSums[0] = b
        let plains = UnsafeRawPointer(plainSums).assumingMemoryBound(to: Float.self)
        let projecteds = UnsafeRawPointer(projectedSums).assumingMemoryBound(to: Float.self)
        for pixel in group {
          let (mean, inverse) = (means[pixel], inverseDeviations[pixel])
          let (a, b) = (plains[pixel &- first], projecteds[pixel &- first])
          let (to, own) = (place(pixel) &* vectors, (pixel &- first) &* vectors)
          for v in 0..<vectors {
            let result = (gradients[own &+ v] - a - (source[to &+ v] - mean) * b) * inverse
            if let target { target[to &+ v] = result }
            if let rounded { rounded[to &+ v] = result.rounded16 }
          }
        }
      }
    }
  }

  package func backward(_ gradient: Tensor) throws -> Tensor {
    guard let (plan, input) = current else { preconditionFailure("\(scale.name): backward before forward") }
    let pass = pass(over: input, in: plan, to: plan.inputGradient)
    let (incoming, sums, workspace) = (gradient.lanes, plan.sums.lanes, plan.workspace.lanes)
    let room = plan.workspace.shape.w * plan.workspace.shape.c / Lanes.scalarCount
    let pixels = plan.output.shape.pixels
    if let doubled = plan.doubled {
      doubled.places.withUnsafeBufferPointer { places in
        let places = ReadBuffer(places)
        forEachChunk(pixels) { chunk, pixels, vectors in
          pass.backward(
            pixels, incoming: incoming.start, byScale: sums.start + chunk * 2 * vectors,
            workspace: workspace.start + chunk * room, vectors: vectors
          ) { Int(places[$0]) }
        }
      }
    } else {
      forEachChunk(pixels) { chunk, pixels, vectors in
        pass.backward(
          pixels, incoming: incoming.start, byScale: sums.start + chunk * 2 * vectors,
          workspace: workspace.start + chunk * room, vectors: vectors
        ) { $0 }
      }
    }
    let total = plan.sums.values
    for c in 0..<channels {
      var byScale: Float = 0
      var byShift: Float = 0
      for chunk in 0..<Self.chunks {
        byScale += total[(2 * chunk) * channels + c]
        byShift += total[(2 * chunk + 1) * channels + c]
      }
      self.scale.gradient[c] = byScale
      self.shift.gradient[c] = byShift
    }
    try self.scale.gradientIsSet?()
    try self.shift.gradientIsSet?()
    return plan.inputGradient
  }

  /// Calls `body` for every chunk. Chunks begin at multiples of eight pixels, so that no two threads write to the same
  /// vector of roots.
  ///
  /// - Parameter body: receives the number of the chunk, its pixels, and the number of vectors per pixel.
  @inline(__always) private func forEachChunk(_ pixels: Int, _ body: @Sendable (Int, Range<Int>, Int) -> Void) {
    let (size, vectors) = (Lanes.scalarCount, channels / Lanes.scalarCount)
    let groups = (pixels + size - 1) / size
    Parallel.run(chunks: Self.chunks) { chunk in
      let (first, end) = (groups * chunk / Self.chunks, groups * (chunk + 1) / Self.chunks)
      let own = first * size..<min(pixels, end * size)
      // With common vector counts as constants, the compiler keeps a pixel in registers.
      switch vectors {
      case 2: body(chunk, own, 2)
      case 4: body(chunk, own, 4)
      case 8: body(chunk, own, 8)
      default: body(chunk, own, vectors)
      }
    }
  }
}

extension Tensor {
  fileprivate var lanes: SplitBuffer<Lanes> { values.vectors() }
}

extension Parameter {
  fileprivate var lanes: SplitBuffer<Lanes> { value.vectors() }
}

extension Tensor.Rounded {
  fileprivate var lanes: SplitBuffer<SIMD8<UInt16>> { bits.vectors() }
}

extension UnsafeMutableBufferPointer where Element: SIMDScalar {
  /// The elements as vectors of eight; a remainder of fewer than eight is left out.
  fileprivate func vectors() -> SplitBuffer<SIMD8<Element>> {
    SplitBuffer(
      UnsafeMutableRawPointer(baseAddress!).assumingMemoryBound(to: SIMD8<Element>.self),
      count: count / SIMD8<Element>.scalarCount)
  }
}
