import Anomaly
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
        == "The latents have collapsed: 1 of 8 channels are active (a posterior mean that varies by more than 0.01 and"
        + " more than 0.1 nats a patch). Reconstructions will look alike; train longer or lower --beta.")
  }

  @Test func `where nothing was measured nothing is said`() {
    #expect(Collapse.warning(divergences: [[0, 0]], activity: []) == nil)
  }
}
