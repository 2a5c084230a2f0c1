import Files
import Foundation

extension Trainer {
  private static let checkpointVersion = "3"

  /// Writes everything needed to go on: weights, moments, averages, best weights, random numbers, time used.
  package func saveCheckpoint(to path: String) throws { try ModelStorage.write(checkpoint(), to: path) }

  func checkpoint() throws -> Safetensors {
    var file = Safetensors()
    let (first, second, averages) = (adam.firstMoments, adam.secondMoments, adam.averages)
    for (i, parameter) in network.parameters.enumerated() {
      for (kind, values) in [
        ("value", Array(parameter.value)), ("first", first[i]), ("second", second[i]), ("average", averages[i]),
        ("best", best[i]),
      ] { file.arrays["\(kind).\(parameter.name)"] = Safetensors.Array(shape: parameter.shape, values: values) }
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    file.metadata = [
      "format": "norma-checkpoint", "format_version": Self.checkpointVersion, "step": "\(adam.step)",
      "training_set_sha256": set.digest, "precision": engine.precision.rawValue,
      "architecture": String(decoding: try encoder.encode(architecture), as: UTF8.self),
      "preparation": String(decoding: try encoder.encode(set.preparation), as: UTF8.self),
      "settings": String(decoding: try encoder.encode(settings), as: UTF8.self),
      "state": String(decoding: try encoder.encode(state), as: UTF8.self),
    ]
    return file
  }

  /// Goes on where a checkpoint left off. The budget may differ, the study, network and other settings may not.
  package func resume(from path: String) throws(NormaError) {
    try resume(ModelStorage.read(path), path: path)
  }

  /// - Parameter path: where the checkpoint came from, for messages.
  func resume(_ file: Safetensors, path: String) throws(NormaError) {
    try ModelStorage.checkFormat(file, kind: "norma-checkpoint", version: Self.checkpointVersion, path: path)
    guard file.metadata["training_set_sha256"] == set.digest else {
      throw NormaError(
        subject: path, found: "this checkpoint was made on other training scans than the study holds now",
        remedy: "Train anew without --resume")
    }
    let savedArchitecture: VAE.Architecture = try ModelStorage.decode("architecture", of: file, path: path)
    let savedPreparation: Preparation = try ModelStorage.decode("preparation", of: file, path: path)
    var saved: Settings = try ModelStorage.decode("settings", of: file, path: path)
    saved.budget = settings.budget
    guard savedArchitecture == architecture, savedPreparation == set.preparation, saved == settings,
      file.metadata["precision"] == engine.precision.rawValue
    else {
      throw NormaError(
        subject: path, found: "this checkpoint was made with other settings than the ones given",
        remedy: "Give the same options as before, or train anew without --resume")
    }
    func arrays(_ kind: String) throws(NormaError) -> [[Float]] {
      var result: [[Float]] = []
      for parameter in network.parameters {
        guard let array = file.arrays["\(kind).\(parameter.name)"], array.shape == parameter.shape else {
          throw ModelStorage.damaged(path, "it lacks '\(kind).\(parameter.name)' of shape \(parameter.shape)")
        }
        result.append(array.values)
      }
      return result
    }
    // Far more steps than any training takes, few enough to count on from.
    guard let step = file.metadata["step"].flatMap({ Int($0) }), (0..<1 << 48).contains(step) else {
      throw ModelStorage.damaged(path, "its metadata lacks 'step'")
    }
    let savedState: TrainingState = try ModelStorage.decode("state", of: file, path: path)
    guard savedState.isSound(channels: architecture.channels) else {
      throw ModelStorage.damaged(path, "its metadata 'state' does not fit its network")
    }
    let values = try arrays("value")
    let bestValues = try arrays("best")
    adam.restore(
      step: step, firstMoments: try arrays("first"), secondMoments: try arrays("second"),
      averages: try arrays("average"))
    best = bestValues
    state = savedState
    for (parameter, value) in zip(network.parameters, values) { parameter.set(value) }
  }
}
