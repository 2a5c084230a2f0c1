import Anomaly
import Files
import Generation
import Imaging
import Numerics
import Reporting

/// Draws patches that a model believes to be healthy.
package struct Sample {
  package enum Source: String, CaseIterable, Sendable { case prior, posterior }

  package struct Settings: Sendable {
    /// Number of patches to draw.
    package var count = 64
    /// Standard deviation of the draws, in units of the prior's or posterior's standard deviation.
    package var temperature: Float = 1
    package var source = Source.prior
    /// Folder of the healthy study to compare with; its patches are also the centers of draws from posteriors. `nil`
    /// makes no comparison.
    package var study: String?
    /// Folder to write to.
    package var output: String

    package init(output: String) { self.output = output }
  }

  /// The contents of fidelity.json: samples and training patches, each compared with held-out patches.
  package struct Comparison: Encodable, Sendable {
    package var samples: Fidelity
    package var training: Fidelity
    package var heldOutNearestTraining: Double?
    package var heldOutPatches: Int
    package var trainingPatches: Int
  }

  package struct Outcome: Sendable {
    /// Edge of a patch, in pixels.
    package var edge: Int
    /// `nil` if there is no study to compare with.
    package var comparison: Comparison?
  }

  private let open: GenerativeModel
  private let settings: Settings
  private let observe: WorkflowObserver

  package init(_ open: GenerativeModel, _ settings: Settings, observe: @escaping WorkflowObserver = { _ in }) {
    self.open = open
    self.settings = settings
    self.observe = observe
  }

  package func run() throws -> Outcome {
    let (model, count, output) = (open.model, settings.count, settings.output)
    let real = try settings.study.map {
      StudyPatches(try Study(path: $0), model: model, perGroup: max(256, count), seed: open.seed)
    }
    for fault in real?.faults ?? [] { observe(.leftOut(fault)) }
    if let study = settings.study, let strangers = real?.strangers, !strangers.isEmpty {
      observe(
        .warning(
          "\(study): \(Count.of(strangers.count, "case is", "cases are")) not of the study that the model learned from, "
            + "so that the comparison does not say how well it learned: \(NameList.text(strangers))"))
    }
    let patches = try open.generator.decode(try draw(real))
    try OutputFolder.make(output)
    let label = open.label("sample", "from \(settings.source.rawValue), temperature \(settings.temperature)")
    let digits = max(4, "\(count)".count)
    for (k, patch) in patches.enumerated() {
      let number = "\(k + 1)"
      let name = "sample-" + String(repeating: "0", count: digits - number.count) + number
      try TIFFWriter.write(patch, as: .float32, description: label, to: "\(output)/\(name).tif")
    }
    let columns = max(1, Int(Double(count).squareRoot().rounded(.up)))
    let rows = stride(from: 0, to: count, by: columns).map { Array(patches[$0..<min($0 + columns, count)]) }
    try PatchSheet(rows: rows, emphasis: model.pictureEmphasis).write(to: "\(output)/sheet.png")
    return Outcome(edge: patches[0].width, comparison: try real.map { try compare(patches, with: $0) })
  }

  private func draw(_ real: StudyPatches?) throws -> LatentCode {
    let (model, generator) = (open.model, open.generator)
    var random = RandomGenerator(seed: open.seed)
    guard settings.source == .posterior, let real else {
      return .prior(of: model.architecture, count: settings.count, temperature: settings.temperature, using: &random)
    }
    let known = real.training + real.heldOut
    guard !known.isEmpty else {
      throw NormaError(subject: settings.study ?? "", found: "no patch shows tissue", remedy: "Give healthy scans")
    }
    let starts = (0..<settings.count).map { _ in known[random.integer(below: known.count)] }
    var none: RandomGenerator?
    var drawing: RandomGenerator? = random
    var code = try generator.encode(starts, sampling: &none)
    let drawn = try generator.encode(starts, sampling: &drawing)
    // A temperature other than 1 moves draws towards the mean or away from it.
    for stage in code.stages.indices {
      for i in code.stages[stage].indices {
        code.stages[stage][i] += settings.temperature * (drawn.stages[stage][i] - code.stages[stage][i])
      }
    }
    return code
  }

  private func compare(_ patches: [Image], with real: StudyPatches) throws -> Comparison {
    guard patches.count > 1, real.heldOut.count > 1, real.training.count > 1 else {
      throw NormaError(
        subject: settings.study ?? "",
        found: "\(Count.of(real.heldOut.count, "patch", "patches")) of held-out and \(real.training.count) of training "
          + "cases; two or more of each are needed to compare",
        remedy: "Give the study that the model was trained on, and a --count above 1")
    }
    let samples = Fidelity(of: patches, real: real.heldOut, training: real.training)
    let training = Fidelity(of: Array(real.training.prefix(patches.count)), real: real.heldOut, training: [])
    let heldOut = Fidelity.nearest(to: real.heldOut, in: real.training)
    let comparison = Comparison(
      samples: samples, training: training, heldOutNearestTraining: heldOut,
      heldOutPatches: real.heldOut.count, trainingPatches: real.training.count)
    try ReadableJSON.write(comparison, to: "\(settings.output)/fidelity.json")
    return comparison
  }
}
