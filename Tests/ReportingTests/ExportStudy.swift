import Anomaly
import Files
import Foundation
import GRDB
import Imaging
import Reporting

/// A small report to export from: heatmaps are drawn, and their regions are found as an analysis finds them.
struct ExportStudy {
  let folder: TemporaryFolder
  private var report: Report

  var path: String { report.folder.path }
  var output: String { folder.path + "/out" }

  init() throws {
    folder = try TemporaryFolder()
    report = try SampleStudy.report(in: folder)
  }

  /// A scan's heatmap: 7.25 where a row has `#`, 0.5 elsewhere.
  struct Drawn {
    var name: String
    var rows: [String]
    var page: Int?
    var pixelSize: PixelSize?
    /// Pixels of the scan that one of the heatmap's covers.
    var downsample = 1
    var path: String?
  }

  func add(_ caseName: String, flagged: Bool = true, _ scans: [Drawn]) throws {
    try report.finishCase(
      SampleStudy.result(caseName, try scans.map { try write($0, caseName) }, flagged: flagged))
  }

  /// Closes the run.
  mutating func finish() throws { try report.finish(SampleStudy.context()) }

  private func write(_ drawn: Drawn, _ caseName: String) throws -> ScanResult {
    let (width, height) = (drawn.rows[0].count, drawn.rows.count)
    let map = Heatmap(width: width, height: height, values: drawn.rows.joined().map { $0 == "#" ? 7.25 : 0.5 })
    var image = Image(width: width, height: height, channels: 1)
    image.pixelSize = drawn.pixelSize?.multiplied(by: drawn.downsample)
    try report.writeScan(
      ScanLayers(
        scan: image, reconstruction: image, heatmap: map, residual: map,
        tissue: TissueMask(width: width, height: height, filledWith: true)), name: drawn.name, inCase: caseName)
    let factor = drawn.downsample
    var findings = ScanResult.Findings(
      width: width * factor, height: height * factor, channels: 1, pixelSize: drawn.pixelSize, score: 4, pValue: 0.01,
      regions: map.regions(above: 3, minimumArea: 1, pixelSize: drawn.pixelSize).map { region in
        var region = region
        (region.x, region.y) = (region.x * factor, region.y * factor)
        (region.width, region.height) = (region.width * factor, region.height * factor)
        (region.peakX, region.peakY) = (region.peakX.map { $0 * factor }, region.peakY.map { $0 * factor })
        region.areaPixels *= factor * factor
        region.areaSquareMillimeters = region.areaSquareMillimeters.map { $0 * Double(factor * factor) }
        region.pValue = 0.05
        return region
      })
    (findings.downsample, findings.downsampleY) = (Double(factor), Double(factor))
    return ScanResult(
      name: drawn.name, path: drawn.path ?? "\(caseName)/\(drawn.name).tif", page: drawn.page,
      sha256: "digest of \(drawn.name)", outcome: .done(findings))
  }

  /// Makes the index one of a norma that recorded no peaks' pixels.
  func forgetPeaks() throws {
    try DatabaseQueue(path: "\(path)/cases.sqlite").write {
      try $0.execute(sql: "UPDATE regions SET peak_x = NULL, peak_y = NULL; UPDATE scans SET downsample_y = NULL")
    }
  }

  /// Makes the index one of a norma that recorded no digests of heatmaps.
  func forgetDigests() throws {
    try DatabaseQueue(path: "\(path)/cases.sqlite").write {
      try $0.execute(sql: "UPDATE scans SET heatmap_sha256 = NULL")
    }
  }

  /// - Returns: what was written and the sentences about what was not.
  func export(
    _ format: ReportExport.Format, flaggedOnly: Bool = false, names: String? = nil
  ) throws -> (tally: ExportTally, sentences: [String]) {
    var sentences: [String] = []
    var export = ReportExport(
      try ExportSelection(of: path, flaggedOnly: flaggedOnly, names: names.map { NameGlob($0) }))
    export.complain = { sentences.append($0) }
    let tally = try export.write(as: format, to: output)
    return (tally, sentences)
  }

  func text(_ name: String) throws -> String { try String(contentsOfFile: "\(output)/\(name)", encoding: .utf8) }

  func object(_ name: String) throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: "\(output)/\(name)")))
      as? [String: Any] ?? [:]
  }

  /// Every file of the export, relative to it.
  func names() throws -> [String] {
    let paths = try FileManager.default.subpathsOfDirectory(atPath: output)
    return paths.filter { path in
      var isFolder: ObjCBool = false
      return FileManager.default.fileExists(atPath: "\(output)/\(path)", isDirectory: &isFolder) && !isFolder.boolValue
    }.sorted()
  }
}
