import Foundation

/// How mutants went.
struct MutantTally {
  enum Finding: String, CaseIterable {
    case crash, hang
    case overMemory = "over memory"
    case breach = "broken promise"
  }

  private var outcomes: [Trial.Outcome: Int] = [:]
  private var found: [Finding: Int] = [:]
  private var slowest = Extreme()
  private var largest = Extreme()

  private struct Extreme {
    private(set) var value = 0
    private(set) var number = 0

    mutating func meet(_ value: Int, _ number: Int) {
      if value > self.value { (self.value, self.number) = (value, number) }
    }
    mutating func meet(_ other: Extreme) { meet(other.value, other.number) }
  }

  var findings: Int { found.values.reduce(0, +) }
  private var mutants: Int { outcomes.values.reduce(0, +) + findings }

  mutating func add(_ outcome: Trial.Outcome, _ number: Int, milliseconds: Int, megabytes: Int) {
    outcomes[outcome, default: 0] += 1
    slowest.meet(milliseconds, number)
    largest.meet(megabytes, number)
  }

  mutating func add(_ finding: Finding) { found[finding, default: 0] += 1 }

  mutating func add(_ other: MutantTally) {
    outcomes.merge(other.outcomes, uniquingKeysWith: +)
    found.merge(other.found, uniquingKeysWith: +)
    slowest.meet(other.slowest)
    largest.meet(other.largest)
  }

  var table: String {
    var rows: [(String, Int)] = [("mutants", mutants)]
    rows += Trial.Outcome.allCases.map { ($0.title, outcomes[$0] ?? 0) }
    rows += Finding.allCases.map { ($0.rawValue, found[$0] ?? 0) }
    let lines = rows.map { name, count in
      name.padding(toLength: 28, withPad: " ", startingAt: 0) + String(format: "%8d", count)
    }
    return
      (lines + [
        "slowest: \(slowest.value) ms, number \(slowest.number)",
        "largest: \(largest.value) MB resident, number \(largest.number)",
      ]).joined(separator: "\n")
  }
}

extension Trial.Outcome {
  fileprivate var title: String {
    switch self {
    case .decoded: "decoded"
    case .partly: "decoded in part"
    case .malformed: "refused as malformed"
    case .unsupported: "refused as unsupported"
    case .limitExceeded: "refused as over the limits"
    case .system: "refused by the system"
    }
  }
}
