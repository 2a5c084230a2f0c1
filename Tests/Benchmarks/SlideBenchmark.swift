import Anomaly
import ArgumentParser
import Compute
import Foundation
import Imaging
import Numerics

struct SlideBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "slide", abstract: "A whole slide, end to end, beside the networks alone.",
    discussion: "peers/slide.py makes a slide of any size from a smaller one.")

  @OptionGroup var conditions: Conditions

  @Option(help: "Slide to analyze.")
  var slide: String

  @Option(help: "The norma to measure.")
  var norma = ".build/release/norma"

  func run() throws {
    print(conditions.heading)
    let folder = NSTemporaryDirectory() + "norma-benchmark-\(ProcessInfo.processInfo.processIdentifier)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let study = "\(folder)/study"
    try FileManager.default.createDirectory(atPath: study, withIntermediateDirectories: true)
    let name = (slide as NSString).lastPathComponent
    try FileManager.default.createSymbolicLink(
      atPath: "\(study)/\(name)", withDestinationPath: URL(fileURLWithPath: slide).path)

    let model = try Model(path: conditions.model)
    let bench = try NetworkBench(model, path: conditions.model, batch: conditions.batch)
    let patches = try bench.patches(of: Study(path: study), model: model)
    var whole: [Measured] = []
    var alone: [Double] = []
    for run in 0..<conditions.peers.runs {
      alone.append(try bench.rate(seconds: conditions.seconds))
      whole.append(
        try Measured([norma, "analyze", study, "--model", conditions.model, "--output", "\(folder)/report-\(run)"]))
    }
    print(Measured.line("norma analyze", whole))
    let rates = whole.map { Double(patches) / $0.seconds }
    print(
      String(
        format: "%d patches with tissue: %.0f patches/s, the networks alone %.0f: %.2f", patches, Contest.median(rates),
        Contest.median(alone), Contest.median(zip(rates, alone).map { $0 / $1 })))
  }
}

/// The networks that an analysis by the default score runs, on batches held in memory.
private final class NetworkBench {
  private let inference: Inference
  private let scan: Tensor
  private let input: Tensor?
  private let statistics: TissueStatistics
  private let depth: [Float]

  init(_ model: Model, path: String, batch: Int) throws {
    let engine = try Engine(precision: model.precision)
    let score =
      model.book.needed(for: .ensemble).contains(.learned) ? try model.scoreNetwork(engine: engine, path: path) : nil
    inference = Inference(
      network: try model.network(engine: engine, path: path), scoreNetwork: score, preparation: model.preparation,
      settings: model.inference)
    let edge = model.architecture.patchSize
    scan = try Tensor(Shape(batch, edge, edge, model.architecture.channels), engine: engine)
    input = try score.map { try Tensor(Shape(batch, edge, edge, $0.architecture.inputs), engine: engine) }
    statistics = try TissueStatistics(model.preparation, of: scan.shape, engine: engine)
    var random = RandomGenerator(seed: 3)
    for i in scan.values.indices { scan.values[i] = 0.5 + 0.1 * random.normal() }
    depth = [Float](repeating: 9, count: batch * edge * edge)
  }

  /// Patches of a study's first scan that show tissue.
  func patches(of study: Study, model: Model) throws -> Int {
    let source = study.scans(of: study.cases[0], reading: model.preparation.reading())[0]
    guard case .slide(let slide) = try source.content.get() else {
      throw Peer.Failure(description: "\(source.path) is small enough to be held whole; give a larger slide")
    }
    let prepared = model.preparation.prepare(try model.preparation.survey(slide))
    return try SlideStream(prepared, by: inference).patchesWithTissue
  }

  /// Patches a second.
  func rate(seconds: Double) throws -> Double {
    let start = ContinuousClock.now
    var count = 0
    var elapsed = 0.0
    var none: RandomGenerator?
    repeat {
      _ = try depth.withUnsafeBufferPointer {
        try inference.run(
          scan, depth: $0, units: [SharedUnits?](repeating: nil, count: scan.shape.n), input: input,
          statistics: statistics, sampling: &none)
      }
      count += scan.shape.n
      elapsed = (ContinuousClock.now - start) / .seconds(1)
    } while elapsed < seconds
    return Double(count) / elapsed
  }
}
