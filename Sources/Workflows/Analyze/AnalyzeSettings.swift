import Anomaly
import Compute
import Foundation
import Imaging
import Reporting

/// How a study is analyzed.
package struct AnalyzeSettings: Sendable {
  /// Folder of the scans.
  package var study: String
  /// Which files and cases of it are taken.
  package var selection = StudySelection()
  /// File of the model.
  package var model: String
  /// Folder of the report.
  package var output: String
  /// The shard to analyze; `nil` for the whole study.
  package var shard: Shard?
  /// Whether to empty a report that was made in another way, instead of refusing it.
  package var startsAnew = false
  /// Whether to remove the results of cases that left the study, instead of only marking them.
  package var removesAbsent = false
  /// Share of healthy cases that may be flagged, in 0...1.
  package var falsePositiveRate = 0.05
  package var score = Score.ensemble
  /// Whether to write the calibrated reconstruction error of every scan to its own file.
  package var keepsResidual = false
  /// Whether to keep the text metadata of scans in the index and on the pages.
  package var keepsMetadata = false
  /// Precision of the networks; `nil` for the one the model was trained in, if this processor has it.
  package var precision: Precision?
  /// Regions with a smaller area are left out; `nil` for the area that the model was calibrated with.
  package var minimumRegionArea: RegionArea?
  package var limits = TIFFLimits.default
  package var memory = MemoryBudget.unlimited
  package var resolution = Resolution()

  package init(study: String, model: String, output: String) {
    self.study = study
    self.model = model
    self.output = output
  }

  /// Default folder of the report: `Reports/` and the study's name. A study whose namesake has that folder gets the
  /// first of `Reports/NAME-2`, `Reports/NAME-3` ... that is free or its own.
  package static func defaultOutput(_ study: String) throws -> String {
    let plain = "Reports/" + URL(fileURLWithPath: study).standardizedFileURL.lastPathComponent
    var output = plain
    var number = 2
    while try !ReportFolder(output).isFree(forStudyAt: study) {
      output = "\(plain)-\(number)"
      number += 1
    }
    return output
  }

  /// How the scans of the study are read for a model.
  func reading(for model: Model, by scorer: Scorer) -> ScanReading {
    var reading = model.preparation.reading(limits: limits)
    reading.keepsMetadata = keepsMetadata
    if !model.preparation.needsWholeScans { reading.largestWhole = memory.largestWhole(for: scorer) }
    return reading
  }
}
