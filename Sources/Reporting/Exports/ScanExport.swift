/// A format that is written scan by scan.
protocol ScanExport {
  /// - Throws: `ScanFault` where the scan has to be left out, another error where nothing more can be written.
  mutating func write(_ scan: ExportScan, from report: ReportFolder) throws -> ExportTally

  /// Called once, when all scans are written.
  mutating func finish(_ selection: ExportSelection) throws -> ExportTally
}

extension ScanExport {
  mutating func finish(_ selection: ExportSelection) throws -> ExportTally { ExportTally() }
}
