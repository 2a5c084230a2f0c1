import Foundation

/// Places points with many dimensions in a plane so that neighbours stay neighbours.
///
/// Source: van der Maaten & Hinton 2008, "Visualizing data using t-SNE", Journal of Machine Learning Research 9, exact.
package enum NeighbourEmbedding {
  private static let steps = 1000
  private static let exaggeration = 12.0
  private static let exaggeratedSteps = 250
  /// Learning rate, multiplied by the number of points, because each point has only its share of the whole slope.
  private static let learningRate = 0.2

  /// - Parameters:
  ///   - points: four or more points with the same number of dimensions; time grows with the square of their number.
  ///   - start: the place where each point begins, such as its first two principal components; decides the orientation.
  /// - Returns: places about the origin, in the order of the points; the same every time.
  package static func places(of points: [[Double]], from start: [SIMD2<Double>]) -> [SIMD2<Double>] {
    let n = points.count
    precondition(n >= 4 && start.count == n, "\(n) points with \(start.count) places to start from")
    let joint = jointProbabilities(points, perplexity: min(30, Double(n - 1) / 3))
    let spread = max((start.reduce(0) { $0 + ($1 * $1).sum() } / Double(n)).squareRoot(), 1e-12)
    var places = start.map { $0 / spread * 1e-2 }
    var speed = [SIMD2<Double>](repeating: .zero, count: n)
    var weights = [Double](repeating: 0, count: n * n)
    for step in 0..<steps {
      let factor = step < exaggeratedSteps ? exaggeration : 1
      var total = 0.0
      for i in 0..<n {
        for j in 0..<i {
          let d = places[i] - places[j]
          let weight = 1 / (1 + (d * d).sum())
          weights[i * n + j] = weight
          weights[j * n + i] = weight
          total += 2 * weight
        }
      }
      let momentum = step < exaggeratedSteps ? 0.5 : 0.8
      var moved = places
      for i in 0..<n {
        var slope = SIMD2<Double>.zero
        for j in 0..<n where j != i {
          let weight = weights[i * n + j]
          let pull: Double = 4 * (factor * joint[i * n + j] - weight / total) * weight
          slope += pull * (places[i] - places[j])
        }
        speed[i] = momentum * speed[i] - learningRate * Double(n) * slope
        moved[i] += speed[i]
      }
      let center = moved.reduce(.zero, +) / Double(n)
      places = moved.map { $0 - center }
    }
    return places
  }

  /// Probabilities that two points are neighbours, `[n, n]`, symmetric; their sum is 1.
  private static func jointProbabilities(_ points: [[Double]], perplexity: Double) -> [Double] {
    let n = points.count
    var joint = [Double](repeating: 0, count: n * n)
    for i in 0..<n {
      let squares = (0..<n).map { j in zip(points[i], points[j]).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } }
      let row = neighbours(of: i, squares: squares, entropy: log(perplexity))
      for j in 0..<n {
        joint[i * n + j] += row[j] / Double(2 * n)
        joint[j * n + i] += row[j] / Double(2 * n)
      }
    }
    return joint
  }

  /// Gaussian weights of one point's neighbours. Bisection finds the width that gives them this entropy.
  private static func neighbours(of i: Int, squares: [Double], entropy: Double) -> [Double] {
    let mean = max(squares.reduce(0, +) / Double(squares.count), 1e-12)
    var (low, high, precision) = (0.0, Double.infinity, 1 / mean)
    var weights: [Double] = []
    // The smallest square is subtracted, so that a far point keeps at least one neighbour.
    let nearest = squares.indices.filter { $0 != i }.map { squares[$0] }.min() ?? 0
    for _ in 0..<60 {
      weights = squares.indices.map { $0 == i ? 0 : exp(-precision * (squares[$0] - nearest)) }
      let sum = weights.reduce(0, +)
      let found = weights.reduce(0) { $1 > 0 ? $0 - $1 / sum * log($1 / sum) : $0 }
      weights = weights.map { $0 / sum }
      if abs(found - entropy) < 1e-5 { break }
      if found > entropy { low = precision } else { high = precision }
      precision = high.isFinite ? (low + high) / 2 : precision * 2
    }
    return weights
  }
}
