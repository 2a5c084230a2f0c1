/// Counts of what an export wrote and left out.
package struct ExportTally: Sendable, Equatable {
  package var files = 0
  package var regions = 0
  /// Scans that were left out because their heatmaps cannot be used.
  package var leftOut = 0
  /// Scans that the analysis could not score and that therefore have nothing to export.
  package var failedInAnalysis = 0
  /// Scans in which there was nothing to score.
  package var empty = 0

  package init(files: Int = 0, regions: Int = 0, leftOut: Int = 0) {
    (self.files, self.regions, self.leftOut) = (files, regions, leftOut)
  }

  mutating func add(_ other: ExportTally) {
    files += other.files
    regions += other.regions
    leftOut += other.leftOut
    failedInAnalysis += other.failedInAnalysis
    empty += other.empty
  }
}
