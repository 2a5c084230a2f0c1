import Foundation
import Numerics

/// Something that does the same work again and again and says how fast it was.
struct Contender {
  let name: String
  /// Does so many steps; returns patches a second.
  let run: (Int) throws -> Double
  /// Whether it does other work, whose speed stands for nothing in the table.
  var isYardstick = false
  /// Steps that take about as long as a run should.
  var steps = 1

  init(name: String, isYardstick: Bool = false, run: @escaping (Int) throws -> Double) {
    self.isYardstick = isYardstick
    self.name = name
    self.run = run
  }
}

/// Runs contenders in turn and compares their medians.
struct Contest {
  private var contenders: [Contender]
  private(set) var speeds: [String: [Double]] = [:]

  /// - Parameters:
  ///   - seconds: that one run should take; steps are counted so that it does.
  ///   - patches: of one step.
  init(_ contenders: [Contender], runs: Int, seconds: Double, patches: Int) throws {
    self.contenders = contenders
    for i in contenders.indices {
      let speed = try contenders[i].run(3)
      self.contenders[i].steps = max(2, Int(speed * seconds / Double(patches)))
    }
    for _ in 0..<runs {
      for contender in self.contenders {
        speeds[contender.name, default: []].append(try contender.run(contender.steps))
      }
    }
  }

  func median(_ name: String) -> Double { Self.median(speeds[name] ?? []) }

  static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return .nan }
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  /// Median over the rounds of one contender's speed by another's in the same round: what drifts cancels.
  func ratio(_ a: String, to b: String) -> Double {
    Self.median(zip(speeds[a] ?? [], speeds[b] ?? []).map { $0 / $1 })
  }

  /// A line a contender: median, least and greatest speed, and how many times as fast `reference` is.
  func table(reference: String, unit: String) -> String {
    contenders.filter { !$0.isYardstick }.map { contender in
      let values = speeds[contender.name]!
      let name = contender.name.padding(toLength: 28, withPad: " ", startingAt: 0)
      return name
        + String(
          format: "%9.1f %@ (%.1f-%.1f)   %@ is %.2f x", median(contender.name), unit, values.min()!, values.max()!,
          reference, ratio(reference, to: contender.name))
    }.joined(separator: "\n")
  }
}
