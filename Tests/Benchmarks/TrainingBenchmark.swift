import Anomaly
import ArgumentParser
import Compute
import Foundation

struct TrainingBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "training", abstract: "Steps of the VAE's training beside PyTorch's.")

  @OptionGroup var conditions: Conditions

  private static let variants = ["eager", "channels_last", "bf16", "compile", "compile_bf16"]

  func run() throws {
    print(conditions.heading)
    let model = try Model(path: conditions.model)
    var contenders: [Contender] = []
    var shares: [String: () throws -> String] = [:]
    for precision in Precision.allCases where precision == .float32 || Precision.fastest == precision {
      let name = "norma \(precision.rawValue)"
      let bench = try TrainingBench(model, precision: precision, batch: conditions.batch)
      contenders.append(Contender(name: name) { try bench.run($0) })
      contenders.append(Contender(name: "peak \(precision.rawValue)", isYardstick: true) { try bench.runPeak($0) })
      shares[name] = { try bench.summary() }
    }
    for variant in Self.variants {
      do {
        let peer = try Peer(
          variant, conditions, script: "train.py",
          arguments: [
            conditions.model, "--variant", variant, "--batch", "\(conditions.batch)", "--threads",
            "\(Parallel.threads)",
          ])
        contenders.append(Contender(name: "pytorch \(variant)") { try peer.run($0) })
      } catch { print("pytorch \(variant) is left out: \(error)") }
    }
    let contest = try Contest(
      contenders, runs: conditions.runs, seconds: conditions.seconds, patches: conditions.batch)
    for (name, summary) in shares.sorted(by: { $0.key < $1.key }) {
      print("\n" + contest.table(reference: name, unit: "patches/s"))
      print(try summary())
    }
  }
}

/// Training steps on batches held in memory, and matrix products to measure them against.
private final class TrainingBench {
  private let engine: Engine
  private let step: TrainingStep
  private let clean: Tensor
  private let corrupted: Tensor
  private let product: MatrixProduct
  private var spread: [Float]
  private var seed: UInt64 = 0
  private var rates: [Double] = []
  private var peaks: [Double] = []

  init(_ model: Model, precision: Precision, batch: Int) throws {
    engine = try Engine(precision: precision)
    let a = model.architecture
    let network = VAE(a, seed: 1, engine: engine)
    let shape = Shape(batch, a.patchSize, a.patchSize, a.channels)
    step = try TrainingStep(
      network: network, adam: Adam(network.parameters), objective: model.record.objective, shape: shape)
    clean = try Tensor(shape, engine: engine)
    corrupted = try Tensor(shape, engine: engine)
    spread = [Float](repeating: 0, count: a.channels)
    var random = RandomGenerator(seed: 2)
    for i in clean.values.indices {
      clean.values[i] = 0.5 + 0.12 * random.normal()
      corrupted.values[i] = clean.values[i] + 0.1 * random.normal()
    }
    product = try MatrixProduct(edge: 2048, engine: engine)
  }

  /// - Returns: patches a second.
  func run(_ steps: Int) throws -> Double {
    let before = engine.operations
    let start = ContinuousClock.now
    for _ in 0..<steps {
      seed += 1
      _ = try step.run(clean: clean, corrupted: corrupted, learningRate: 1e-3, seed: seed, spread: &spread)
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    rates.append(Double(engine.operations - before) / seconds)
    return Double(steps * clean.shape.n) / seconds
  }

  /// - Returns: products a second, times the batch, so that a run lasts as long.
  func runPeak(_ steps: Int) throws -> Double {
    let products = max(1, steps / 4)
    let start = ContinuousClock.now
    for _ in 0..<products { try product.run() }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    peaks.append(Double(products * product.operations) / seconds)
    return Double(steps * clean.shape.n) / seconds
  }

  func summary() throws -> String {
    let (rate, peak) = (Contest.median(rates), Contest.median(peaks))
    return String(
      format: "convolutions %.0f GFLOP/s, matrix product %.0f GFLOP/s: %.2f of the peak", rate / 1e9, peak / 1e9,
      rate / peak)
  }
}
