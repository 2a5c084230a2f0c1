import Anomaly
import Compute
import Files
import Foundation
import Imaging

/// The settings that the scores and regions of a case depend on, in addition to its files and the model's file.
/// `StudyContext.key` adds how they are drawn; a case that was recorded with another key is computed again.
package struct ResultSettings: Codable, Sendable, Equatable {
  /// The algorithm number; see `Scorer.algorithm`.
  package var algorithm = Scorer.algorithm
  package var score: Score
  package var precision: Precision
  /// Requested share of healthy cases that may be flagged, in 0...1.
  package var falsePositiveRate: Double
  /// Scans with more pixels are scored piece by piece.
  package var largestWhole: Int
  /// Level of pyramids to score, where 0 is the largest; `nil` for the model's own choice.
  package var level: Int?
  /// Edge of a pixel of the model's grid, in micrometers; `nil` for the model's own.
  package var micrometersPerPixel: Double?
  /// Share of a scan's strips or tiles that may be missing, in 0...1.
  package var toleratedMissing = 0.0
  package var keepsMetadata = false
  /// See `TIFFFile.reading`; `nil` in reports of an older norma.
  package var reading: Int? = TIFFFile.reading
  /// A value that means no data, if the user stated one.
  package var noData: Float?
  /// Size of a pixel in micrometers, if the user stated one.
  package var pixelSize: PixelSize?
  /// Area below which regions are left out; `nil` for the area that the model was calibrated with.
  package var minimumRegionArea: String?

  package init(
    score: Score, precision: Precision, falsePositiveRate: Double, largestWhole: Int
  ) {
    self.score = score
    self.precision = precision
    self.falsePositiveRate = falsePositiveRate
    self.largestWhole = largestWhole
  }

  /// SHA-256 of the settings' JSON with sorted keys, hexadecimal. Equal settings have equal keys.
  package var key: String { Self.digest(of: self) }

  static func digest(of settings: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    // Encoding cannot fail: the settings are numbers, words and booleans that JSON can hold.
    let json = try? encoder.encode(settings)
    return Digest.of(Array(json ?? Data())).hexadecimal
  }
}

extension ResultSettings {
  /// Clauses that say in what these settings differ from those that made older results: `the score is ensemble, it was
  /// residual`.
  ///
  /// - Parameter onlyScores: leaves out what changes no score, or what the machine may change: a rate, a least area,
  ///   a precision, a limit. Results that differ in nothing else belong into one report, and are computed again.
  func changes(since old: ResultSettings, onlyScores: Bool = false) -> [String] {
    func change<Value: Equatable>(_ what: String, _ new: Value, _ old: Value, _ text: (Value) -> String) -> String? {
      new == old ? nil : "\(what) is \(text(new)), it was \(text(old))"
    }
    let scores = [
      change("the score", score, old.score, \.rawValue),
      change("the level", level, old.level) { $0.map { "\($0)" } ?? "the model's own" },
      change("the pixel of the grid", micrometersPerPixel, old.micrometersPerPixel) {
        $0.map { "\($0) micrometers" } ?? "the model's own"
      },
    ]
    guard !onlyScores else { return scores.compactMap { $0 } }
    let others = [
      change("norma's algorithm", algorithm, old.algorithm) { "number \($0)" },
      change("the way of reading files", reading, old.reading) { $0.map { "number \($0)" } ?? "an older one" },
      change("the value without data", noData, old.noData) { $0.map { "\($0)" } ?? "the files' own" },
      change("the size of a pixel", pixelSize, old.pixelSize) {
        $0.map { "\($0.x) x \($0.y) micrometers" } ?? "the files' own"
      },
      change("the precision", precision, old.precision, \.rawValue),
      change("the false-positive rate", falsePositiveRate, old.falsePositiveRate) { "\($0)" },
      change("the largest scan scored whole", largestWhole, old.largestWhole) { "of \($0) pixels" },
      change("the share that may be missing", toleratedMissing, old.toleratedMissing) { "\($0)" },
      change("the text of scans", keepsMetadata, old.keepsMetadata) { $0 ? "kept" : "not kept" },
      change("the least area of a region", minimumRegionArea, old.minimumRegionArea) { $0 ?? "the model's own" },
    ]
    return (scores + others).compactMap { $0 }
  }
}

extension ResultSettings: CustomStringConvertible {
  /// The settings in words, for a message that shows how two of them differ.
  package var description: String {
    [
      "score \(score.rawValue)", precision.rawValue, "false-positive rate \(falsePositiveRate)",
      "slides from \(largestWhole) pixels", level.map { "level \($0)" },
      micrometersPerPixel.map { "\($0) micrometers a pixel" },
      toleratedMissing > 0 ? "tolerates \(toleratedMissing) missing" : nil, keepsMetadata ? "metadata" : nil,
      noData.map { "\($0) is no data" }, pixelSize.map { "pixels of \($0.x) x \($0.y) micrometers" },
      reading.map { "reading \($0)" }, minimumRegionArea.map { "regions from \($0)" }, "algorithm \(algorithm)",
    ].compactMap { $0 }.joined(separator: "; ")
  }
}
