import Foundation

/// The numbers for an SVG strip plot that compares case scores with the scores of healthy cases.
///
/// Places along the axis are percentages, so that the plot fits any width and its text keeps its size.
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
    /// Whether the tick is in the right half, where its label must end at the tick instead of beginning there.
    var isRight = false
  }

  /// What the healthy cases are.
  let lane: String
  let healthy: [Point]
  let cases: [Point]
  let ticks: [Tick]
  let limit: Tick?

  /// - Returns: `nil` if no case has a score.
  init?(_ rows: [CaseRow], context: StudyContext) {
    let scored = rows.filter { $0.score?.isFinite == true }
    let calibration = context.calibrationScores.filter(\.isFinite)
    let limits = scored.compactMap(\.score) + calibration + [context.scoreThreshold].compactMap { $0 }
    guard !scored.isEmpty, let low = limits.min(), let high = limits.max() else { return nil }
    let width = max(high - low, 1e-6)
    // Leaves room for a marker's radius at both ends.
    func place(_ score: Double) -> String { PageText.number(3 + 94 * (score - low) / width, digits: 3) + "%" }
    // Multiples of the golden ratio spread points evenly without random numbers, so a page looks the same every time.
    func jitter(_ index: Int) -> Int {
      Int((((Double(index) * 0.618_034).truncatingRemainder(dividingBy: 1)) * 26 - 13).rounded())
    }
    lane = context.calibrationHasOthers ? "Healthy cases" : "Healthy, held out"
    healthy = calibration.enumerated().map { index, score in
      Point(x: place(score), y: 42 + jitter(index), link: "", label: "", flagged: false)
    }
    // Flagged cases are drawn last, on top of the others.
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

  /// The distance between ticks: 1, 2 or 5 times a power of ten, which gives five to ten ticks.
  private static func step(_ width: Double) -> Double {
    let power = pow(10, log10(width / 10).rounded(.down))
    return [1, 2, 5].map { $0 * power }.first { width / $0 <= 10 } ?? 10 * power
  }
}
