import Files

extension TextureReference {
  /// The arrays' names begin with this.
  static let prefix = "texture."

  /// - Parameter group: the number of a grid, or `features`.
  fileprivate static func name(_ group: String, _ part: String) -> String { "\(prefix)\(group).\(part)" }

  private static let features = "features"

  /// The reference as arrays by name.
  var arrays: [String: Safetensors.Array] {
    var arrays = grids.enumerated().reduce(into: [:]) { $0.merge($1.element.arrays("\($1.offset)")) { _, new in new } }
    if let features {
      arrays.merge(features.covariance.arrays(Self.features)) { _, new in new }
      let scales = [features.texture, features.features]
      arrays[Self.name(Self.features, "scales")] = .init(
        shape: [2, 2], values: scales.flatMap { [$0.middle, $0.spread] })
    }
    return arrays
  }

  /// - Returns: `nil` where the arrays are missing or do not fit `scale`.
  init?(_ arrays: [String: Safetensors.Array], scale: TextureScale) {
    var found: [TextureCovariance] = []
    for (number, grid) in scale.grids.enumerated() {
      let energies = TextureScale.areEnergies.count { $0 }
      let count = grid.floors.count * 2 * (TextureScale.areEnergies.count + energies)
      guard let covariance = TextureCovariance(arrays, "\(number)", count: count) else { return nil }
      found.append(covariance)
    }
    guard arrays.keys.contains(where: { $0.hasPrefix(Self.name(Self.features, "")) }) else {
      self.init(grids: found)
      return
    }
    guard let covariance = TextureCovariance(arrays, Self.features, count: FeatureMoments.count),
      let scales = arrays[Self.name(Self.features, "scales")], scales.shape == [2, 2],
      scales.values.allSatisfy({ abs($0) <= 1e6 }), scales.values[1] > 0, scales.values[3] > 0
    else { return nil }
    let values = scales.values
    self.init(
      grids: found,
      features: Features(
        covariance: covariance, texture: Scale(middle: values[0], spread: values[1]),
        features: Scale(middle: values[2], spread: values[3])))
  }
}

extension TextureCovariance {
  fileprivate func arrays(_ group: String) -> [String: Safetensors.Array] {
    let count = mean.count
    return [
      TextureReference.name(group, "mean"): .init(shape: [count], values: mean),
      TextureReference.name(group, "deviation"): .init(shape: [count], values: deviation),
      TextureReference.name(group, "rows"): .init(shape: [rows.count, count], values: Array(rows.joined())),
    ]
  }

  /// - Returns: `nil` where the arrays are missing or do not have `count` numbers for each scan.
  fileprivate init?(_ arrays: [String: Safetensors.Array], _ group: String, count: Int) {
    guard let mean = arrays[TextureReference.name(group, "mean")],
      let deviation = arrays[TextureReference.name(group, "deviation")],
      let rows = arrays[TextureReference.name(group, "rows")], mean.shape == [count], deviation.shape == [count],
      rows.shape.count == 2, rows.shape[1] == count, deviation.values.allSatisfy({ $0 > 0 }),
      (mean.values + deviation.values + rows.values).allSatisfy(\.isFinite)
    else { return nil }
    self.init(
      mean: mean.values, deviation: deviation.values,
      rows: (0..<rows.shape[0]).map { Array(rows.values[$0 * count..<($0 + 1) * count]) })
  }
}
