import Compute
import Foundation
import Imaging
import Numerics

/// How healthy patches are varied, so that a network does not memorize their poses and gains.
package enum Augmentation: String, Codable, Sendable, CaseIterable {
  /// Patches may be mirrored left to right; every channel's gain is 0.85 to 1.15.
  case mirror
  /// Like `mirror`; patches are also turned by up to 8 degrees and scaled by up to 10 % about their center. They are
  /// never turned upside down, because anatomy has an upright pose.
  case mild
  /// For photographs, which have no upright pose and uneven light: patches are turned by any angle and scaled by up to
  /// a quarter; brightness drifts over the patch, contrast and color cast vary, and some patches are out of focus.
  case photograph

  /// The largest angle by which a patch is turned either way, in radians, and the largest share by which it is scaled;
  /// `nil` where the patch keeps its pose.
  var pose: (angle: Float, scaling: Float)? {
    switch self {
    case .mirror: nil
    case .mild: (8 * Float.pi / 180, 0.1)
    case .photograph: (Float.pi, 0.25)
    }
  }

  /// Whether `PatchLight` varies how a patch was lit. If so, only its gains apply.
  package var variesLight: Bool { self == .photograph }

  /// Factor of every channel.
  func gains(channels: Int, using random: inout RandomGenerator) -> [Float] {
    let gains = (0..<channels).map { _ in random.uniform(0.85, 1.15) }
    return variesLight ? [Float](repeating: 1, count: channels) : gains
  }
}

/// Maps pixels of a patch to places in the scan: the patch is mirrored, turned and scaled about its center.
struct PatchPose {
  /// `right` is the step in the scan for one pixel to the right in the patch, `down` the step for one pixel down.
  private let right: SIMD2<Float>
  private let down: SIMD2<Float>
  private let center: SIMD2<Float>
  private let middle: Float

  /// - Parameters:
  ///   - origin: the upper left corner in the scan of the unturned patch, in pixels.
  ///   - edge: edge of the patch in pixels.
  ///   - limits: see `Augmentation.pose`.
  init(
    origin: (x: Int, y: Int), edge: Int, flips: Bool, limits: (angle: Float, scaling: Float),
    using random: inout RandomGenerator
  ) {
    let angle = random.uniform(-limits.angle, limits.angle)
    let scale = 1 + random.uniform(-limits.scaling, limits.scaling)
    middle = Float(edge - 1) / 2
    center = SIMD2(Float(origin.x) + middle, Float(origin.y) + middle)
    right = SIMD2(cos(angle), sin(angle)) / scale * (flips ? -1 : 1)
    down = SIMD2(-sin(angle), cos(angle)) / scale
  }

  /// The place in the scan, in pixels, that a pixel of the patch shows.
  func place(x: Int, y: Int) -> SIMD2<Float> {
    center + (Float(x) - middle) * right + (Float(y) - middle) * down
  }
}
