/// Layer normalization over the channels of each pixel, with a learned scale and shift a channel, then `y * sigmoid(y)`.
///
/// `y = scale * (x - mean) / sqrt(variance + 1e-5) + shift`, mean and variance over the channels of one pixel. Nothing is
/// shared between pixels or between scans of a batch, so a result never depends on how a scan was tiled or batched.
/// Sources: Ba et al. 2016, arXiv:1607.06450; over channels alone as in Liu et al. 2022, arXiv:2201.03545; Elfwing et al.
/// 2017, arXiv:1702.03118 (SiLU).
///
/// One layer, so that maps go through the cache once in each direction, and leave it in the precision that the next
/// convolution multiplies. oneDNN 2.6 has no vectorized normalization for rows as short as 16 to 128 values.
package final class NormalizedActivation: Layer {
  package let scale: Parameter
  package let shift: Parameter
  private let engine: Engine
  private let channels: Int
  private var plans = Plans<Plan>()
  private var current: (plan: Plan, input: Tensor)?
  private static let epsilon: Float = 1e-5
  /// Fixed, so that the sums over chunks do not depend on the number of threads.
  private static let chunks = 16

  /// - Parameter channels: a multiple of 8.
  package init(_ name: String, channels: Int, engine: Engine) {
    precondition(channels % Lanes.scalarCount == 0, "\(name) has \(channels) channels, a multiple of 8 is needed")
    self.engine = engine
    self.channels = channels
    scale = Parameter("\(name).weight", shape: [channels], filledWith: 1)
    shift = Parameter("\(name).bias", shape: [channels])
  }

  package var parameters: [Parameter] { [scale, shift] }

  private final class Plan {
    let output: Tensor
    let inputGradient: Tensor
    /// Of every pixel, with room for a last group of eight.
    let means: UnsafeMutablePointer<Float>
    let inverseDeviations: UnsafeMutablePointer<Float>
    /// Gradients by scale and shift of every chunk.
    let sums: Tensor

    init(_ shape: Shape, engine: Engine) throws(ComputeError) {
      output = try Tensor(shape, engine: engine, isMultiplied: true)
      inputGradient = try Tensor(shape, engine: engine, isMultiplied: true)
      means = .allocate(capacity: shape.pixels + Lanes.scalarCount)
      inverseDeviations = .allocate(capacity: shape.pixels + Lanes.scalarCount)
      inverseDeviations.initialize(repeating: 0, count: shape.pixels + Lanes.scalarCount)
      sums = try Tensor(Shape(NormalizedActivation.chunks, 1, 2, shape.c), engine: engine)
    }

    deinit {
      means.deallocate()
      inverseDeviations.deallocate()
    }
  }

  package func forward(_ x: Tensor) throws(ComputeError) -> Tensor {
    precondition(x.shape.c == channels, "\(scale.name) takes \(channels) channels, \(x.shape.c) came")
    let plan = try plans.plan(for: x.shape) { shape throws(ComputeError) in try Plan(shape, engine: engine) }
    current = (plan, x)
    let pass = Forward(
      source: x.lanes, target: plan.output.lanes, rounded: plan.output.rounded?.lanes, means: plan.means,
      inverseDeviations: plan.inverseDeviations, scale: scale.lanes, shift: shift.lanes)
    forEachChunk(x.shape.pixels) { [vectors = channels / Lanes.scalarCount] _, pixels in
      // The usual numbers are known to the compiler, which then keeps a pixel in registers.
      switch vectors {
      case 2: pass.run(pixels, vectors: 2)
      case 4: pass.run(pixels, vectors: 4)
      case 8: pass.run(pixels, vectors: 8)
      default: pass.run(pixels, vectors: vectors)
      }
    }
    return plan.output
  }

  private struct Forward {
    let source: UnsafePointer<Lanes>
    let target: UnsafeMutablePointer<Lanes>
    let rounded: UnsafeMutablePointer<SIMD8<UInt16>>?
    let means: UnsafeMutablePointer<Float>
    let inverseDeviations: UnsafeMutablePointer<Float>
    let scale: UnsafePointer<Lanes>
    let shift: UnsafePointer<Lanes>

    @inline(__always) func run(_ pixels: Range<Int>, vectors: Int) {
      let share = 1 / Float(vectors * Lanes.scalarCount)
      // Some pixels at a time, so that roots of eight of them are taken at once, and all are near when they are needed.
      for first in stride(from: pixels.lowerBound, to: pixels.upperBound, by: 8 * Lanes.scalarCount) {
        let group = first..<min(first &+ 8 &* Lanes.scalarCount, pixels.upperBound)
        for pixel in group {
          let row = source + pixel &* vectors
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
          let roots = UnsafeMutableRawPointer(inverseDeviations + pixel)
          roots.storeBytes(of: roots.loadUnaligned(as: Lanes.self).reciprocalRoot, as: Lanes.self)
        }
        for pixel in group {
          let (mean, inverse) = (means[pixel], inverseDeviations[pixel])
          for v in 0..<vectors {
            let place = pixel &* vectors &+ v
            let y = (source[place] - mean) * (inverse * scale[v]) + shift[v]
            let activated = y * y.logistic
            target[place] = activated
            if let rounded { rounded[place] = activated.rounded16 }
          }
        }
      }
    }
  }

  package func backward(_ gradient: Tensor) throws(ComputeError) -> Tensor {
    guard let (plan, input) = current else { preconditionFailure("\(scale.name): backward before forward") }
    let pass = Backward(
      source: input.lanes, incoming: gradient.lanes, target: plan.inputGradient.lanes,
      rounded: plan.inputGradient.rounded?.lanes, means: plan.means, inverseDeviations: plan.inverseDeviations,
      scale: scale.lanes, shift: shift.lanes, sums: plan.sums.lanes)
    forEachChunk(input.shape.pixels) { [vectors = channels / Lanes.scalarCount] chunk, pixels in
      switch vectors {
      case 2: pass.run(pixels, chunk: chunk, vectors: 2)
      case 4: pass.run(pixels, chunk: chunk, vectors: 4)
      case 8: pass.run(pixels, chunk: chunk, vectors: 8)
      default: pass.run(pixels, chunk: chunk, vectors: vectors)
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

  private struct Backward {
    let source: UnsafePointer<Lanes>
    let incoming: UnsafePointer<Lanes>
    let target: UnsafeMutablePointer<Lanes>
    let rounded: UnsafeMutablePointer<SIMD8<UInt16>>?
    let means: UnsafePointer<Float>
    let inverseDeviations: UnsafePointer<Float>
    let scale: UnsafePointer<Lanes>
    let shift: UnsafePointer<Lanes>
    let sums: UnsafeMutablePointer<Lanes>

    @inline(__always) func run(_ pixels: Range<Int>, chunk: Int, vectors: Int) {
      let share = 1 / Float(vectors * Lanes.scalarCount)
      let byScale = sums + chunk * 2 * vectors
      let byShift = byScale + vectors
      byScale.update(repeating: .zero, count: 2 * vectors)
      for pixel in pixels {
        let (mean, inverse) = (means[pixel], inverseDeviations[pixel])
        var plain = Lanes.zero
        var projected = Lanes.zero
        for v in 0..<vectors {
          let place = pixel &* vectors &+ v
          let normal = (source[place] - mean) * inverse
          let y = normal * scale[v] + shift[v]
          let s = y.logistic
          // The derivative of y * s(y) is s + y * s * (1 - s).
          let d = incoming[place] * (s * (1 + y * (1 - s)))
          let g = d * scale[v]
          plain += g
          projected += g * normal
          byScale[v] += d * normal
          byShift[v] += d
          target[place] = g
        }
        let a = plain.total * share
        let b = projected.total * share * inverse
        for v in 0..<vectors {
          let place = pixel &* vectors &+ v
          let result = (target[place] - a - (source[place] - mean) * b) * inverse
          target[place] = result
          if let rounded { rounded[place] = result.rounded16 }
        }
      }
    }
  }

  /// Chunks begin at multiples of eight pixels: no two threads write to the same vector of roots.
  private func forEachChunk(_ pixels: Int, _ body: (Int, Range<Int>) -> Void) {
    let size = Lanes.scalarCount
    let groups = (pixels + size - 1) / size
    Parallel.run(chunks: Self.chunks) { chunk in
      let (first, end) = (groups * chunk / Self.chunks, groups * (chunk + 1) / Self.chunks)
      body(chunk, first * size..<min(pixels, end * size))
    }
  }
}

extension Tensor {
  fileprivate var lanes: UnsafeMutablePointer<Lanes> {
    UnsafeMutableRawPointer(values.baseAddress!).assumingMemoryBound(to: Lanes.self)
  }
}

extension Parameter {
  fileprivate var lanes: UnsafeMutablePointer<Lanes> {
    UnsafeMutableRawPointer(value.baseAddress!).assumingMemoryBound(to: Lanes.self)
  }
}

extension Tensor.Rounded {
  fileprivate var lanes: UnsafeMutablePointer<SIMD8<UInt16>> {
    UnsafeMutableRawPointer(bits.baseAddress!).assumingMemoryBound(to: SIMD8<UInt16>.self)
  }
}
