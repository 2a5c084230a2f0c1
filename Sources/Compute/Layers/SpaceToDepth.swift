import Threads

/// Moves blocks of `factor` x `factor` pixels into channels. The shape `[n, h, w, c]` becomes
/// `[n, h / factor, w / factor, factor² c]`; the new channels are ordered by block row, then block column, then
/// channel.
/// Source: Shi et al. 2016, arXiv:1609.05158, in reverse.
package enum SpaceToDepth {
  package static func forward(_ x: Tensor, factor: Int, into result: Tensor) {
    let (source, target) = (x.split, result.split)
    move(fine: x.shape, factor: factor) { fine, coarse, count in
      (target.start + coarse).update(from: source.start + fine, count: count)
    }
  }

  package static func inverse(_ x: Tensor, factor: Int, into result: Tensor) {
    let (source, target) = (x.split, result.split)
    move(fine: result.shape, factor: factor) { fine, coarse, count in
      (target.start + fine).update(from: source.start + coarse, count: count)
    }
  }

  private static func move(fine: Shape, factor: Int, _ copy: @Sendable (Int, Int, Int) -> Void) {
    precondition(fine.h % factor == 0 && fine.w % factor == 0, "\(fine) does not divide into blocks of \(factor)")
    let run = factor * fine.c  // a row of a block is contiguous in both layouts
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
