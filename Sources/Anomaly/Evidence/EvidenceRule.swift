/// How the channels' residuals become one number a pixel; chosen by the user or a preset, never from lesions.
package struct EvidenceRule: Codable, Sendable, Equatable {
  package enum Polarity: String, Codable, Sendable, CaseIterable {
    /// Lesions are brighter than the reconstruction in the weighted channels.
    case bright
    case dark
    case both
  }

  /// The direction in which a lesion shifts the channels, e.g. `[0, 1, 0]`: "brighter in the second". `nil` where it is
  /// not known: then any direction counts.
  package var channelWeights: [Float]?
  package var polarity: Polarity
  /// Spread of the Gaussian that smooths residuals, in pixels of the model's grid.
  package var smoothing: Float = 3
  /// Tissue this close to its edge, in pixels of the model's grid, is not scored: partial volume looks abnormal.
  package var erosion: Float = 4

  /// Whether evidence is standardized by depth and within the scan before channels are combined.
  package var isStandardized = true

  package init(channelWeights: [Float]? = nil, polarity: Polarity = .both) {
    self.channelWeights = channelWeights
    self.polarity = polarity
  }

  /// How much each channel counts where its sign does not matter; 1 in sum.
  package func emphasis(channels: Int) -> [Float] {
    let sizes = channelWeights?.map(abs) ?? [Float](repeating: 1, count: channels)
    let sum = sizes.reduce(0, +)
    return sizes.map { $0 / sum }
  }

  /// Evidence from standardized residuals `z` under the healthy precision matrix `p`.
  ///
  /// With a direction `w` this is the matched filter `w' P z / sqrt(w' P w)`, the linear detector of largest contrast
  /// for a shift along `w` in correlated Gaussian noise: a channel's residual counts given what the others explain of it.
  /// Without one it is the Mahalanobis distance, or for one polarity the largest residual given the other channels.
  /// Source: Kay 1998, "Fundamentals of Statistical Signal Processing: Detection Theory", section 4.4; Mahalanobis 1936.
  package struct Combination {
    /// Row after row.
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
