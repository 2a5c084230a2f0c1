import Anomaly
import ArgumentParser
import Compute
import Files
import Foundation
import Generation
import Imaging
import Logging
import Numerics

struct SampleCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample", abstract: "Draw patches that a model believes to be healthy.",
    discussion: """
      Writes a TIFF a patch, in normalized intensities, and sheet.png with all of them. Given the healthy study it was
      trained on, it measures how like real patches they are; the numbers stand beside those of real training patches,
      which are the best there can be.
      """)

  @OptionGroup var options: GenerationOptions

  var log: LogOptions { options.log }

  @Option(help: "Patches to draw.")
  var count = 64

  @Option(help: "Standard deviation of what is drawn; below 1 patches are more usual and more alike.")
  var temperature: Float = 1

  @Option(help: "prior (the model's own belief) or posterior (around patches of --study).")
  var from = Source.prior

  @Option(help: "The healthy study: what to compare with, and where posteriors come from.")
  var study: String?

  @Option(name: .shortAndLong, help: "Folder to write to.")
  var output: String

  enum Source: String, ExpressibleByArgument, CaseIterable { case prior, posterior }

  func validate() throws {
    guard (1...10_000).contains(count) else { throw ValidationError("--count is \(count); 1 to 10000 is expected.") }
    guard temperature >= 0, temperature <= 10 else {
      throw ValidationError("--temperature is \(temperature); 0 to 10 is expected.")
    }
    if from == .posterior, study == nil {
      throw ValidationError("--from posterior needs --study, the scans around which to draw.")
    }
  }

  /// What is written as fidelity.json: samples and training patches, each against held-out ones.
  struct Comparison: Encodable {
    var samples: Fidelity
    var training: Fidelity
    var heldOutNearestTraining: Double?
    var heldOutPatches: Int
    var trainingPatches: Int
  }

  func run() throws {
    let (model, generator) = try options.open()
    let real = try study.map {
      StudyPatches(try Study(path: $0), model: model, perGroup: max(256, count), seed: options.seed)
    }
    for fault in real?.faults ?? [] { Logger.norma.leftOut(fault) }
    let patches = try generator.decode(try draw(model, generator, real))
    try GenerationOptions.makeFolder(output)
    let label = options.label("sample", "from \(from.rawValue), temperature \(temperature)")
    let digits = max(4, "\(count)".count)
    for (k, patch) in patches.enumerated() {
      let number = "\(k + 1)"
      let name = "sample-" + String(repeating: "0", count: digits - number.count) + number
      try TIFFWriter.write(patch, as: .float32, description: label, to: "\(output)/\(name).tif")
    }
    let columns = max(1, Int(Double(count).squareRoot().rounded(.up)))
    let rows = stride(from: 0, to: count, by: columns).map { Array(patches[$0..<min($0 + columns, count)]) }
    try PatchSheet(rows: rows, emphasis: model.pictureEmphasis).write(to: "\(output)/sheet.png")
    print("samples  \(count) patches of \(patches[0].width) pixels in \(output), all on sheet.png")
    if let real { try compare(patches, with: real) }
  }

  private func draw(_ model: Model, _ generator: PatchGenerator, _ real: StudyPatches?) throws -> LatentCode {
    var random = RandomGenerator(seed: options.seed)
    guard from == .posterior, let real else {
      return .prior(of: model.architecture, count: count, temperature: temperature, using: &random)
    }
    let known = real.training + real.heldOut
    guard !known.isEmpty else {
      throw NormaError(subject: study ?? "", found: "no patch shows tissue", remedy: "Give healthy scans")
    }
    let starts = (0..<count).map { _ in known[random.integer(below: known.count)] }
    var none: RandomGenerator?
    var drawing: RandomGenerator? = random
    var code = try generator.encode(starts, sampling: &none)
    let drawn = try generator.encode(starts, sampling: &drawing)
    // A temperature other than 1 moves draws towards the mean or away from it.
    for stage in code.stages.indices {
      for i in code.stages[stage].indices {
        code.stages[stage][i] += temperature * (drawn.stages[stage][i] - code.stages[stage][i])
      }
    }
    return code
  }

  private func compare(_ patches: [Image], with real: StudyPatches) throws {
    guard patches.count > 1, real.heldOut.count > 1, real.training.count > 1 else {
      throw NormaError(
        subject: study ?? "",
        found: "\(real.heldOut.count) patches of held-out and \(real.training.count) of training cases; two or more "
          + "of each are needed to compare",
        remedy: "Give the study that the model was trained on, and a --count above 1")
    }
    let samples = Fidelity(of: patches, real: real.heldOut, training: real.training)
    let training = Fidelity(of: Array(real.training.prefix(patches.count)), real: real.heldOut, training: [])
    let heldOut = Fidelity.nearest(to: real.heldOut, in: real.training)
    try GenerationOptions.writeJSON(
      Comparison(
        samples: samples, training: training, heldOutNearestTraining: heldOut,
        heldOutPatches: real.heldOut.count, trainingPatches: real.training.count), to: "\(output)/fidelity.json")
    func row(_ name: String, _ values: String...) -> String {
      name.padding(toLength: 28, withPad: " ", startingAt: 0)
        + values.map { $0.padding(toLength: 12, withPad: " ", startingAt: 0) }.joined()
    }
    func number(_ value: Double?) -> String { value.map { String(format: "%.3f", $0) } ?? "-" }
    print(
      [
        row("against held-out patches", "samples", "training"),
        row("Fréchet distance", number(samples.frechetDistance), number(training.frechetDistance)),
        row("kernel distance", number(samples.kernelDistance), number(training.kernelDistance)),
        row("precision", number(samples.precision), number(training.precision)),
        row("recall", number(samples.recall), number(training.recall)),
        "nearest training patch: samples \(number(samples.nearestTraining)), held-out patches "
          + number(heldOut),
      ].joined(separator: "\n"))
  }
}
