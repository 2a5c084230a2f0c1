import Compute
import Numerics

/// Smooth random fields: normal numbers on a coarse grid, enlarged with a cubic B-spline.
///
/// Grid values away from the border are standard normal; the enlarged field has mean 0 and is scaled to deviation 1.
package enum NoiseField {
  /// - Parameters:
  ///   - cells: grid cells along each edge, at least 1; few cells give large blobs.
  ///   - edge: width and height of the result in pixels.
  /// - Returns: `[edge, edge]`, row by row.
  package static func smooth(cells: Int, edge: Int, using generator: inout RandomGenerator) -> [Float] {
    let grid = cells + 3
    let values = (0..<grid * grid).map { _ in generator.normal() }
    // A random shift within a cell, so that blobs do not sit on a lattice.
    let shiftX = generator.uniform()
    let shiftY = generator.uniform()
    let columns = weights(cells: cells, edge: edge, shift: shiftX)
    let rows = weights(cells: cells, edge: edge, shift: shiftY)
    var wide = [Float](repeating: 0, count: grid * edge)  // enlarged along x only
    for y in 0..<grid {
      for (x, column) in columns.enumerated() {
        var sum: Float = 0
        for k in 0..<4 { sum += column.weights[k] * values[y * grid + min(column.first + k, grid - 1)] }
        wide[y * edge + x] = sum
      }
    }
    var result = [Float](repeating: 0, count: edge * edge)
    var squares: Float = 0
    for (y, row) in rows.enumerated() {
      for x in 0..<edge {
        var sum: Float = 0
        for k in 0..<4 { sum += row.weights[k] * wide[min(row.first + k, grid - 1) * edge + x] }
        result[y * edge + x] = sum
        squares += sum * sum
      }
    }
    let scale = 1 / max((squares / Float(edge * edge)).squareRoot(), 1e-6)
    for i in result.indices { result[i] *= scale }
    return result
  }

  private static func weights(cells: Int, edge: Int, shift: Float) -> [(first: Int, weights: SIMD4<Float>)] {
    (0..<edge).map { i in
      let position = (Float(i) + 0.5) / Float(edge) * Float(cells) * 0.999 + shift * 0.999
      let first = Int(position)
      let t = position - Float(first)
      let u = 1 - t
      let w = SIMD4<Float>(
        u * u * u, 3 * t * t * t - 6 * t * t + 4, 3 * u * u * u - 6 * u * u + 4, t * t * t)
      return (first, w / 6)
    }
  }
}
