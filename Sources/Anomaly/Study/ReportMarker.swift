import Files
import Foundation

/// How a folder that holds a report of norma is recognized, so that no heatmap is taken for a scan.
package enum ReportMarker {
  package static let index = "cases.sqlite"
  package static let cases = "cases"
  package static let style = "assets/style.css"
  package static let shards = "shards"

  /// Whether a folder holds a report: its folder of cases, and beside it an index, one of shards, or the style of
  /// pages.
  package static func isReport(_ folder: String) -> Bool {
    func isThere(_ relative: String) -> Bool { FileManager.default.fileExists(atPath: "\(folder)/\(relative)") }
    guard isThere(cases) else { return false }
    if isThere(index) || isThere(style) { return true }
    let parts = (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(shards)")) ?? []
    return parts.contains { isThere("\(shards)/\($0)/\(index)") }
  }

  /// The report that a folder is or lies in; `nil` if there is none.
  static func report(around folder: String) -> String? {
    var place = FilePath.resolved(folder)
    while true {
      if isReport(place) { return place }
      guard place.utf8.count > 1 else { return nil }
      place = FilePath.folder(of: place)
      if place.isEmpty { return nil }
    }
  }
}
