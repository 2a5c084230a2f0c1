/// Doubles height and width by repeating every pixel; backwards, the four copies' gradients are summed.
package final class Upsample: Layer {
  private let engine: Engine
  private var plans: [Shape: (output: Tensor, inputGradient: Tensor)] = [:]
  private var current: Shape?

  package init(engine: Engine) { self.engine = engine }

  package var parameters: [Parameter] { [] }

  package func forward(_ x: Tensor) throws(ComputeError) -> Tensor {
    let shape = x.shape
    if plans[shape] == nil || (plans[shape]!.output.rounded == nil) != (x.rounded == nil) {
      plans[shape] = (
        try Tensor(Shape(shape.n, shape.h * 2, shape.w * 2, shape.c), engine: engine, isMultiplied: x.rounded != nil),
        try Tensor(shape, engine: engine)
      )
    }
    current = shape
    let output = plans[shape]!.output
    Self.double(x.values.baseAddress!, shape, into: output.values.baseAddress!)
    if let rounded = x.rounded, let target = output.rounded {
      Self.double(rounded.bits.baseAddress!, shape, into: target.bits.baseAddress!)
    }
    return output
  }

  private static func double<Value>(
    _ source: UnsafePointer<Value>, _ shape: Shape, into target: UnsafeMutablePointer<Value>
  ) {
    nonisolated(unsafe) let (source, target) = (source, target)
    let row = shape.w * 2 * shape.c
    Parallel.run(chunks: shape.n) { n in
      for y in n * shape.h..<(n + 1) * shape.h {
        let upper = target + y * 2 * row
        for x in 0..<shape.w {
          let pixel = source + (y * shape.w + x) * shape.c
          (upper + x * 2 * shape.c).update(from: pixel, count: shape.c)
          (upper + (x * 2 + 1) * shape.c).update(from: pixel, count: shape.c)
        }
        (upper + row).update(from: upper, count: row)
      }
    }
  }

  package func backward(_ gradient: Tensor) throws(ComputeError) -> Tensor {
    guard let shape = current, let plan = plans[shape] else { preconditionFailure("upsample: backward before forward") }
    let row = shape.w * 2 * shape.c
    let source = gradient.values.baseAddress!
    let target = plan.inputGradient.values.baseAddress!
    Parallel.run(chunks: shape.n) { n in
      for y in n * shape.h..<(n + 1) * shape.h {
        let upper = source + y * 2 * row
        let lower = upper + row
        for x in 0..<shape.w {
          let left = x * 2 * shape.c
          let pixel = target + (y * shape.w + x) * shape.c
          for c in 0..<shape.c {
            let right = left + shape.c
            pixel[c] = (upper[left + c] + upper[right + c]) + (lower[left + c] + lower[right + c])
          }
        }
      }
    }
    return plan.inputGradient
  }
}

/// Moves blocks of `factor` x `factor` pixels into channels, `[n, h, w, c]` to `[n, h / factor, w / factor, factor² c]`,
/// block row first, then block column, then channel. Source: Shi et al. 2016, arXiv:1609.05158, backwards.
package enum SpaceToDepth {
  package static func forward(_ x: Tensor, factor: Int, into result: Tensor) {
    move(fine: x.shape, factor: factor) { fine, coarse, count in
      (result.values.baseAddress! + coarse).update(from: x.values.baseAddress! + fine, count: count)
    }
  }

  package static func inverse(_ x: Tensor, factor: Int, into result: Tensor) {
    move(fine: result.shape, factor: factor) { fine, coarse, count in
      (result.values.baseAddress! + fine).update(from: x.values.baseAddress! + coarse, count: count)
    }
  }

  private static func move(fine: Shape, factor: Int, _ copy: (Int, Int, Int) -> Void) {
    precondition(fine.h % factor == 0 && fine.w % factor == 0, "\(fine) does not divide into blocks of \(factor)")
    let run = factor * fine.c  // a block's row lies together in both layouts
    let coarsePixel = factor * run
    Parallel.run(chunks: fine.n) { n in
      for row in n * fine.h..<(n + 1) * fine.h {
        let (blockRow, offset) = row.quotientAndRemainder(dividingBy: factor)
        for block in 0..<fine.w / factor {
          copy(
            row * fine.w * fine.c + block * run,
            (blockRow * (fine.w / factor) + block) * coarsePixel + offset * run, run)
        }
      }
    }
  }
}
