import Files

/// Tells whether a network's latents still carry anything about the scans.
///
/// A latent channel is active where the mean of its posterior varies from patch to patch by more than `leastActivity`
/// (see `LatentActivity`), and its divergence is above `leastNats`. Where hardly any channel is active, the posterior
/// has collapsed: the decoder has learned to ignore the latents, and every reconstruction looks alike.
/// Source: Burda et al. 2016, arXiv:1509.00519, section 5.2 (active units); Bowman et al. 2016, arXiv:1511.06349.
package enum Collapse {
  /// Least variance over patches of an active channel's posterior mean; the prior's variance is 1.
  package static let leastActivity = 0.01
  /// Least divergence of an active channel, in nats per patch.
  package static let leastNats = 0.1
  /// Least share of active channels; a network with a smaller share counts as collapsed.
  package static let leastShare = 0.25

  /// - Parameters:
  ///   - divergences: divergence of each latent channel, in nats per patch, stage by stage.
  ///   - activity: variance of each channel's posterior mean over patches, in the same order.
  package static func activeChannels(divergences: [[Double]], activity: [[Double]]) -> Int {
    zip(divergences.joined(), activity.joined()).count { $0 > leastNats && $1 > leastActivity }
  }

  /// The warning for the user; `nil` where the latents are in use, or nothing was measured.
  package static func warning(divergences: [[Double]], activity: [[Double]]) -> String? {
    let active = activeChannels(divergences: divergences, activity: activity)
    let channels = activity.joined().count
    return isCollapsed(active: active, of: channels) ? sentence(active: active, of: channels) : nil
  }

  /// - Parameter channels: number of channels that were measured.
  package static func isCollapsed(active: Int, of channels: Int) -> Bool {
    Double(active) < leastShare * Double(channels)
  }

  static func sentence(active: Int, of channels: Int) -> String {
    "The latents have collapsed: \(active) of \(Count.of(channels, "channel is", "channels are")) active (a posterior mean that varies from patch "
      + "to patch by more than \(leastActivity), and more than \(leastNats) nats a patch). Reconstructions will look "
      + "alike; train longer or lower --beta."
  }
}
