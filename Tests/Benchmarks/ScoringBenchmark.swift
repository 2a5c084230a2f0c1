import Anomaly
import ArgumentParser
import Compute
import Files
import Foundation
import Numerics
import Threads

struct ScoringBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scoring",
    abstract: "Reconstruction and learned score of patches beside PyTorch, ONNX Runtime and OpenVINO.")

  @OptionGroup var conditions: Conditions

  private static let variants = [
    "eager", "channels_last", "bf16", "compile", "compile_bf16", "onnxruntime", "openvino", "openvino_bf16",
  ]

  func run() throws {
    print(conditions.heading)
    let model = try Model(path: conditions.model)
    var contenders: [Contender] = []
    var benches: [(name: String, bench: ScoringBench)] = []
    for precision in Precision.allCases where precision == .float32 || Precision.fastest == precision {
      let bench = try ScoringBench(model, path: conditions.model, precision: precision, batch: conditions.batch)
      let name = "norma \(precision.rawValue)"
      benches.append((name, bench))
      contenders.append(Contender(name: name) { try bench.run($0) })
      contenders.append(
        Contender(name: "peak \(precision.rawValue)", isYardstick: true) { try bench.yardstick.measureProducts($0) })
    }
    try checkAgreement(benches[0].bench)
    for variant in Self.variants {
      do {
        let peer = try Peer(
          variant, conditions, script: "score.py",
          arguments: [
            conditions.model, "--variant", variant, "--batch", "\(conditions.batch)", "--threads",
            "\(Parallel.threads)",
          ])
        contenders.append(Contender(name: variant) { try peer.run($0) })
      } catch { print("\(variant) is left out: \(error)") }
    }
    let contest = try Contest(
      contenders, runs: conditions.peers.runs, seconds: conditions.seconds, patches: conditions.batch)
    for (name, bench) in benches {
      print("\n" + contest.table(reference: name, unit: "patches/s"))
      print(bench.yardstick.summary)
    }
  }

  /// Writes a batch with norma's answers and lets the peers compare; nothing is timed where they differ.
  private func checkAgreement(_ bench: ScoringBench) throws {
    let exchange = NSTemporaryDirectory() + "norma-exchange-\(ProcessInfo.processInfo.processIdentifier).safetensors"
    defer { try? FileManager.default.removeItem(atPath: exchange) }
    try bench.exchange().encoded().write(to: URL(fileURLWithPath: exchange))
    let check = Process()
    check.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    check.arguments = conditions.peers.command("check.py") + [conditions.model, exchange]
    try check.run()
    check.waitUntilExit()
    guard check.terminationStatus == 0 else {
      throw Peer.Failure(description: "a peer's outputs differ from norma's by more than 1e-3")
    }
  }
}

/// Scoring of batches held in memory, and matrix products to measure it against.
private final class ScoringBench {
  private let inference: Inference
  private let scan: Tensor
  private let input: Tensor
  private let statistics: TissueStatistics
  private let depth: [Float]
  let yardstick: Yardstick

  init(_ model: Model, path: String, precision: Precision, batch: Int) throws {
    let engine = try Engine(precision: precision)
    guard let scoreNetwork = try model.scoreNetwork(engine: engine, path: path) else {
      throw Peer.Failure(description: "\(path) has no learned score; train with --score-share above 0")
    }
    guard model.preparation.expectation == nil else {
      throw Peer.Failure(description: "\(path) has several channels; the peers score models of one channel")
    }
    inference = Inference(
      network: try model.network(engine: engine, path: path), scoreNetwork: scoreNetwork,
      preparation: model.preparation)
    let a = model.architecture
    let shape = Shape(batch, a.patchSize, a.patchSize, a.channels)
    scan = try Tensor(shape, engine: engine)
    statistics = try TissueStatistics(model.preparation, of: shape, engine: engine)
    input = try Tensor(Shape(shape.n, shape.h, shape.w, scoreNetwork.architecture.inputs), engine: engine)
    var random = RandomGenerator(seed: 3)
    for patch in 0..<batch {
      for c in 0..<a.channels {
        let field = NoiseField.smooth(cells: 9, edge: a.patchSize, using: &random)
        for i in field.indices {
          scan.values[(patch * field.count + i) * a.channels + c] = 0.5 + 0.12 * field[i] + 0.02 * random.normal()
        }
      }
    }
    depth = (0..<shape.pixels).map { Float($0 % a.patchSize) / 4 }  // a strip outside tissue, then deeper and deeper
    yardstick = try Yardstick(engine: engine, patches: batch, productsPerStep: 0.125) { [engine] in engine.operations }
  }

  private func score() throws -> (reconstruction: Tensor, logits: Tensor?) {
    var none: RandomGenerator?
    return try depth.withUnsafeBufferPointer {
      try inference.run(
        scan, depth: $0, units: [SharedUnits?](repeating: nil, count: scan.shape.n), input: input,
        statistics: statistics, sampling: &none)
    }
  }

  func exchange() throws -> Safetensors {
    let shape = [scan.shape.n, scan.shape.h, scan.shape.w]
    let (reconstruction, logits) = try score()
    return Safetensors(
      arrays: [
        "input": .init(shape: shape + [scan.shape.c], values: Array(scan.values)),
        "depth": .init(shape: shape, values: depth),
        "reconstruction": .init(shape: shape + [scan.shape.c], values: Array(reconstruction.values)),
        "logit": .init(shape: shape, values: Array(logits!.values)),
      ].merging(
        statistics.texture.map { ["texture": .init(shape: shape + [$0.shape.c], values: Array($0.values))] } ?? [:]
      ) { $1 }, metadata: [:])
  }

  func run(_ steps: Int) throws -> Double { try yardstick.measure(steps) { _ = try score() } }
}
