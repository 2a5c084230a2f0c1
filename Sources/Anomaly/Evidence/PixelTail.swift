import Foundation
import Imaging
import Numerics

/// The tail of a score over healthy pixels, beyond what the held-out pixels can rank.
///
/// Neighbouring pixels are alike, so each connected group of pixels above a high threshold counts once, with its peak.
/// The excesses of the peaks over the threshold follow a generalized Pareto distribution. A fitted tail that ends is
/// replaced by the exponential one of the same mean, so that `z` goes on and is never larger than the fit supports.
///
/// Source: Coles 2001, "An Introduction to Statistical Modeling of Extreme Values", sections 4.3 and 5.3 (peaks over
/// threshold, declustered).
package struct PixelTail: Codable, Sendable, Equatable {
  /// Number of peaks that the tail is fitted to.
  package let peaks: Int
  /// The shape as fitted, before a tail that ends is replaced.
  package let shape: Double
  /// p-value of Anderson and Darling's test of the fit, by parametric bootstrap.
  package let fitP: Double
  /// Excesses over `start`.
  private let excess: GeneralizedPareto
  /// The evidence from which the tail goes on, and the probability that a healthy pixel exceeds it.
  private let start: Double
  private let startProbability: Double
  /// Probability that a peak above the fit's threshold reaches `start`.
  private let peaksAtStart: Double

  private static let fewestPeaks = 20
  /// The highest are taken of more peaks: the farther out, the better the distribution holds.
  private static let mostPeaks = 250
  private static let rejectedAt = 0.05

  /// - Parameters:
  ///   - peaks: the highest evidence of each group of pixels above the threshold.
  ///   - threshold: at most `start`.
  ///   - start: the evidence from which the tail goes on.
  ///   - probability: the probability that a healthy pixel exceeds `start`.
  package init(of peaks: [Float], above threshold: Float, from start: Float, probability: Double) {
    let sorted = peaks.sorted(by: >)
    let raised = sorted.count > Self.mostPeaks ? max(threshold, min(sorted[Self.mostPeaks], start)) : threshold
    let excesses = sorted.filter { $0 > raised }.map { Double($0 - raised) }
    self.peaks = excesses.count
    (self.start, startProbability) = (Double(start), probability)
    guard excesses.count >= Self.fewestPeaks else {
      (shape, fitP, excess, peaksAtStart) = (0, 1, GeneralizedPareto(shape: 0, scale: 0), 1)
      return
    }
    let fit = GeneralizedPareto(fitting: excesses)
    shape = fit.shape
    fitP = fit.pValue(ofFitTo: excesses) { GeneralizedPareto(fitting: $0) }
    let used = fit.shape < 0 ? GeneralizedPareto(exponential: excesses) : fit
    let gap = Double(start - raised)
    peaksAtStart = used.survival(gap)
    // Excesses over a higher threshold follow the same distribution with a larger scale.
    excess = GeneralizedPareto(shape: used.shape, scale: used.scale + used.shape * gap)
  }

  /// Whether the tail is used: there are enough peaks, and the test does not reject it.
  package var isUsed: Bool { peaks >= Self.fewestPeaks && excess.scale > 0 && fitP > Self.rejectedAt }

  /// The evidence that a healthy pixel exceeds with probability `p`, at most that of the start.
  package func evidence(exceededBy p: Double) -> Float {
    Float(start + excess.quantile(survival: p / startProbability))
  }

  /// Up to this `z` the tail is trusted; beyond, `z` only orders. `k` peaks rank one in `k + 1`, and the fit is trusted
  /// for as much again.
  package var reach: Double {
    let share = isUsed ? 1 / Double((peaks + 1) * (peaks + 1)) / max(peaksAtStart, 1e-300) : 1
    return -NormalDistribution.quantile(startProbability * min(share, 1))
  }

  /// Whether all parts, read from a file, are in their ranges.
  var isSound: Bool {
    peaks >= 0 && (0...1).contains(fitP) && (0...1).contains(excess.shape) && (0...1e30).contains(excess.scale)
      && start.isFinite && startProbability > 0 && startProbability < 1 && (0...1).contains(peaksAtStart)
  }

  /// The highest evidence of each connected group of scored pixels above a threshold.
  ///
  /// - Parameter map: evidence, `[height, width]`.
  static func peaks(of map: Plane<Float>, above threshold: Float, where isScored: (Int) -> Bool) -> [Float] {
    let marked = map.values.indices.map { map.values[$0] > threshold && isScored($0) }
    let groups = ConnectedComponents(of: Plane(width: map.width, height: map.height, values: marked))
    var peaks = [Float](repeating: threshold, count: groups.components.count)
    for (pixel, label) in groups.labels.values.enumerated() where label > 0 {
      peaks[Int(label) - 1] = max(peaks[Int(label) - 1], map.values[pixel])
    }
    return peaks
  }
}
