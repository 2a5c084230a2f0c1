/// The rule that combines the channels' residuals into one number per pixel; chosen by the user or a preset, never from
/// lesions.
package struct EvidenceRule: Codable, Sendable, Equatable {
  package enum Polarity: String, Codable, Sendable, CaseIterable {
    /// Lesions are brighter than the reconstruction in the weighted channels.
    case bright
    case dark
    case both
  }

  /// The direction in which a lesion shifts the channels: `[0, 1, 0]`, for example, means brighter in the second
  /// channel. If the direction is not known, this is `nil` and any direction counts.
  package var channelWeights: [Float]?
  package var polarity: Polarity
  /// Standard deviation of the Gaussian that smooths residuals, in pixels of the model's grid.
  package var smoothing: Float = 3
  /// Pixels of tissue within this distance of its edge, in pixels of the model's grid, are not scored, because partial
  /// volume looks abnormal.
  package var erosion: Float = 4

  /// Whether evidence is standardized by depth and within the scan before channels are combined.
  package var isStandardized = true

  package init(channelWeights: [Float]? = nil, polarity: Polarity = .both) {
    self.channelWeights = channelWeights
    self.polarity = polarity
  }

  /// Weight of each channel if signs do not matter; 1 in sum.
  package func emphasis(channels: Int) -> [Float] {
    let sizes = channelWeights?.map(abs) ?? [Float](repeating: 1, count: channels)
    let sum = sizes.reduce(0, +)
    return sizes.map { $0 / sum }
  }

  /// Evidence from standardized residuals `z` under the healthy precision matrix `p`.
  ///
  /// With a direction `w` this is the matched filter `w' P z / sqrt(w' P w)`, the linear detector with the largest
  /// contrast for a shift along `w` in correlated Gaussian noise. It counts only the part of a channel's residual that
  /// the other channels do not explain. Without a direction it is the Mahalanobis distance; for a single polarity, it
  /// is the largest residual given the other channels. Source: Kay 1998, "Fundamentals of Statistical Signal
  /// Processing: Detection Theory", section 4.4; Mahalanobis 1936.
  package struct Combination {
    /// Stored row by row.
    private let matrix: [Float]
    private let polarity: Polarity
    private let directed: Bool

    package init(_ rule: EvidenceRule, precision: [[Double]]) {
      func row(_ w: [Double]) -> [Float] {
        let pw = precision.map { zip($0, w).reduce(0) { $0 + $1.0 * $1.1 } }
        let norm = zip(pw, w).reduce(0) { $0 + $1.0 * $1.1 }.squareRoot()
        return pw.map { Float($0 / max(norm, 1e-9)) }
      }
      polarity = rule.polarity
      directed = rule.channelWeights != nil
      if let weights = rule.channelWeights {
        matrix = row(weights.map(Double.init))
      } else if polarity == .both {
        matrix = precision.joined().map(Float.init)
      } else {
        matrix = precision.indices.flatMap { c in row(precision.indices.map { $0 == c ? 1 : 0 }) }
      }
    }

    package func evidence(_ z: UnsafeBufferPointer<Float>) -> Float {
      matrix.withUnsafeBufferPointer { matrix in
        func product(row: Int) -> Float {
          var sum: Float = 0
          for j in z.indices { sum += matrix[row * z.count + j] * z[j] }
          return sum
        }
        if !directed, polarity == .both {
          var sum: Float = 0
          for i in z.indices { sum += z[i] * product(row: i) }
          return max(sum, 0).squareRoot()
        }
        var best = -Float.infinity
        for row in 0..<matrix.count / max(z.count, 1) {
          let sum = product(row: row)
          best = max(best, polarity == .bright ? sum : polarity == .dark ? -sum : abs(sum))
        }
        return best
      }
    }
  }
}
