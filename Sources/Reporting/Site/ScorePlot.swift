import Foundation

/// Case scores against those of healthy cases, as the numbers of an SVG strip plot.
///
/// Places along the axis are percentages, so that the plot fits any width while its text keeps its size.
struct ScorePlot: Sendable {
  struct Point: Sendable {
    let x: String
    let y: Int
    let link: String
    let label: String
    let flagged: Bool
  }

  struct Tick: Sendable {
    let x: String
    let label: String
    /// In the right half, where a label must end rather than begin.
    var isRight = false
  }

  let healthy: [Point]
  let cases: [Point]
  let ticks: [Tick]
  let limit: Tick?

  /// - Returns: `nil` where there is nothing to compare.
  init?(_ rows: [CaseRow], context: StudyContext) {
    let scored = rows.filter { $0.score?.isFinite == true }
    let calibration = context.calibrationScores.filter(\.isFinite)
    let limits = scored.compactMap(\.score) + calibration + [context.scoreThreshold].compactMap { $0 }
    guard !scored.isEmpty, let low = limits.min(), let high = limits.max() else { return nil }
    let width = max(high - low, 1e-6)
    // Room at both ends for a marker's radius.
    func place(_ score: Double) -> String { PageText.number(3 + 94 * (score - low) / width, digits: 3) + "%" }
    // Multiples of the golden ratio spread points evenly without chance, so that a page looks the same every time.
    func jitter(_ index: Int) -> Int {
      Int((((Double(index) * 0.618_034).truncatingRemainder(dividingBy: 1)) * 26 - 13).rounded())
    }
    healthy = calibration.enumerated().map { index, score in
      Point(x: place(score), y: 42 + jitter(index), link: "", label: "", flagged: false)
    }
    // Flagged cases last, on top of the others.
    cases = scored.sorted { !$0.flagged && $1.flagged }.enumerated().map { index, row in
      let score = row.score ?? 0
      return Point(
        x: place(score), y: 108 + jitter(index),
        link: ReportFolder.link(from: ReportFolder.studyPage, to: row.reportPath),
        label: "\(row.name), score \(PageText.number(score))\(row.flagged ? ", flagged" : "")", flagged: row.flagged)
    }
    limit = context.scoreThreshold.map {
      Tick(x: place($0), label: "flagged from \(PageText.number($0))", isRight: $0 > (low + high) / 2)
    }
    let step = Self.step(width)
    ticks = stride(from: (low / step).rounded(.up), through: (high / step).rounded(.down), by: 1).map {
      Tick(x: place($0 * step), label: PageText.number($0 * step, digits: step < 1 ? (step < 0.1 ? 2 : 1) : 0))
    }
  }

  /// One, two or five times a power of ten, for five to ten ticks.
  private static func step(_ width: Double) -> Double {
    let power = pow(10, log10(width / 10).rounded(.down))
    return [1, 2, 5].map { $0 * power }.first { width / $0 <= 10 } ?? 10 * power
  }
}
