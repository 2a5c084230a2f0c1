/// A format that is written scan by scan.
protocol ScanExport {
  /// Writes one scan.
  ///
  /// - Throws: `ScanFault` if this scan must be left out; another error if the export cannot continue.
  mutating func write(_ scan: ExportScan, from report: ReportFolder) throws -> ExportTally

  /// Completes the export. Called once, after all scans are written.
  mutating func finish(_ selection: ExportSelection) throws -> ExportTally
}

extension ScanExport {
  mutating func finish(_ selection: ExportSelection) throws -> ExportTally { ExportTally() }
}
