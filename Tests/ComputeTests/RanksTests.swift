import Compute
import Numerics
import Testing

struct RanksTests {
  @Test(arguments: [(16, 1), (16, 2), (16, 3), (5, 5), (7, 4)])
  func `the shares of a batch are the batch, and differ by a patch at most`(batch: Int, ranks: Int) {
    let shares = (0..<ranks).map { BatchShare(of: batch, rank: $0, ranks: ranks) }
    #expect(shares.flatMap { Array($0.patches) } == Array(0..<batch))
    let sizes = shares.map(\.patches.count)
    #expect(sizes.max()! - sizes.min()! <= 1)
    #expect(abs(shares.reduce(0) { $0 + $1.weight } - 1) < 1e-12)
  }

  @Test func `normal numbers that are skipped are those that would have been drawn`() {
    for before in 0...1 {
      for count in 0...5 {
        var drawn = RandomGenerator(seed: 3)
        for _ in 0..<before { _ = drawn.normal() }
        var skipped = drawn
        for _ in 0..<count { _ = drawn.normal() }
        skipped.skipNormals(count)
        #expect(skipped == drawn, "\(count) after \(before)")
      }
    }
  }

  @Test(arguments: [0, 1, 7, 1024, 9001])
  func `normal numbers that all threads draw are those that one would`(count: Int) {
    for before in 0...1 {
      var one = RandomGenerator(seed: 4)
      for _ in 0..<before { _ = one.normal() }
      var all = one
      let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
      defer { values.deallocate() }
      all.fillNormals(values)
      #expect(Array(values) == (0..<count).map { _ in one.normal() })
      #expect(all == one)
    }
  }

  @Test(
    arguments: [
      ([:], 1), (["OMPI_COMM_WORLD_SIZE": "4"], 4), (["PMIX_RANK": "0", "SLURM_NTASKS": "8"], 8),
      (["PMIX_RANK": "0", "SLURM_NTASKS": "8", "SLURM_STEP_NUM_TASKS": "2"], 2), (["SLURM_NTASKS": "8"], 1),
      (["PMIX_RANK": "0"], 1), (["OMPI_COMM_WORLD_SIZE": "2", "SLURM_NTASKS": "1"], 2),
    ] as [([String: String], Int)])
  func `the environment says how many processes were started together`(environment: [String: String], count: Int) {
    #expect(Ranks.announced(in: environment) == count)
  }

  @Test func `a process that was started alone looks for nobody`() throws {
    #expect(try Ranks.join(environment: ["OMPI_COMM_WORLD_SIZE": "1"]) == nil)
  }
}
