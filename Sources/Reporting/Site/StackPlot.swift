import Foundation

/// The numbers for an SVG bar chart of the scores of a case's scans.
enum StackPlot {
  struct Bar: Sendable {
    /// Percentages of the chart's width or height, for `x`, `width`, `y` and `height`.
    let x: String
    let width: String
    let y: String
    let height: String
    let anchor: String
    let label: String
    let flagged: Bool
  }

  /// Bars whose heights begin at the lowest score, whose bar is low but visible. All bars are full height if all scores
  /// are the same.
  static func bars(_ scans: [(score: Double, name: String, isFlagged: Bool)], anchors: [String]) -> [Bar] {
    let scores = scans.map(\.score).filter(\.isFinite)
    guard let low = scores.min(), let high = scores.max() else { return [] }
    let step = 100 / Double(scans.count)
    func percent(_ value: Double) -> String { PageText.number(value, digits: 3) + "%" }
    return zip(scans, anchors).enumerated().map { index, pair in
      let (scan, anchor) = pair
      let share = high > low && scan.score.isFinite ? (scan.score - low) / (high - low) : 1
      let height = 6 + 94 * share
      return Bar(
        x: percent(step * (Double(index) + 0.08)), width: percent(step * 0.84), y: percent(100 - height),
        height: percent(height), anchor: anchor,
        label: "\(scan.name), score \(PageText.number(scan.score))\(scan.isFlagged ? ", flagged" : "")",
        flagged: scan.isFlagged)
    }
  }
}
