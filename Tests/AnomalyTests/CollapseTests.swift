import Anomaly
import Foundation
import Testing

struct CollapseTests {
  @Test func `a channel is active where both its mean varies and it costs something`() {
    let active = Collapse.activeChannels(
      divergences: [[], [0.2, 0.2, 0.05], [5]], activity: [[], [0.02, 0.005, 0.02], [0.5]])
    #expect(active == 2)
  }

  @Test func `less than a quarter of the channels active is a collapse`() {
    func warning(active: Int) -> String? {
      let values = (0..<8).map { $0 < active ? 1.0 : 0.001 }
      return Collapse.warning(divergences: [values], activity: [values])
    }
    #expect(warning(active: 2) == nil)
    #expect(
      warning(active: 1)
        == "The latents have collapsed: 1 of 8 channels are active (a posterior mean that varies from patch to patch by"
        + " more than 0.01, and more than 0.1 nats a patch). Reconstructions will look alike; train longer or lower --beta."
    )
  }

  @Test func `where nothing was measured nothing is said`() {
    #expect(Collapse.warning(divergences: [[0, 0]], activity: []) == nil)
  }

  // MARK: Activity

  private static let positions = 64

  /// Activity of two latent channels whose posterior means are given for each patch, position and channel.
  private func activity(
    patches: Int, inBatchesOf size: Int = 3, _ mean: (_ patch: Int, _ position: Int, _ channel: Int) -> Float
  ) -> [Double]? {
    var activity = LatentActivity(channels: 2)
    for first in stride(from: 0, to: patches, by: size) {
      let batch = first..<min(first + size, patches)
      var statistics: [Float] = []
      for patch in batch {
        for position in 0..<Self.positions {
          // The log-variances, large here, must not count.
          statistics += [mean(patch, position, 0), mean(patch, position, 1), 50, -50]
        }
      }
      statistics.withUnsafeBufferPointer { activity.add($0, patches: batch.count) }
    }
    return activity.values
  }

  @Test func `a latent that varies with position alone is inactive however much it does`() throws {
    let found = try #require(activity(patches: 8) { _, position, c in c == 0 ? Float(position) : sin(Float(position)) })
    #expect(found == [0, 0])
    #expect(Collapse.activeChannels(divergences: [[100, 100]], activity: [found]) == 0)
    #expect(Collapse.warning(divergences: [[100, 100]], activity: [found])?.contains("0 of 2 channels") == true)
  }

  @Test func `a latent that varies with the data is active, by its variance over patches`() throws {
    // Means of -1 and 1 in turn, beside a large pattern of positions; half of the positions vary in the second channel.
    let found = try #require(
      activity(patches: 8) { patch, position, c in
        let sign: Float = patch.isMultiple(of: 2) ? 1 : -1
        return 10 * Float(position) + (c == 0 || position < Self.positions / 2 ? sign : 0)
      })
    #expect(abs(found[0] - 8.0 / 7) < 1e-9, "the unbiased variance of four -1 and four 1")
    #expect(abs(found[1] - 4.0 / 7) < 1e-9)
    #expect(Collapse.activeChannels(divergences: [[100, 100]], activity: [found]) == 2)
  }

  @Test func `how patches are divided into batches makes no difference, and one patch has no variance`() {
    func mean(_ patch: Int, _ position: Int, _ channel: Int) -> Float { sin(Float(patch * 7 + position + channel)) }
    #expect(activity(patches: 7, inBatchesOf: 1, mean) == activity(patches: 7, inBatchesOf: 7, mean))
    #expect(activity(patches: 1, mean) == nil)
  }
}
