import Compute
import Numerics

/// How near a network's convolutions come to the fastest matrix product of the same precision in the same run.
final class Yardstick {
  private let operations: () -> Int
  private let product: MatrixProduct
  /// Patches a step, and matrix products that take about as long.
  private let patches: Int
  private let productsPerStep: Double
  private var rates: [Double] = []
  private var peaks: [Double] = []

  /// - Parameters:
  ///   - engine: for the matrix products.
  ///   - operations: how many the network's convolutions have done so far.
  init(engine: Engine, patches: Int, productsPerStep: Double, operations: @escaping () -> Int) throws {
    self.operations = operations
    self.patches = patches
    self.productsPerStep = productsPerStep
    product = try MatrixProduct(edge: 2048, engine: engine)
  }

  /// Does so many steps; returns patches a second.
  func measure(_ steps: Int, _ step: () throws -> Void) throws -> Double {
    let before = operations()
    let seconds = try Self.seconds { for _ in 0..<steps { try step() } }
    rates.append(Double(operations() - before) / seconds)
    return Double(steps * patches) / seconds
  }

  /// Multiplies for about as long as so many steps take; returns what would be patches a second.
  func measureProducts(_ steps: Int) throws -> Double {
    let count = max(1, Int(Double(steps) * productsPerStep))
    let seconds = try Self.seconds { for _ in 0..<count { try product.run() } }
    peaks.append(Double(count * product.operations) / seconds)
    return Double(steps * patches) / seconds
  }

  private static func seconds(_ work: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try work()
    return (ContinuousClock.now - start) / .seconds(1)
  }

  /// Medians over all runs.
  var summary: String {
    let (rate, peak) = (Contest.median(rates), Contest.median(peaks))
    return "convolutions \(Int(rate / 1e9)) GFLOP/s, matrix product \(Int(peak / 1e9)) GFLOP/s: "
      + "\(((rate / peak * 100).rounded() / 100)) of the peak"
  }
}
