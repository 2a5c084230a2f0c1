import Anomaly
import ArgumentParser
import Compute
import Foundation
import Imaging

/// Names of the normalizations that a user can choose.
enum NormalizationName: String, ExpressibleByArgument, CaseIterable {
  case robust, percentile, zscore, histogram, window, none, macenko
  case opticalDensity = "optical-density"
}

extension Normalization.Scope: ExpressibleByArgument {}
extension TissueLook: ExpressibleByArgument {}

/// Two intensities separated by a comma, the smaller first.
struct IntensityWindow: ExpressibleByArgument {
  let low: Float
  let high: Float

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map { Float($0) }
    guard parts.count == 2, let low = parts[0], let high = parts[1], low.isFinite, high.isFinite, low < high else {
      return nil
    }
    (self.low, self.high) = (low, high)
  }
}

/// Numbers separated by commas.
struct ChannelWeights: ExpressibleByArgument {
  let values: [Float]

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map {
      Float($0.trimmingCharacters(in: .whitespaces))
    }
    let values = parts.compactMap { $0 }
    guard values.count == parts.count, values.allSatisfy(\.isFinite), values.contains(where: { $0 != 0 }) else {
      return nil
    }
    self.values = values
  }
}

/// Whole numbers separated by commas.
struct LatentChannels: ExpressibleByArgument {
  let values: [Int]

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map {
      Int($0.trimmingCharacters(in: .whitespaces))
    }
    values = parts.compactMap { $0 }
    guard values.count == parts.count else { return nil }
  }
}

extension Precision: ExpressibleByArgument {
  static let help = ArgumentHelp(
    "Numbers that the network multiplies: f32, or bf16, faster on processors that have it and refused on others.")

  /// Fails where this processor would only emulate the chosen precision.
  func validate() throws {
    guard self == .bfloat16, Precision.fastest != .bfloat16 else { return }
    throw ValidationError("--precision is bf16, which this processor does not have; f32 is expected.")
  }
}
extension EvidenceRule.Polarity: ExpressibleByArgument {}
extension Likelihood: ExpressibleByArgument {}
extension Objective.Kind: ExpressibleByArgument {}
extension Objective.Variance: ExpressibleByArgument {}
extension Augmentation: ExpressibleByArgument {}

/// Two numbers separated by a hyphen, the smaller first.
struct NumberRange: ExpressibleByArgument {
  let values: ClosedRange<Float>

  init?(argument: String) {
    let parts = argument.split(separator: "-", omittingEmptySubsequences: false).map { Float($0) }
    guard parts.count == 2, let low = parts[0], let high = parts[1], low > 0, high >= low, high.isFinite
    else { return nil }
    values = low...high
  }
}

extension Preset: ExpressibleByArgument {
  public init?(argument: String) {
    // In norma 0.1, `generic` was called `general`.
    self.init(rawValue: argument == "general" ? Preset.generic.rawValue : argument)
  }
}
