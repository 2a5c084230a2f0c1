import Foundation

/// The numbers for an SVG picture of a study's colour scale.
struct ColorBar: Sendable {
  struct Stop: Sendable {
    let x: String
    let color: String
  }

  struct Tick: Sendable {
    let x: String
    let label: String
  }

  let stops: [Stop]
  let ticks: [Tick]
  let threshold: String
  let top: String

  init(_ scale: HeatScale) {
    let steps = 24
    stops = (0..<steps).map { step in
      let color = scale.color(of: scale.threshold + scale.span * (Double(step) + 0.5) / Double(steps))
      return Stop(
        x: "\(10 * step)", color: String(format: "#%02x%02x%02x", color.red, color.green, color.blue))
    }
    threshold = PageText.number(scale.threshold, digits: 1)
    top = PageText.number(scale.top, digits: 1)
    ticks = stride(from: scale.threshold.rounded(.up), through: scale.top, by: 1).map {
      Tick(
        x: PageText.number(240 * ($0 - scale.threshold) / scale.span, digits: 1),
        label: PageText.number($0, digits: 0))
    }
  }
}
