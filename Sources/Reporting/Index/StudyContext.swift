import Foundation

/// What the pages need beside the results; kept with the run, so that the pages can be made again from the index.
package struct StudyContext: Sendable, Equatable, Codable {
  package typealias Fact = ProvenanceFact

  /// What the study is called on its page.
  package var title: String
  /// The key of `results`: a case that was recorded with another is computed again.
  package var scoring: String
  /// What the results depend on; `nil` in reports of an older norma.
  package var results: ResultSettings?
  /// What the run was made with; `nil` in reports of an older norma.
  package var record: RunRecord?
  /// Pixels at or above this `z` are drawn and grouped into regions.
  package var threshold: Double
  /// Share of healthy cases that may be flagged, in 0...1.
  package var falsePositiveRate: Double
  /// Scores of the held-out healthy cases the p-values come from.
  package var calibrationScores: [Double]
  /// Case score from which a case is flagged; `nil` where no score would be.
  package var scoreThreshold: Double?
  package var display: ScanDisplay
  /// How much each channel counts where one gray picture stands for all; `nil` counts all alike.
  package var emphasis: [Float]?
  /// Digest of the model's file, hexadecimal.
  package var modelSHA256: String?
  /// Which pictures lie beside the pages; `nil` in reports of an older norma, whose pages cannot be made again.
  package var pictures: Int? = ResultSettings.currentPictures
  /// Whether the calibrated reconstruction error of every scan is written to a file of its own.
  package var keepsResidual = false
  /// Where only a part of the study was analyzed.
  package var shard: ShardFacts?
  /// How many shards this was put together from; `nil` where one run analyzed all.
  package var mergedShards: Int?
  /// Sentences to show above the results: strange cases, a collapsed model, a short calibration set.
  package var warnings: [String]
  /// Why the scores of this study may mean nothing: it does not look like the training study.
  package var domainShift: String?
  /// What reports of an older norma hold in place of `record`, in lines for a reader.
  private var provenance: [Fact]?

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

  /// Tool version, digests, normalization, command line, duration and so on, for a reader.
  package var facts: [Fact] { record?.facts ?? provenance ?? [] }

  /// The JSON stored with the run; keys sorted, so that equal contexts give equal text.
  var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }
}
