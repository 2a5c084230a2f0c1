import Compute
import Files
import Foundation
import Imaging

/// A trained model: the network's weights and everything needed to apply it to another study.
package struct Model: Sendable {
  /// A record of how the model was trained.
  package struct Record: Codable, Sendable, Equatable {
    package var toolVersion: String
    /// Number of the scoring algorithm that made the calibration, see `Scorer.algorithm`; `nil` in models of an older
    /// norma.
    package var algorithm: Int?
    package var seed: UInt64
    /// SHA-256 over the names and contents of the training study's files.
    package var trainingSetSHA256: String
    package var trainingCases: Int
    package var heldOutCases: [String]
    /// The files that were learned from or held out; `nil` in models of an older norma.
    package var known: KnownScans?
    package var steps: Int
    package var epochs: Double
    package var minutes: Double
    package var threads: Int
    package var compute: String
    /// Precision of training and calibration; `nil` in models of an older norma, which noted it at the end of
    /// `compute`.
    package var precision: Precision?
    package var objective: Objective
    /// Number of training steps of the score network.
    package var scoreSteps = 0
    /// Average precision of the weights that were kept, on lesions planted in held-out healthy scans.
    package var plantedAveragePrecision: Double
    /// Divergence of each latent channel on held-out scans, in nats per patch, stage by stage.
    package var divergences: [[Double]]
    /// Variance over held-out patches of each latent channel's posterior mean, in the same order, see `LatentActivity`;
    /// `nil` where only one patch was held out.
    package var activity: [[Double]]?
    /// Results of all checks during training, oldest first; `nil` in models made before they were stored.
    package var history: [Check]?
    /// Spread of each channel's reconstruction error at the end of training; 0 if the likelihood has none, `nil` in
    /// models made before it was stored.
    package var spread: [Float]?
    package var knowledge: ModelKnowledge
    /// Warnings about the course of training and about the calibration, as sentences.
    package var warnings: [String]

    /// All warnings about the model for its user, as sentences, the gravest first.
    package var allWarnings: [String] { knowledge.warnings.map(\.description) + warnings }

    /// Result of a check of the averaged weights on held-out healthy scans.
    package struct Check: Codable, Sendable, Equatable {
      package var step: Int
      /// Negative evidence lower bound with the divergence weighted as in training, in nats per value.
      package var heldOutLoss: Double
      /// Average precision on planted lesions.
      package var plantedAveragePrecision: Double
      /// The two parts of the loss, with the divergence in nats per patch, and the learning rate; `nil` in models of an
      /// older norma.
      package var reconstruction: Double?
      package var divergence: Double?
      package var learningRate: Float?
      /// R² of the reconstruction on held-out tissue; `nil` where there is none, and in models of an older norma.
      package var explained: Double?

      package init(
        step: Int, heldOutLoss: Double, plantedAveragePrecision: Double, reconstruction: Double? = nil,
        divergence: Double? = nil, learningRate: Float? = nil, explained: Double? = nil
      ) {
        self.step = step
        self.heldOutLoss = heldOutLoss
        self.plantedAveragePrecision = plantedAveragePrecision
        self.reconstruction = reconstruction
        self.divergence = divergence
        self.learningRate = learningRate
        self.explained = explained
      }
    }
  }

  package var architecture: VAE.Architecture
  package var preparation: Preparation
  /// `nil` for a model that was trained without a learned score.
  package var scoreArchitecture: ScoreNetwork.Architecture?
  package var inference: Inference.Settings
  package var book: ScoreBook
  /// One calibration for every score in `book`.
  package var calibrations: [Score: Calibration]
  /// The appearances of the training study; `nil` in models of an older norma.
  package var domain: DomainReference?
  /// The position of the training study's scans in latent space; `nil` in models of an older norma.
  package var latents: LatentReference?
  /// The texture of the training study's scans; `nil` if the model was trained on too few scans, or on slides.
  package var texture: TextureReference?
  /// The features of healthy tissue; `nil` for a model that was trained without them.
  package var features: FeatureReference?
  package var record: Record
  package var weights: [String: Safetensors.Array]

  package static let formatVersion = "7"

  package func save(to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    func json(_ value: some Encodable) throws -> String { String(decoding: try encoder.encode(value), as: UTF8.self) }
    var file = Safetensors(
      arrays: weights.merging((texture?.arrays ?? [:]).merging(features?.arrays ?? [:]) { _, new in new }) { _, new in
        new
      },
      metadata: [
        "format": "norma", "format_version": Self.formatVersion, "tool_version": record.toolVersion,
        "architecture": try json(architecture), "preparation": try json(preparation),
        "normalization": try json(preparation.normalization), "patch_size": "\(architecture.patchSize)",
        "channels": "\(architecture.channels)", "calibration": try json(calibrations), "training": try json(record),
        "training_set_sha256": record.trainingSetSHA256, "seed": "\(record.seed)",
        "scores": try json(book), "inference": try json(inference),
      ])
    if let scoreArchitecture { file.metadata["score_network"] = try json(scoreArchitecture) }
    if let domain { file.metadata["domain"] = try json(domain) }
    if let latents { file.metadata["latents"] = try json(latents) }
    try ModelStorage.write(file, to: path)
  }

  package init(
    architecture: VAE.Architecture, preparation: Preparation, scoreArchitecture: ScoreNetwork.Architecture?,
    inference: Inference.Settings, book: ScoreBook, calibrations: [Score: Calibration], domain: DomainReference? = nil,
    latents: LatentReference? = nil, texture: TextureReference? = nil, features: FeatureReference? = nil,
    record: Record,
    weights: [String: Safetensors.Array]
  ) {
    self.architecture = architecture
    self.preparation = preparation
    self.scoreArchitecture = scoreArchitecture
    self.inference = inference
    self.book = book
    self.calibrations = calibrations
    self.domain = domain
    self.latents = latents
    self.texture = texture
    self.features = features
    self.record = record
    self.weights = weights
  }

  /// Reads a model file and checks that its parts fit together.
  package init(path: String) throws(NormaError) {
    let file = try ModelStorage.read(path)
    try ModelStorage.checkFormat(file, kind: "norma", version: Self.formatVersion, path: path)
    architecture = try ModelStorage.decode("architecture", of: file, path: path)
    preparation = try ModelStorage.decode("preparation", of: file, path: path)
    calibrations = try ModelStorage.decode("calibration", of: file, path: path)
    book = try ModelStorage.decode("scores", of: file, path: path)
    inference = try ModelStorage.decode("inference", of: file, path: path)
    scoreArchitecture =
      file.metadata["score_network"] == nil ? nil : try ModelStorage.decode("score_network", of: file, path: path)
    domain = file.metadata["domain"] == nil ? nil : try ModelStorage.decode("domain", of: file, path: path)
    latents = file.metadata["latents"] == nil ? nil : try ModelStorage.decode("latents", of: file, path: path)
    record = try ModelStorage.decode("training", of: file, path: path)
    texture = preparation.texture.flatMap { TextureReference(file.arrays, scale: $0) }
    features = FeatureReference(file.arrays)
    weights = file.arrays.filter {
      !$0.key.hasPrefix(TextureReference.prefix) && !$0.key.hasPrefix(FeatureWeights.prefix)
    }
    if let fault = architecture.fault { throw ModelStorage.damaged(path, "it describes \(fault)") }
    if let fault = scoreArchitecture?.fault ?? inference.fault {
      throw ModelStorage.damaged(path, "it describes \(fault)")
    }
    let c = architecture.channels
    guard preparation.channels == c,
      preparation.tissueChannels.map({ $0.allSatisfy((0..<c).contains) && !$0.isEmpty }) ?? true,
      (1...ScanReading.largestReduction).contains(preparation.reduction), preparation.normalization.fits(channels: c),
      book.fits(channels: c), book.available.contains(.learned) == (scoreArchitecture != nil),
      scoreArchitecture.map({
        $0.inputs == ScoreInput(architecture, preparation: preparation).count
          && architecture.patchSize % $0.granularity == 0
      }) ?? true, preparation.expectation?.fits(channels: c) ?? true,
      preparation.expectation != nil || !book.available.contains(.crossChannel),
      preparation.localTexture?.fits(channels: c) ?? !book.available.contains(.texture),
      (features != nil) == book.available.contains(.features),
      features == nil || c <= LocalFeatures.mostChannels && preparation.takesFeatures == true,
      book.available.allSatisfy({ calibrations[$0] != nil }),
      calibrations.values.allSatisfy(\.isSound), preparation.texture?.fits(channels: c) ?? true,
      (texture == nil) == (preparation.texture == nil),
      texture.map({ ($0.features == nil) == (features == nil) }) ?? true,
      calibrations.values.allSatisfy({ $0.texture == nil || texture != nil }), domain?.fits(channels: c) ?? true,
      latents?.fits(channels: architecture.latents.reduce(0, +)) ?? true, record.spread.map({ $0.count == c }) ?? true
    else {
      throw ModelStorage.damaged(path, "its preparation or calibration does not fit its \(Count.of(c, "channel"))")
    }
    let latentCounts = architecture.latents
    guard record.divergences.map(\.count) == latentCounts,
      record.activity.map({ $0.map(\.count) == latentCounts }) ?? true,
      record.knowledge.fits(channels: c, latents: latentCounts.reduce(0, +)),
      preparation.micrometersPerPixel.map({ $0 > 0 && $0 <= 1e6 }) ?? true,
      preparation.level.map({ (0...63).contains($0) }) ?? true
    else { throw ModelStorage.damaged(path, "its record or resolution does not fit its network") }
    guard record.objective.suits(architecture) else {
      throw ModelStorage.damaged(path, "its objective does not fit its network")
    }
  }

  /// Precision to score with: that of training if this processor supports it, otherwise `float32`.
  package var precision: Precision {
    (record.precision ?? (record.compute.hasSuffix(", bf16") ? .bfloat16 : .float32)).available
  }

  /// The line that says what the texture of whole scans is measured by; `nil` where it is not measured.
  package var textureSummary: String? {
    texture.flatMap { texture in preparation.texture.map { texture.summary(in: $0) } }
  }

  /// The line that says how much of each channel the others explain; `nil` where channels are not predicted.
  package var expectationSummary: String? {
    preparation.expectation.map { expectation in
      expectation.explained.map { "\(Int((100 * max($0, 0)).rounded())) %" }.joined(separator: ", ")
        + " of each channel's variance explained by the others"
    }
  }

  /// The line that says what the features are, and whether they count.
  package var featureSummary: String {
    guard features != nil else { return "not measured" }
    return FeatureReference.summary + (book.weights[.features] == nil ? "; not a part of the ensemble" : "")
  }

  /// The procedure that restores scans with this model.
  package var restoration: Restoration {
    Restoration(
      objective: record.objective, spread: record.spread ?? [Float](repeating: 0, count: preparation.channels),
      range: preparation.normalization.range)
  }

  /// Makes the network and fills in the weights.
  package func network(engine: Engine, path: String) throws(NormaError) -> VAE {
    let network = VAE(architecture, seed: 0, engine: engine)
    try fill(network.parameters, path: path)
    return network
  }

  /// Makes the network of the learned score; `nil` if the model has none.
  package func scoreNetwork(engine: Engine, path: String) throws(NormaError) -> ScoreNetwork? {
    guard let scoreArchitecture else { return nil }
    let network = ScoreNetwork(scoreArchitecture, seed: 0, engine: engine)
    try fill(network.parameters, path: path)
    return network
  }

  private func fill(_ parameters: [Parameter], path: String) throws(NormaError) {
    for parameter in parameters {
      guard let array = weights[parameter.name] else {
        throw ModelStorage.damaged(path, "it lacks the weights '\(parameter.name)'")
      }
      guard array.shape == parameter.shape else {
        throw ModelStorage.damaged(
          path, "the weights '\(parameter.name)' have shape \(array.shape), \(parameter.shape) was expected")
      }
      parameter.set(array.values)
    }
  }
}

