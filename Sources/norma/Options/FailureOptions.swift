import ArgumentParser
import Reporting

/// What an analysis may leave undone and still be a success; shared by `analyze` and `merge`.
struct FailureOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "So many scans may fail, and cases stay unexamined, before the exit status is 1: a number, or a share of all such "
        + "as 5%. They are named all the same.", valueName: "number"))
  var maxFailed = FailureAllowance.none

  /// Whether results with these counts are a success.
  func allow(_ counts: StudyCounts) -> Bool {
    maxFailed.allows(counts.failedScans, of: counts.scans) && maxFailed.allows(counts.unexaminedCases, of: counts.cases)
  }
}

/// A number of failures, or a share of all that could fail.
enum FailureAllowance: ExpressibleByArgument, CustomStringConvertible {
  case number(Int)
  /// In 0...1.
  case share(Double)

  static let none = Self.number(0)

  init?(argument: String) {
    let isPercent = argument.hasSuffix("%")
    if !isPercent, let number = Int(argument) {
      guard number >= 0 else { return nil }
      self = .number(number)
      return
    }
    guard let value = Double(isPercent ? String(argument.dropLast()) : argument),
      case let share = isPercent ? value / 100 : value, (0...1).contains(share)
    else { return nil }
    self = .share(share)
  }

  func allows(_ failed: Int, of all: Int) -> Bool {
    switch self {
    case .number(let number): failed <= number
    case .share(let share): Double(failed) <= share * Double(all)
    }
  }

  var description: String {
    switch self {
    case .number(let number): "\(number)"
    case .share(let share): "\(share)"
    }
  }
}
