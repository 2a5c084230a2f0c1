import Compute
import Foundation
import Imaging
import Numerics

/// How healthy patches are varied, so that a network does not learn their poses and gains by heart.
package enum Augmentation: String, Codable, Sendable, CaseIterable {
  /// Mirrored left to right or not, every channel's gain 0.85 to 1.15.
  case mirror
  /// The same, and turned by up to 8 degrees and scaled by up to 10 % about the patch's center. Never upside down:
  /// anatomy is not.
  case mild
  /// For photographs, which have no upright pose and uneven light: turned by any angle, scaled by up to a quarter,
  /// brightness that drifts over the patch, contrast and color cast, sometimes out of focus.
  case photograph

  /// How far a patch is turned either way, in radians, and by what share it is scaled; `nil` where it keeps its pose.
  var pose: (angle: Float, scaling: Float)? {
    switch self {
    case .mirror: nil
    case .mild: (8 * Float.pi / 180, 0.1)
    case .photograph: (Float.pi, 0.25)
    }
  }

  /// Whether `PatchLight` varies how a patch was lit; its gains are then the only ones.
  var variesLight: Bool { self == .photograph }

  /// What every channel is multiplied by.
  func gains(channels: Int, using random: inout RandomGenerator) -> [Float] {
    let gains = (0..<channels).map { _ in random.uniform(0.85, 1.15) }
    return variesLight ? [Float](repeating: 1, count: channels) : gains
  }
}

/// Where the pixels of a patch are taken from: the patch mirrored, turned and scaled about its center.
struct PatchPose {
  /// Column by column: where one pixel to the right, and one down, leads in the scan.
  private let right: SIMD2<Float>
  private let down: SIMD2<Float>
  private let center: SIMD2<Float>
  private let middle: Float

  /// - Parameters:
  ///   - origin: the patch's upper left corner in the scan were it not turned, in pixels.
  ///   - edge: of the patch in pixels.
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
