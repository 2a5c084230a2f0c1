import Compute
import Foundation
import Imaging
import Numerics
import Threads

/// Converts every score of a model to `z`, and combines scores to the ensemble.
package struct ScoreBook: Codable, Sendable, Equatable {
  /// Direction, polarity, smoothing and erosion that were chosen for the model.
  package let rule: EvidenceRule
  let members: [Score: ResidualStatistics]
  /// Weights of the ensemble's members; 1 in sum.
  package let weights: [Score: Float]
  let combined: ResidualStatistics
  /// Average precision of every score on lesions planted in held-out healthy scans.
  package let planted: [Score: Double]

  /// The ensemble averaged along neighbouring slices, see `NeighbouringSlices`; `nil` where the scans of the study are
  /// no slices, and in models of an older norma. Scans without neighbours are judged by `combined`.
  private let alongSlices: ResidualStatistics?

  /// The `z` that one in a hundred pixels of lesions planted in held-out healthy scans exceeds, by score.
  package let reach: [Score: Double]

  /// Scores that the model offers.
  package var available: [Score] { Score.allCases.filter { $0 == .ensemble || members[$0] != nil } }

  /// Learns the distribution of scores from held-out healthy scans, and the weights of the ensemble from lesions
  /// planted in them, see `select`.
  ///
  /// - Parameters:
  ///   - groups: healthy scans; each group is a whole scan or the fields of one scan.
  ///   - maps: maps of the scans of all groups, in the same order.
  ///   - planted: held-out healthy scans in which lesions were planted.
  ///   - plantedMaps: maps of the planted scans, in the same order.
  ///   - lesions: for each planted scan which pixels are lesion.
  ///   - followsSlices: whether scans of a series are taken as neighbouring slices.
  ///   - sharesUnits: whether the intensities of all scans are in the same units.
  init(
    healthy groups: [[PreparedScan]], maps: [InferenceMaps], planted: [PreparedScan], plantedMaps: [InferenceMaps],
    lesions: [Plane<Bool>], rule: EvidenceRule, followsSlices: Bool, sharesUnits: Bool
  ) throws {
    let healthy = Array(groups.joined())
    let (members, healthyHeat) = try Self.fitted(to: groups, maps: maps, rule: rule)
    let plantedHeat = members.reduce(into: [Score: [Plane<Float>]]()) { heats, member in
      let (score, statistics) = member
      heats[score] = zip(planted, plantedMaps).compactMap { scan, maps in
        score.evidence(of: scan, maps: maps, rule: rule, own: statistics.rule).map { statistics.heat(of: $0) }
      }
    }
    let truth = lesions.flatMap(\.values)
    func precision(_ weights: [Score: Float]) -> Double {
      let heat = planted.indices.flatMap { Self.mean(of: plantedHeat, weights, scan: $0).values }
      return Metrics.Ranking(scores: heat, truth: truth).averagePrecision ?? 0
    }
    var figures: [Score: Double] = [:]
    for score in members.keys { figures[score] = precision([score: 1]) }
    let weights = Self.select(
      from: figures, isTold: rule.channelWeights != nil, sharesUnits: sharesUnits, precision: precision)
    (combined, alongSlices) = Self.combined(
      healthyHeat, weights: weights, of: healthy, rule: rule, followsSlices: followsSlices)
    figures[.ensemble] = precision(weights)
    var reach = plantedHeat.mapValues { Self.reach(of: $0, in: lesions) }
    reach[.ensemble] = Self.reach(
      of: planted.indices.map { [combined] in
        Self.heat(Self.mean(of: plantedHeat, weights, scan: $0), of: planted[$0], by: combined)
      }, in: lesions)
    self.reach = reach
    self.rule = rule
    self.members = members
    self.weights = weights
    self.planted = figures
  }

  private init(
    members: [Score: ResidualStatistics], combined: ResidualStatistics, alongSlices: ResidualStatistics?,
    like other: ScoreBook
  ) {
    self.members = members
    self.combined = combined
    self.alongSlices = alongSlices
    (rule, weights, planted, reach) = (other.rule, other.weights, other.planted, other.reach)
  }

  /// The same scores, weights and following of slices, with the distributions of other healthy scans. Slices keep theirs
  /// where few of these scans have neighbours.
  ///
  /// - Parameters:
  ///   - groups: healthy scans; each group is a whole scan or the fields of one scan.
  ///   - maps: maps of the scans of all groups, in the same order; of all scores that the ensemble has.
  package func refitted(to groups: [[PreparedScan]], maps: [InferenceMaps]) throws -> ScoreBook {
    let (members, heat) = try Self.fitted(to: groups, maps: maps, rule: rule)
    let (combined, slices) = Self.combined(
      heat, weights: weights, of: Array(groups.joined()), rule: rule, followsSlices: alongSlices != nil)
    return ScoreBook(members: members, combined: combined, alongSlices: slices ?? alongSlices, like: self)
  }

  /// The distribution of each score over healthy scans, and the heat that it gives them.
  private static func fitted(
    to groups: [[PreparedScan]], maps: [InferenceMaps], rule: EvidenceRule
  ) throws -> (members: [Score: ResidualStatistics], heat: [Score: [Plane<Float>]]) {
    let healthy = Array(groups.joined())
    let counts = groups.map(\.count)
    var members: [Score: ResidualStatistics] = [:]
    var heat: [Score: [Plane<Float>]] = [:]
    for score in Score.members {
      try Interruption.check()
      let own = score.rule(rule)
      let evidence = zip(healthy, maps).compactMap { score.evidence(of: $0, maps: $1, rule: rule, own: own) }
      guard let channels = evidence.first?.channels else { continue }
      let statistics = ResidualStatistics(healthy: evidence.divided(into: counts), channels: channels, rule: own)
      members[score] = statistics
      heat[score] = evidence.divided(into: counts).flatMap { group in
        let center = statistics.center(of: group)
        return group.map { statistics.heat(of: $0, center: center) }
      }
    }
    return (members, heat)
  }

  /// The distribution of the ensemble over healthy scans: of scans by themselves, and of scans averaged with their
  /// neighbours, where slices are followed and enough scans have neighbours.
  private static func combined(
    _ heat: [Score: [Plane<Float>]], weights: [Score: Float], of healthy: [PreparedScan], rule: EvidenceRule,
    followsSlices: Bool
  ) -> (alone: ResidualStatistics, alongSlices: ResidualStatistics?) {
    let plain = plain(rule)
    let means = healthy.indices.map { mean(of: heat, weights, scan: $0) }
    func statistics(_ maps: [Plane<Float>], of chosen: [Int]) -> ResidualStatistics {
      ResidualStatistics(
        healthy: chosen.map { [Residual(of: healthy[$0], map: maps[$0], rule: plain)] }, channels: 1, rule: plain)
    }
    let slices =
      followsSlices ? healthy.indices.filter { !NeighbouringSlices.neighbours(of: $0, in: healthy).isEmpty } : []
    return (
      statistics(means, of: Array(healthy.indices)),
      slices.count >= fewestSlices ? statistics(NeighbouringSlices.smoothed(means, of: healthy), of: slices) : nil
    )
  }

  private static func reach(of heats: [Plane<Float>], in lesions: [Plane<Bool>]) -> Double {
    let values = zip(heats, lesions)
      .flatMap { heat, lesion in heat.values.indices.filter { lesion.values[$0] }.map { heat.values[$0] } }
      .sortedByBits()
    return values.isEmpty ? 0 : Double(values[(values.count - 1) * 99 / 100])
  }

  /// The scores with their average precision on planted lesions, the highest first.
  package var plantedSummary: String {
    available.sorted { planted[$0] ?? 0 > planted[$1] ?? 0 }
      .map { String(format: "%@ %.3f", $0.rawValue, planted[$0] ?? 0) }.joined(separator: ", ")
  }

  /// The scores whose maps are needed to compute `score`.
  package func needed(for score: Score) -> Set<Score> { score == .ensemble ? Set(weights.keys) : [score] }

  /// Centers of a scan's residuals, estimated from fields of it, one for each score that the heatmaps of `scores` need.
  func centers(
    of fields: [PreparedScan], maps: [InferenceMaps], for scores: [Score]
  ) -> [Score: ResidualStatistics.Center] {
    var result: [Score: ResidualStatistics.Center] = [:]
    for member in scores.reduce(Set(), { $0.union(needed(for: $1)) }) {
      guard let statistics = members[member] else { continue }
      result[member] = statistics.center(
        of: zip(fields, maps).compactMap { member.evidence(of: $0, maps: $1, rule: rule, own: statistics.rule) })
    }
    return result
  }

  /// The line that says whether the scans of a series count as slices.
  package var slicesSummary: String {
    alongSlices != nil
      ? "scans of a series are neighbours, the ensemble is averaged along them" : "each scan is judged by itself"
  }

  /// Whether the heatmap of a scan by this score depends on the scans beside it in its series.
  func needsNeighbours(for score: Score) -> Bool { score == .ensemble && alongSlices != nil }

  /// Heatmaps of scans on the model's grid. Negative values (less abnormal than half of healthy tissue) become 0.
  ///
  /// - Parameter scans: scans of one case, in order.
  package func heatmaps(
    _ scores: [Score], of scans: [PreparedScan], maps: [InferenceMaps]
  ) -> [[Score: Heatmap]] {
    let found = Parallel.map(scans.count) { i in heats(scores, of: scans[i], maps: maps[i]) }
    let means = found.compactMap { $0[.ensemble] }
    let evidence = alongSlices == nil ? means : NeighbouringSlices.smoothed(means, of: scans)
    return Parallel.map(scans.count) { i in
      var heats = found[i]
      if !evidence.isEmpty {
        let hasNeighbours = !NeighbouringSlices.neighbours(of: i, in: scans).isEmpty
        heats[.ensemble] = Self.heat(
          evidence[i], of: scans[i], by: hasNeighbours ? alongSlices ?? combined : combined)
      }
      return heats.mapValues(Self.heatmap)
    }
  }

  /// Heatmaps of a part of a scan, or of a scan that has no neighbours, on the model's grid.
  ///
  /// - Parameter centers: centers of the scan that `scan` is a part of; empty for a whole scan.
  package func heatmaps(
    _ scores: [Score], of scan: PreparedScan, maps: InferenceMaps, centers: [Score: ResidualStatistics.Center] = [:]
  ) -> [Score: Heatmap] {
    var heats = heats(scores, of: scan, maps: maps, centers: centers)
    if let mean = heats[.ensemble] { heats[.ensemble] = Self.heat(mean, of: scan, by: combined) }
    return heats.mapValues(Self.heatmap)
  }

  /// Heat of one scan by each of the scores, with the mean of the ensemble's members in place of the ensemble.
  private func heats(
    _ scores: [Score], of scan: PreparedScan, maps: InferenceMaps, centers: [Score: ResidualStatistics.Center] = [:]
  ) -> [Score: Plane<Float>] {
    var heats: [Score: [Plane<Float>]] = [:]
    for member in scores.reduce(Set(), { $0.union(needed(for: $1)) }) {
      guard let statistics = members[member],
        let evidence = member.evidence(of: scan, maps: maps, rule: rule, own: statistics.rule)
      else { preconditionFailure("a model without the score '\(member.rawValue)' was asked for it") }
      heats[member] = [statistics.heat(of: evidence, center: centers[member])]
    }
    return scores.reduce(into: [:]) { result, score in
      result[score] = score == .ensemble ? Self.mean(of: heats, weights, scan: 0) : heats[score]![0]
    }
  }

  /// Heat by the ensemble.
  ///
  /// - Parameter evidence: the mean of its members, along the slices where these are followed.
  private static func heat(
    _ evidence: Plane<Float>, of scan: PreparedScan, by statistics: ResidualStatistics
  ) -> Plane<Float> {
    statistics.heat(of: Residual(of: scan, map: evidence, rule: statistics.rule))
  }

  /// Heatmap of one scan on the model's grid.
  package func heatmap(_ score: Score, of scan: PreparedScan, maps: InferenceMaps) -> Heatmap {
    heatmaps([score], of: scan, maps: maps)[score]!
  }

  /// Heatmap of the scan alone, `Score.intensity`: the baseline that the networks are compared with.
  func untrained(of scan: PreparedScan) -> Heatmap {
    let statistics = members[.intensity]!
    return Self.heatmap(statistics.heat(of: Residual(of: scan, reconstruction: nil, rule: statistics.rule)))
  }

  private static func heatmap(_ heat: Plane<Float>) -> Heatmap { heat.map { max($0, 0) } }

  /// Whether all parts, read from a file, fit a model with this number of channels.
  func fits(channels: Int) -> Bool {
    members.allSatisfy { score, statistics in
      statistics.fits(channels: score.keepsChannels ? channels : 1)
    } && combined.fits(channels: 1) && alongSlices?.fits(channels: 1) ?? true && !weights.isEmpty
      && weights.keys.allSatisfy { members[$0] != nil }
      && members[.intensity] != nil
      && weights.values.allSatisfy { $0 > 0 && $0 <= 1 } && reach.values.allSatisfy(\.isFinite)
      && rule.channelWeights.map { $0.count == channels } ?? true
  }

  /// The tail over healthy pixels of a score that the model offers.
  package func tail(of score: Score) -> PixelTail {
    score == .ensemble ? (alongSlices ?? combined).tail : members[score]!.tail
  }

  private static let mostPicks = 6
  private static let leastGain = 0.002

  /// The ensemble is averaged along slices where so many held-out scans have neighbours.
  private static let fewestSlices = 20

  /// The weights of the ensemble. Restoration is left out, because it costs as much as twenty other scores; it is
  /// computed only on request.
  ///
  /// Planted lesions are no fair judge between `learned`, which was trained on their like, and a score that was learned
  /// from healthy tissue alone: `crossChannel` cannot see those that shift the channels together, as healthy tissue
  /// does, `texture` sees changes of texture, which few of them have, and `features` what photographs differ by. So where
  /// no direction is told, `learned` has as much weight as `crossChannel`, or as `texture` where there is no such score
  /// and all scans share units. Where `features` were learned and there is no `crossChannel`, they have half of the weight
  /// and the others the rest: channels that say much of each other are no colors. This holds unless the learned score
  /// finds fewer planted lesions than the intensities alone. Otherwise a greedy selection with replacement takes the best
  /// score first, then repeatedly adds the score that improves the mean most. Source: Caruana et al. 2004, doi:10.1145/1015330.1015432.
  ///
  /// - Parameters:
  ///   - figures: average precision of each score on planted lesions.
  ///   - isTold: whether the user gave the direction of a lesion.
  ///   - sharesUnits: whether the intensities of all scans are in the same units.
  ///   - precision: average precision of a mean of scores, by their weights.
  package static func select(
    from figures: [Score: Double], isTold: Bool, sharesUnits: Bool, precision: ([Score: Float]) -> Double
  ) -> [Score: Float] {
    let alone: [Score] = sharesUnits ? [.crossChannel, .texture] : [.crossChannel]
    let other = alone.first { figures[$0] != nil }
    let hasFeatures = figures[.features] != nil && other != .crossChannel
    if !isTold, other != nil || hasFeatures, let learned = figures[.learned], learned >= figures[.intensity] ?? 0 {
      let members = [.learned] + [other].compactMap { $0 }
      let share = (hasFeatures ? 0.5 : 1) / Float(members.count)
      return members.reduce(into: hasFeatures ? [.features: 0.5] : [:]) { $0[$1] = share }
    }
    // The order is fixed, because that of a dictionary changes from run to run.
    let scores = Score.members.filter { figures[$0] != nil && $0 != .restoration }
    guard let first = scores.max(by: { figures[$0]! < figures[$1]! }) else { return [:] }
    var picks: [Score: Float] = [first: 1]
    var best = figures[first]!
    for _ in 1..<mostPicks {
      let trials = scores.map { score in
        let trial = picks.merging([score: 1], uniquingKeysWith: +)
        return (score, picks.count == 1 && picks[score] != nil ? best : precision(trial))
      }
      guard let next = trials.max(by: { $0.1 < $1.1 }), next.1 > best + leastGain else { break }
      picks[next.0, default: 0] += 1
      best = next.1
    }
    let sum = picks.values.reduce(0, +)
    return picks.mapValues { $0 / sum }
  }

  /// Weighted mean of heatmaps; values below the healthy median count as the median.
  private static func mean(of heats: [Score: [Plane<Float>]], _ weights: [Score: Float], scan: Int) -> Plane<Float> {
    let sum = weights.values.reduce(0, +)
    let parts = Score.members.compactMap { score -> (share: Float, heat: Plane<Float>)? in
      guard let weight = weights[score], let heat = heats[score]?[scan] else { return nil }
      return (weight / sum, heat)
    }
    var result = Plane<Float>(width: parts[0].heat.width, height: parts[0].heat.height, filledWith: 0)
    for (share, heat) in parts {
      for i in heat.values.indices { result.values[i] += share * max(heat.values[i], 0) }
    }
    return result
  }

  /// A rule that only ranks a map among healthy ones, without smoothing or standardizing it.
  private static func plain(_ rule: EvidenceRule) -> EvidenceRule {
    var plain = EvidenceRule(channelWeights: [1], polarity: .bright)
    plain.smoothing = 0
    plain.erosion = rule.erosion
    plain.isStandardized = false
    return plain
  }
}
