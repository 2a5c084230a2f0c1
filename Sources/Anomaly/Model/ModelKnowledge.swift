import Files
import Foundation

/// Measures of what a model has learned, taken on held-out healthy scans, and the warnings that follow from them.
///
/// Training measures it on the weights that are kept. The model file and the record of every run that uses the model
/// keep it, so that a report made again says the same.
package struct ModelKnowledge: Codable, Sendable, Equatable {
  /// The length of a training.
  package struct Steps: Codable, Sendable, Equatable {
    package let taken: Int
    /// Steps over which the learning rate and the weight of the divergence grow from 0; a shorter training has not
    /// begun in earnest.
    package let needed: Int

    package init(taken: Int, needed: Int) {
      self.taken = taken
      self.needed = needed
    }
  }

  /// Average precision on lesions planted in held-out healthy scans.
  package struct Planted: Codable, Sendable, Equatable {
    /// The figure of the model's own score, the ensemble.
    package let ensemble: Double
    /// The figure of the scan itself, without any network: `Score.intensity`.
    package let intensity: Double

    package init(ensemble: Double, intensity: Double) {
      self.ensemble = ensemble
      self.intensity = intensity
    }
  }

  package var steps: Steps
  /// Steps of the score network; `nil` for a model without a learned score.
  package var scoreSteps: Steps?
  /// R² on held-out tissue.
  package var explained: ExplainedVariance
  /// Share of the held-out tissue values whose predicted spread is at its upper bound, channel by channel; `nil` for a
  /// network that predicts no spread.
  ///
  /// The one spread a channel of `Objective.Variance.channel` is not judged: it reaches `Objective.largestSpread` in
  /// good models too.
  package var spreadAtBound: [Double]?
  package var planted: Planted
  /// Number of active latent channels, see `Collapse`; `nil` where fewer than two patches were held out, so that
  /// nothing can vary.
  package var activeLatents: Int?
  /// Number of latent channels.
  package var latents: Int

  /// Least R² on held-out tissue.
  ///
  /// Below it, the difference of scan and reconstruction has more than `sqrt(1 - 0.1)`, 95 %, of the spread of the
  /// tissue itself: it shows the scan, not what is abnormal in it.
  package static let leastExplained = 0.1
  /// Largest share of tissue values that may have a spread at its bound.
  package static let mostAtBound = 0.5
  /// Least gain of average precision over the plain intensity. The ensemble is chosen among scores by the same planted
  /// lesions, each choice with a gain of at least 0.002, so that a few thousandths are gained by choosing alone.
  package static let leastGain = 0.01

  package init(
    steps: Steps, scoreSteps: Steps?, explained: ExplainedVariance, spreadAtBound: [Double]?, planted: Planted,
    activeLatents: Int?, latents: Int
  ) {
    self.steps = steps
    self.scoreSteps = scoreSteps
    self.explained = explained
    self.spreadAtBound = spreadAtBound
    self.planted = planted
    self.activeLatents = activeLatents
    self.latents = latents
  }

  /// Whether all parts, read from a file, fit a model with these numbers of channels.
  func fits(channels: Int, latents: Int) -> Bool {
    explained.fits(channels: channels) && spreadAtBound.map { $0.count == channels } ?? true
      && self.latents == latents && activeLatents.map { (0...latents).contains($0) } ?? true
      && [steps, scoreSteps].compactMap { $0 }.allSatisfy { $0.taken >= 0 && $0.needed >= 0 }
  }

  /// The line that says what was measured.
  package var summary: String {
    func text(_ share: Double?) -> String { share.map { String(format: "%.2f", $0) } ?? "not defined" }
    let channels = explained.channels.count > 1 ? " (\(explained.channels.map(text).joined(separator: ", ")))" : ""
    let lines: [String?] = [
      "\(Count.of(steps.taken, "step")), \(steps.needed) needed",
      scoreSteps.map { "the score \(Count.of($0.taken, "step")), \($0.needed) needed" },
      "R² on held-out tissue \(text(explained.overall))\(channels)",
      spreadAtBound.map { "spread at its bound \($0.map(text).joined(separator: ", "))" },
      String(format: "planted lesions %.3f, intensity alone %.3f", planted.ensemble, planted.intensity),
      "\(activeLatents.map { "\($0)" } ?? "an unknown number") of \(Count.of(latents, "latent channel")) active",
    ]
    return lines.compactMap { $0 }.joined(separator: "; ")
  }

  /// Why a score that the user chose may mean nothing, as sentences; `nil` where it finds more than the plain intensity.
  ///
  /// - Parameter found: its average precision on planted lesions.
  package func warning(on score: Score, finding found: Double) -> String? {
    guard score != .ensemble, score != .intensity, found < planted.intensity + Self.leastGain else { return nil }
    return String(
      format: "On planted lesions the score %@ has an average precision of %.3f, the plain intensity one of %.3f: ",
      score.rawValue, found, planted.intensity)
      + "it finds no more than could be seen without the model. Take --score ensemble."
  }

  // MARK: Warnings

  /// Why a model's results may mean nothing. The description is a warning for the user, as sentences.
  package enum Warning: Sendable, Equatable, CustomStringConvertible {
    case fewSteps(Steps)
    case fewScoreSteps(Steps)
    /// R² on held-out tissue is below `leastExplained`.
    case explainsLittle(Double)
    /// The predicted spread is at its bound for this share of the tissue.
    case spreadAtBound(Double)
    case noBetterThanIntensity(Planted)
    case latentsCollapsed(active: Int, of: Int)

    package var description: String {
      switch self {
      case .fewSteps(let steps):
        "The network was trained for only \(Count.of(steps.taken, "step")); it needs \(steps.needed) or more. Its expected pictures "
          + "and heatmaps mean nothing; train longer (--minutes, --epochs or --steps)."
      case .fewScoreSteps(let steps):
        "The learned score was trained for only \(Count.of(steps.taken, "step")); it needs \(steps.needed) or more. Train longer, or "
          + "give it a larger --score-share."
      case .explainsLittle(let share):
        String(format: "On held-out healthy tissue the reconstruction has an R² of %.2f; %.1f ", share, leastExplained)
          + "or more is expected, and 0 is what a uniform picture has. The model does not know what healthy tissue looks "
          + "like; train longer."
      case .spreadAtBound(let share):
        String(
          format: "The predicted spread is at its upper bound for %.0f %% of held-out healthy tissue: ", share * 100)
          + "the model takes nearly every intensity for likely. Train longer, or with --variance channel."
      case .noBetterThanIntensity(let planted):
        String(
          format: "On planted lesions the score has an average precision of %.3f, the plain intensity one of %.3f: ",
          planted.ensemble, planted.intensity)
          + "the model finds no more than could be seen without it. Train longer, or name what to look for with --preset "
          + "or --channel-weights."
      case .latentsCollapsed(let active, let channels): Collapse.sentence(active: active, of: channels)
      }
    }
  }

  /// The warnings that follow from the measurements; none for a model that has learned.
  package var warnings: [Warning] {
    var result: [Warning] = []
    if steps.taken < steps.needed { result.append(.fewSteps(steps)) }
    if let scoreSteps, scoreSteps.taken < scoreSteps.needed { result.append(.fewScoreSteps(scoreSteps)) }
    if let share = explained.overall, share < Self.leastExplained { result.append(.explainsLittle(share)) }
    if let spreadAtBound, !spreadAtBound.isEmpty {
      let share = spreadAtBound.reduce(0, +) / Double(spreadAtBound.count)
      if share > Self.mostAtBound { result.append(.spreadAtBound(share)) }
    }
    if planted.ensemble < planted.intensity + Self.leastGain { result.append(.noBetterThanIntensity(planted)) }
    if let activeLatents, Collapse.isCollapsed(active: activeLatents, of: latents) {
      result.append(.latentsCollapsed(active: activeLatents, of: latents))
    }
    return result
  }
}
