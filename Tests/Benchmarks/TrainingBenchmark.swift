import Anomaly
import ArgumentParser
import Compute
import Foundation
import Numerics
import Threads

struct TrainingBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "training", abstract: "Steps of the VAE's training beside PyTorch's.")

  @OptionGroup var conditions: Conditions

  private static let variants = ["eager", "channels_last", "bf16", "compile", "compile_bf16"]

  func run() throws {
    print(conditions.heading)
    let model = try Model(path: conditions.model)
    var contenders: [Contender] = []
    var yardsticks: [(name: String, yardstick: Yardstick)] = []
    for precision in Precision.allCases where precision == .float32 || Precision.fastest == precision {
      let name = "norma \(precision.rawValue)"
      let bench = try TrainingBench(model, precision: precision, batch: conditions.batch)
      contenders.append(Contender(name: name) { try bench.run($0) })
      contenders.append(
        Contender(name: "peak \(precision.rawValue)", isYardstick: true) { try bench.yardstick.measureProducts($0) })
      yardsticks.append((name, bench.yardstick))
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
      contenders, runs: conditions.peers.runs, seconds: conditions.seconds, patches: conditions.batch)
    for (name, yardstick) in yardsticks {
      print("\n" + contest.table(reference: name, unit: "patches/s"))
      print(yardstick.summary)
    }
  }
}

/// Training steps on batches held in memory, and matrix products to measure them against.
private final class TrainingBench {
  private let step: TrainingStep
  let yardstick: Yardstick
  private var spread: [Float]
  private var seed: UInt64 = 0

  init(_ model: Model, precision: Precision, batch: Int) throws {
    let engine = try Engine(precision: precision)
    let a = model.architecture
    let network = VAE(a, seed: 1, engine: engine)
    let shape = Shape(batch, a.patchSize, a.patchSize, a.channels)
    step = try TrainingStep(
      network: network, adam: Adam(network.parameters), objective: model.record.objective, shape: shape)
    spread = [Float](repeating: 0, count: a.channels)
    var random = RandomGenerator(seed: 2)
    for i in step.clean.values.indices {
      step.clean.values[i] = 0.5 + 0.12 * random.normal()
      step.corrupted.values[i] = step.clean.values[i] + 0.1 * random.normal()
    }
    yardstick = try Yardstick(engine: engine, patches: batch, productsPerStep: 0.25) { [step] in step.operations }
  }

  /// - Returns: patches a second.
  func run(_ steps: Int) throws -> Double {
    try yardstick.measure(steps) {
      seed += 1
      _ = try step.run(learningRate: 1e-3, seed: seed, spread: &spread)
    }
  }
}
