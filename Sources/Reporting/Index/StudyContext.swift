import Foundation

/// Data that the pages need in addition to the results. It is stored with the run, so that the pages can be made again
/// from the index.
package struct StudyContext: Sendable, Equatable, Codable {
  package typealias Fact = ProvenanceFact

  /// The title of the study's page.
  package var title: String
  /// The key of `results`; reports of an older version of norma hold their settings in words.
  package var scoring: String
  /// The settings that the results depend on; `nil` in reports of an older version of norma.
  package var results: ResultSettings?
  /// The settings and tools of the run; `nil` in reports of an older version of norma.
  package var record: RunRecord?
  /// Pixels at or above this `z` are drawn and grouped into regions.
  package var threshold: Double
  /// The `z` that lesions planted in held-out healthy scans reach, where the colours end; `nil` in reports of an older
  /// version of norma.
  package var heatReach: Double?
  /// Share of healthy cases that may be flagged, in 0...1.
  package var falsePositiveRate: Double
  /// Scores of the healthy cases from which the p-values of cases are computed, see `Calibration.caseScores`.
  package var calibrationScores: [Double]
  /// The lowest case score that is flagged; `nil` if no score would be flagged.
  package var scoreThreshold: Double?
  package var display: ScanDisplay
  /// Weight of each channel in the one gray picture that shows all channels; `nil` if all channels count alike.
  package var emphasis: [Float]?
  /// SHA-256 of the model's file, hexadecimal.
  package var modelSHA256: String?
  /// The version of the pictures beside the pages; `nil` in reports of an older version of norma, whose pages cannot be
  /// made again.
  package var pictures: Int? = Self.currentPictures
  /// Whether the calibrated reconstruction error of every scan is written to a separate file.
  package var keepsResidual = false
  /// Facts about the shard; `nil` if the whole study was analyzed.
  package var shard: ShardFacts?
  /// The number of shards that were merged; `nil` if one run analyzed the whole study.
  package var mergedShards: Int?
  /// The latest run of each merged shard, by the shard's number; `nil` in reports of an older norma.
  package var mergedRuns: [Int: Int64]?
  /// Sentences to show above the results: strange cases, a collapsed model, a short calibration set.
  package var warnings: [String]
  /// Why the scores of this study may mean nothing; `nil` if the study looks like the training study.
  package var domainShift: String?
  /// Lines for a reader, which reports of an older version of norma hold instead of `record`.
  private var provenance: [Fact]?

  static let currentPictures = 2

  package init(
    title: String, scoring: String, threshold: Double, falsePositiveRate: Double, calibrationScores: [Double] = [],
    scoreThreshold: Double? = nil, display: ScanDisplay = .color, warnings: [String] = [], domainShift: String? = nil,
    provenance: [Fact]? = nil
  ) {
    self.title = title
    self.scoring = scoring
    self.threshold = threshold
    self.falsePositiveRate = falsePositiveRate
    self.calibrationScores = calibrationScores
    self.scoreThreshold = scoreThreshold
    self.display = display
    self.warnings = warnings
    self.domainShift = domainShift
    self.provenance = provenance
  }

  /// The key of everything that a recorded case must share with this run to be current: its regions and pictures follow
  /// the threshold and the display too.
  var key: String {
    struct Drawn: Encodable {
      let scoring: String
      let threshold: Double
      let heatReach: Double?
      let display: ScanDisplay
      let pictures: Int
      let keepsResidual: Bool
    }
    return ResultSettings.digest(
      of: Drawn(
        scoring: scoring, threshold: threshold, heatReach: heatReach, display: display, pictures: Self.currentPictures,
        keepsResidual: keepsResidual))
  }

  /// The settings behind `key` in words, for a message that shows how two of them differ.
  var settingsInWords: String {
    "\(results?.description ?? scoring); threshold \(threshold); display \(display.rawValue)"
      + (keepsResidual ? "; residual kept" : "")
  }

  /// Clauses that say why results of `old` are computed again with this context.
  func changes(since old: StudyContext) -> [String] {
    guard let results, let before = old.results else { return ["an older norma scored them"] }
    var changes = results.changes(since: before)
    if keepsResidual != old.keepsResidual {
      changes.append("the residual is \(keepsResidual ? "kept, it was not" : "not kept, it was")")
    }
    // The threshold and the display follow from the settings and the model, unless norma itself has changed.
    if changes.isEmpty, threshold != old.threshold {
      changes.append("the threshold is \(threshold), it was \(old.threshold)")
    }
    return changes.isEmpty ? ["norma draws them in another way than before"] : changes
  }

  /// Lines for a reader: tool version, digests, normalization, command line, duration and so on.
  package var facts: [Fact] { record?.facts ?? provenance ?? [] }

  /// Why the results may mean nothing: warnings about a model that has not learned, as sentences.
  package var ignorance: [String] { record?.knowledge?.warnings.map(\.description) ?? [] }

  /// The JSON that is stored with the run. Its keys are sorted, so that equal contexts give equal text.
  var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }
}
