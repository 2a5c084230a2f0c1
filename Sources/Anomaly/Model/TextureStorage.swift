import Files

extension TextureReference {
  /// The arrays' names begin with this.
  static let prefix = "texture."

  private static func name(_ grid: Int, _ part: String) -> String { "\(prefix)\(grid).\(part)" }

  /// The reference as arrays by name.
  var arrays: [String: Safetensors.Array] {
    grids.indices.reduce(into: [:]) { arrays, k in
      let (grid, count) = (grids[k], grids[k].mean.count)
      arrays[Self.name(k, "mean")] = .init(shape: [count], values: grid.mean)
      arrays[Self.name(k, "deviation")] = .init(shape: [count], values: grid.deviation)
      arrays[Self.name(k, "rows")] = .init(shape: [grid.rows.count, count], values: Array(grid.rows.joined()))
    }
  }

  /// - Returns: `nil` where the arrays are missing or do not fit `scale`.
  init?(_ arrays: [String: Safetensors.Array], scale: TextureScale) {
    var found: [TextureCovariance] = []
    for (number, grid) in scale.grids.enumerated() {
      let energies = TextureScale.areEnergies.count { $0 }
      let count = grid.floors.count * 2 * (TextureScale.areEnergies.count + energies)
      guard let mean = arrays[Self.name(number, "mean")], let deviation = arrays[Self.name(number, "deviation")],
        let rows = arrays[Self.name(number, "rows")], mean.shape == [count], deviation.shape == [count],
        rows.shape.count == 2, rows.shape[1] == count, deviation.values.allSatisfy({ $0 > 0 }),
        (mean.values + deviation.values + rows.values).allSatisfy(\.isFinite)
      else { return nil }
      found.append(
        TextureCovariance(
          mean: mean.values, deviation: deviation.values,
          rows: (0..<rows.shape[0]).map { Array(rows.values[$0 * count..<($0 + 1) * count]) }))
    }
    self.init(grids: found)
  }
}
