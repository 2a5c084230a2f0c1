import Anomaly
import Files
import Foundation
import Imaging
import Numerics
import Reporting
import Testing
import Workflows

/// Workflows are values: they need no process, no arguments and no terminal.
struct WorkflowTests {
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("norma-workflows-\(UUID())").path

  /// What a workflow told.
  private final class Events {
    var progress: [WorkflowEvent.Progress] = []
    var notices: [String] = []
    var failures: [String] = []

    func take(_ event: WorkflowEvent) {
      switch event {
      case .progress(let progress): self.progress.append(progress)
      case .notice(let text): notices.append(text)
      case .failed(let error, let caseName, _): failures.append("\(caseName ?? ""): \(error)")
      case .warning, .leftOut: break
      }
    }
  }

  @Test func `a study is learned from, analyzed and gone on with`() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for k in 1...10 { try write(scan(seed: UInt64(k)), as: "healthy/case\(k)/scan.tif") }
    try write(scan(seed: 11), as: "patients/well/scan.tif")
    try write(scan(seed: 12, lesion: true), as: "patients/ill/scan.tif")
    try write(mask(), as: "masks/ill/scan_mask.tif")
    try FileManager.default.createDirectory(atPath: "\(folder)/patients/broken", withIntermediateDirectories: true)
    try Data("no scan".utf8).write(to: URL(fileURLWithPath: "\(folder)/patients/broken/scan.tif"))

    var training = Train.Settings(study: "\(folder)/healthy", output: "\(folder)/model.safetensors")
    training.budget = .epochs(1)
    let heard = Events()
    let trained = try #require(try Train(training, observe: heard.take).run())
    #expect(trained.faults.isEmpty && trained.model.record.steps > 0)
    #expect(heard.notices == ["learning from 6 scans of 6 cases; 4 scans of 4 cases are held out"])

    var analysis = Analyze.Settings(
      study: "\(folder)/patients", model: training.output, output: "\(folder)/report")
    let events = Events()
    let first = try Analyze(analysis, observe: events.take).run()
    #expect(first.cases == 3 && first.recorded == 3 && first.unchanged == 0 && first.counts?.failedScans == 1)
    #expect(events.failures.count == 1 && events.failures[0].hasPrefix("broken: \(folder)/patients/broken/scan.tif: "))
    #expect(events.progress.map(\.text).last == "3 cases done" && events.progress.last?.isLast == true)

    // A case with a scan that failed is tried again; the others are as they were.
    let second = try Analyze(analysis).run()
    #expect(second.unchanged == 2 && second.recorded == 1)
    analysis.keepsResidual = true
    #expect(try Analyze(analysis).run().recorded == 3, "other settings give other results")

    let evaluation = try Evaluate(Evaluate.Settings(report: analysis.output, masks: "\(folder)/masks")).run()
    #expect(evaluation.scans == 2 && evaluation.lesionScans == 1)
    #expect(evaluation.rows.first?.name == "norma")

    try findAgain(analysis, training.output)

    // A bright lesion is lighter than gray in the difference from the nearest healthy version, as in a report.
    let generative = try GenerativeModel(path: training.output, seed: 0)
    let ill = "\(folder)/patients/ill/scan.tif"
    let difference = try Edit(generative, scan: ill, output: "\(folder)/restored").run(.restore).difference
    let places = (0..<Self.edge * Self.edge).filter { isLesion($0 % Self.edge, $0 / Self.edge) }
    let lesion = places.map { difference[$0 % Self.edge, $0 / Self.edge] }
    #expect(difference.width == Self.edge && lesion.reduce(0, +) / Float(lesion.count) > 0.55)

    // A model that another scoring algorithm calibrated scores nothing, and is still shown.
    for (number, words) in [(1, "number 1"), (nil, "of an older norma, without a number")] {
      var old = trained.model
      old.record.algorithm = number
      try old.save(to: training.output)
      let sentence =
        "\(training.output): it was calibrated by the scoring algorithm \(words), this norma scores by number "
        + "\(Scorer.algorithm). Train it again with this norma."
      var shard = analysis
      (shard.output, shard.shard) = ("\(folder)/sharded", Shard(number: 1, of: 2))
      for settings in [analysis, shard] {
        #expect(throws: NormaError.self) { try Analyze(settings).run() }
      }
      #expect(!FileManager.default.fileExists(atPath: shard.output), "a run that is refused writes nothing")
      for refused: () throws -> Void in [
        { _ = try Analyze(analysis).run() },
        {
          _ = try SlurmAnalysis(
            SlurmAnalysis.Settings(
              study: analysis.study, model: analysis.model, output: shard.output, nodes: 1, shards: 2))
        },
      ] { #expect((#expect(throws: NormaError.self) { try refused() })?.description == sentence) }
      #expect(try !DescribeModels([training.output]).text.isEmpty)
      _ = try GenerativeModel(path: training.output, seed: 0)
    }
  }

  /// A report whose model or study has moved says which option names the new place.
  private func findAgain(_ analysis: Analyze.Settings, _ model: String) throws {
    func evaluate(_ model: String? = nil, _ study: String? = nil) throws {
      var settings = Evaluate.Settings(report: analysis.output, masks: "\(folder)/masks")
      settings.model = model
      settings.study = study
      settings.resamples = 0
      _ = try Evaluate(settings).run()
    }
    let files = FileManager.default
    try files.moveItem(atPath: model, toPath: model + ".moved")
    var error = #expect(throws: NormaError.self) { try evaluate() }
    #expect(error?.remedy == "Give the place of that model with --model" && error?.found.contains(model) == true)
    try Data("other".utf8).write(to: URL(fileURLWithPath: model))
    #expect(throws: NormaError.self) { try evaluate() }
    error = #expect(throws: NormaError.self) { try evaluate(model) }
    #expect(error?.found.hasPrefix("it is not the model that made ") == true)
    try evaluate(model + ".moved")
    try files.removeItem(atPath: model)
    try files.moveItem(atPath: model + ".moved", toPath: model)

    try files.moveItem(atPath: analysis.study, toPath: analysis.study + ".moved")
    error = #expect(throws: NormaError.self) { try evaluate() }
    #expect(error?.remedy == "Give the study's place with --study")
    try evaluate(nil, analysis.study + ".moved")
    try files.moveItem(atPath: analysis.study + ".moved", toPath: analysis.study)
    try evaluate()
  }

  private static let edge = 64

  private func scan(seed: UInt64, lesion: Bool = false) -> Image {
    var random = RandomGenerator(seed: seed)
    var image = Image(width: Self.edge, height: Self.edge, channels: 1)
    for y in 0..<Self.edge {
      for x in 0..<Self.edge where hypot(Float(x) - 31.5, Float(y) - 31.5) < 27 {
        image[x, y, 0] = 100 + 3 * random.normal() + (lesion && isLesion(x, y) ? 60 : 0)
      }
    }
    return image
  }

  private func mask() -> Image {
    var image = Image(width: Self.edge, height: Self.edge, channels: 1)
    for y in 0..<Self.edge { for x in 0..<Self.edge where isLesion(x, y) { image[x, y, 0] = 255 } }
    return image
  }

  private func isLesion(_ x: Int, _ y: Int) -> Bool { hypot(Float(x) - 24, Float(y) - 34) < 7 }

  private func write(_ image: Image, as name: String) throws {
    let path = "\(folder)/\(name)"
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try TIFFWriter.write(image, as: .float32, to: path)
  }
}
