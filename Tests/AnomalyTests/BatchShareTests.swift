import Anomaly
import Compute
import Numerics
import Testing

/// What several processes make of their shares of a batch, one after the other in this one.
struct BatchShareTests {
  let engine: Engine

  init() throws { engine = try Engine() }

  private func values(_ tensor: Tensor) -> [UInt32] { tensor.values.map(\.bitPattern) }

  @Test(arguments: [2, 3]) func `patches of shares are those of the batch`(ranks: Int) throws {
    let folder = try TemporaryFolder()
    try TinyStudy.write(to: folder)
    let set = try TinyStudy.trainingSet(in: folder)
    let source = PatchSource(set.training.flatMap(\.scans), edge: TinyStudy.edge, channels: 1, range: 0...1.5)
    func batch(_ share: BatchShare) throws -> (clean: [UInt32], corrupted: [UInt32], next: UInt64) {
      let shape = Shape(share.patches.count, TinyStudy.edge, TinyStudy.edge, 1)
      let (clean, corrupted) = (try Tensor(shape, engine: engine), try Tensor(shape, engine: engine))
      var random = RandomGenerator(seed: 5)
      source.fill(clean: clean, corrupted: corrupted, share: share, using: &random)
      return (values(clean), values(corrupted), random.next())
    }
    let whole = try batch(BatchShare(of: 5))
    let parts = try (0..<ranks).map { try batch(BatchShare(of: 5, rank: $0, ranks: ranks)) }
    #expect(parts.flatMap(\.clean) == whole.clean)
    #expect(parts.flatMap(\.corrupted) == whole.corrupted)
    #expect(parts.allSatisfy { $0.next == whole.next })
  }

  /// What a patch becomes does not depend on how many are computed with it but for oneDNN's choice of an algorithm.
  @Test(arguments: [2, 3]) func `the noise of shares is that of the batch`(ranks: Int) throws {
    let network = VAE(TinyStudy.architecture, seed: 1, engine: engine)
    let (n, edge) = (5, TinyStudy.edge)
    var random = RandomGenerator(seed: 2)
    let patches = (0..<n * edge * edge).map { _ in random.uniform() }
    func latents(_ share: BatchShare) throws -> [[Float]] {
      let x = try Tensor(Shape(share.patches.count, edge, edge, 1), engine: engine)
      _ = x.values.update(
        fromContentsOf: patches[share.patches.lowerBound * edge * edge..<share.patches.upperBound * edge * edge])
      var noise: RandomGenerator? = RandomGenerator(seed: 4)
      _ = try network.forward(x, sampling: &noise, share: share)
      return network.latents.map { $0.map { Array($0.values) } ?? [] }
    }
    let whole = try latents(BatchShare(of: n))
    let parts = try (0..<ranks).map { try latents(BatchShare(of: n, rank: $0, ranks: ranks)) }
    for stage in whole.indices {
      let joined = parts.flatMap { $0[stage] }
      #expect(joined.count == whole[stage].count)
      #expect(zip(joined, whole[stage]).allSatisfy { abs($0 - $1) < 1e-4 })
    }
  }
}
