import Compute
import Files
import Foundation

/// The training state at one step. Training goes back to it after diverging, and checkpoints store it.
struct TrainingSnapshot {
  /// Number of updates made.
  var step: Int
  /// Values of every parameter in the order of `Adam.parameters`; the arrays below have the same order.
  var weights: [[Float]]
  var firstMoments: [[Float]]
  var secondMoments: [[Float]]
  var averages: [[Float]]
  /// Weights of the chosen check.
  var best: [[Float]]
  var state: TrainingState

  /// Restores weights, moments and averages.
  func restore(_ adam: Adam) {
    for (parameter, values) in zip(adam.parameters, weights) { parameter.set(values) }
    adam.restore(step: step, firstMoments: firstMoments, secondMoments: secondMoments, averages: averages)
  }
}

extension TrainingSnapshot {
  init(of adam: Adam, best: [[Float]], state: TrainingState) {
    self.init(
      step: adam.step, weights: adam.parameters.map { Array($0.value) }, firstMoments: adam.firstMoments,
      secondMoments: adam.secondMoments, averages: adam.averages, best: best, state: state)
  }
}

/// A training saved in a file, to continue from: its setup and its state.
struct TrainingCheckpoint {
  /// The configuration of a training, which does not change.
  struct Setup {
    var architecture: VAE.Architecture
    var preparation: Preparation
    var settings: TrainingSettings
    var precision: Precision
    var trainingSetSHA256: String
  }

  var setup: Setup
  var snapshot: TrainingSnapshot

  private static let version = "6"

  /// - Parameter parameters: the network's parameters, whose names and shapes are written to the file.
  func file(of parameters: [Parameter]) throws -> Safetensors {
    var file = Safetensors()
    for (i, parameter) in parameters.enumerated() {
      for (kind, values) in [
        ("value", snapshot.weights[i]), ("first", snapshot.firstMoments[i]), ("second", snapshot.secondMoments[i]),
        ("average", snapshot.averages[i]), ("best", snapshot.best[i]),
      ] { file.arrays["\(kind).\(parameter.name)"] = Safetensors.Array(shape: parameter.shape, values: values) }
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    file.metadata = [
      "format": "norma-checkpoint", "format_version": Self.version, "step": "\(snapshot.step)",
      "training_set_sha256": setup.trainingSetSHA256, "precision": setup.precision.rawValue,
      "architecture": String(decoding: try encoder.encode(setup.architecture), as: UTF8.self),
      "preparation": String(decoding: try encoder.encode(setup.preparation), as: UTF8.self),
      "settings": String(decoding: try encoder.encode(setup.settings), as: UTF8.self),
      "state": String(decoding: try encoder.encode(snapshot.state), as: UTF8.self),
    ]
    return file
  }
}

extension TrainingCheckpoint {
  /// Reads a checkpoint from its file.
  ///
  /// - Parameters:
  ///   - path: path of the file, for error messages.
  ///   - setup: setup of the training that is to continue from it; its budget may differ from the checkpoint's.
  ///   - parameters: parameters of that training's network.
  /// - Throws: `NormaError` where the checkpoint belongs to other scans or other settings, or is damaged.
  init(_ file: Safetensors, path: String, for setup: Setup, of parameters: [Parameter]) throws(NormaError) {
    try ModelStorage.checkFormat(file, kind: "norma-checkpoint", version: Self.version, path: path)
    guard file.metadata["training_set_sha256"] == setup.trainingSetSHA256 else {
      throw NormaError(
        subject: path, found: "this checkpoint was made on other training scans than the study holds now",
        remedy: "Train anew without --resume")
    }
    let architecture: VAE.Architecture = try ModelStorage.decode("architecture", of: file, path: path)
    let preparation: Preparation = try ModelStorage.decode("preparation", of: file, path: path)
    var settings: TrainingSettings = try ModelStorage.decode("settings", of: file, path: path)
    settings.budget = setup.settings.budget
    if let budget = setup.settings.score?.budget { settings.score?.budget = budget }
    guard architecture == setup.architecture, preparation == setup.preparation, settings == setup.settings,
      file.metadata["precision"] == setup.precision.rawValue
    else {
      throw NormaError(
        subject: path, found: "this checkpoint was made with other settings than the ones given",
        remedy: "Give the same options as before, or train anew without --resume")
    }
    func arrays(_ kind: String) throws(NormaError) -> [[Float]] {
      var result: [[Float]] = []
      for parameter in parameters {
        guard let array = file.arrays["\(kind).\(parameter.name)"], array.shape == parameter.shape else {
          throw ModelStorage.damaged(path, "it lacks '\(kind).\(parameter.name)' of shape \(parameter.shape)")
        }
        result.append(array.values)
      }
      return result
    }
    // The limit is far more than any training takes, and leaves room to count on from.
    guard let step = file.metadata["step"].flatMap({ Int($0) }), (0..<1 << 48).contains(step) else {
      throw ModelStorage.damaged(path, "its metadata lacks 'step'")
    }
    let state: TrainingState = try ModelStorage.decode("state", of: file, path: path)
    guard state.isSound(channels: architecture.channels) else {
      throw ModelStorage.damaged(path, "its metadata 'state' does not fit its network")
    }
    let (weights, best) = (try arrays("value"), try arrays("best"))
    self.setup = setup
    snapshot = TrainingSnapshot(
      step: step, weights: weights, firstMoments: try arrays("first"), secondMoments: try arrays("second"),
      averages: try arrays("average"), best: best, state: state)
  }
}
