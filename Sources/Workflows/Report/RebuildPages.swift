import Reporting

/// Rebuilds the pages of a report from its index and heatmaps only.
package struct RebuildPages {
  private let report: String
  private let observe: WorkflowObserver

  /// - Parameter report: folder of the report.
  package init(report: String, observe: @escaping WorkflowObserver = { _ in }) {
    self.report = report
    self.observe = observe
  }

  package func run() throws -> Report.Rebuilt {
    let lock = try WritingRight.take(report: report, observe: observe)
    defer { lock.release() }
    let rebuilt = try Report.rebuild(in: report)
    for sentence in rebuilt.missing { observe(.warning(sentence)) }
    return rebuilt
  }
}
