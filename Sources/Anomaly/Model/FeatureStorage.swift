import Files

extension FeatureWeights {
  private static let kind = "norma-features"
  private static let version = "1"

  /// Reads a file that `save` wrote.
  package init(path: String) throws(NormaError) {
    let file = try ModelStorage.read(path, made: Self.origin)
    try ModelStorage.checkFormat(file, kind: Self.kind, version: Self.version, path: path, made: Self.origin)
    guard let weights = Self(file.arrays) else {
      throw NormaError(
        .malformed, subject: path, found: "its arrays are not those of EfficientNet-Lite0",
        remedy: "Make it again with `norma features`")
    }
    self = weights
  }

  private static let origin = "Give a file that `norma features` wrote"

  package func save(to path: String) throws {
    try ModelStorage.write(
      Safetensors(
        arrays: arrays,
        metadata: ["format": Self.kind, "format_version": Self.version, "network": "EfficientNet-Lite0"]), to: path)
  }
}
