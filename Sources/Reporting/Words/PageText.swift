import Files
import Foundation

/// The text of numbers and verdicts on pages and in tables.
package enum PageText {
  static func number(_ value: Double, digits: Int = 2) -> String { String(format: "%.\(digits)f", value) }

  /// A length with at most two decimals and no trailing zeros: `900`, `0.25`.
  static func length(_ value: Double) -> String {
    value.formatted(
      .number.precision(.fractionLength(0...2)).grouping(.never).locale(Locale(identifier: "en_US_POSIX")))
  }

  static func pValue(_ p: Double) -> String {
    p < 0.001 ? "< 0.001" : number(p, digits: p < 0.1 ? 3 : 2)
  }

  /// A share in percent with as many digits as tell it from another one, six at most: `2.4 %`, and `2.39 %` beside
  /// 0.024.
  static func percent(_ share: Double, beside other: Double) -> String {
    let (own, others) = (percent(share), percent(other))
    guard own == others, share != other else { return own }
    let digits = (2...6).first { number(100 * share, digits: $0) != number(100 * other, digits: $0) } ?? 6
    return number(100 * share, digits: digits) + " %"
  }

  /// A share in percent, with one decimal only if it is below 10 % and not whole: `5 %`, `0.1 %`.
  package static func percent(_ share: Double) -> String {
    let percent = share * 100
    let digits = percent >= 10 || percent.rounded() == percent ? 0 : 1
    return number(percent, digits: digits) + " %"
  }

  /// A duration: `1 min 05 s`, `12 s`, `2 h 03 min`.
  package static func duration(_ seconds: Double) -> String {
    let s = Int(seconds.rounded())
    if s >= 3600 { return String(format: "%d h %02d min", s / 3600, s % 3600 / 60) }
    if s >= 60 { return String(format: "%d min %02d s", s / 60, s % 60) }
    return "\(s) s"
  }

  /// An area in mm², in µm² if it is below 0.01 mm², or in pixels if the pixel size is unknown.
  static func area(pixels: Int, squareMillimeters: Double?) -> String {
    guard let area = squareMillimeters else { return "\(pixels) px" }
    return area >= 0.01 ? "\(number(area, digits: area >= 10 ? 0 : 2)) mm²" : "\(number(area * 1e6, digits: 0)) µm²"
  }
}