/// Reads and writes model and checkpoint files.
enum ModelStorage {
  /// Limit in bytes, because the file is read as a whole.
  private static let largestFile = 1 << 32

  static func damaged(_ path: String, _ found: String) -> NormaError {
    NormaError(.malformed, subject: path, found: found, remedy: "Copy the file again or train anew")
  }

  /// Writes to another file, then renames it, so that the file is either complete or absent.
  static func write(_ file: Safetensors, to path: String) throws {
    let folder = FilePath.folder(of: path)
    do {
      if !folder.isEmpty { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) }
      try AtomicFile.write(Array(try file.encoded()), to: path)
    } catch let error as NormaError {
      throw NormaError(
        .system, subject: path, found: error.found,
        remedy: "Check the folder's permissions and the free space, or choose another --output")
    } catch let error as NSError {
      let cause = (error.userInfo[NSUnderlyingErrorKey] as? NSError) ?? error
      throw NormaError(
        .system, subject: path, found: "the file cannot be written (\(cause.localizedDescription))",
        remedy: "Check the folder's permissions and the free space, or choose another --output")
    }
  }

  private static let trained = "Give a file that `norma train` wrote"

  /// - Parameter made: what to do where it is no such file.
  static func read(_ path: String, made: String = trained) throws(NormaError) -> Safetensors {
    guard FileManager.default.fileExists(atPath: path) else {
      throw NormaError(subject: path, found: "there is no such file", remedy: made)
    }
    guard FileState.isRegular(path) else {
      throw NormaError(
        subject: path, found: "this is a folder or a device, a file was expected", remedy: made)
    }
    let size = FileState(ofFile: path)?.size ?? 0
    guard size < largestFile else {
      throw NormaError(
        subject: path, found: "the file has \(size >> 20) MiB, less than \(largestFile >> 20) was expected",
        remedy: made)
    }
    guard let data = try? Data(contentsOf: URL(fileURLWithPath: path)) else {
      throw NormaError(.system, subject: path, found: "the file cannot be read", remedy: "Check its permissions")
    }
    return try Safetensors(data, path: path)
  }

  static func checkFormat(
    _ file: Safetensors, kind: String, version: String, path: String, made: String = trained
  ) throws(NormaError) {
    guard file.metadata["format"] == kind else {
      let found = file.metadata["format"].map { "its format is '\($0)'" } ?? "it states no format"
      throw NormaError(
        subject: path, found: "\(found), '\(kind)' was expected", remedy: made)
    }
    let found = file.metadata["format_version"] ?? "missing"
    guard found == version else {
      throw NormaError(
        .unsupported, subject: path, found: "its format version is \(found), this norma reads version \(version)",
        remedy: "Train anew, or use the norma that wrote it (\(file.metadata["tool_version"] ?? "unknown version"))")
    }
  }

  static func decode<T: Decodable>(_ key: String, of file: Safetensors, path: String) throws(NormaError) -> T {
    guard let text = file.metadata[key] else { throw damaged(path, "its metadata lacks '\(key)'") }
    do { return try JSONDecoder().decode(T.self, from: Data(text.utf8)) } catch {
      throw damaged(path, "its metadata '\(key)' cannot be understood")
    }
  }
}
