import Foundation

/// Converts the light that came through a stained slide into optical density, or maps its stains to the stains of a
/// standard slide.
///
/// `OD = -log(I / white)` for each channel, natural logarithm. Macenko's method finds the two outermost directions of
/// the tissue's densities and takes them for hematoxylin and eosin. It then computes how much each stain contributes
/// and mixes the two again with the standard's colors and strengths. Source: Macenko et al. 2009, "A method for
/// normalizing histology slides for quantitative analysis", doi:10.1109/ISBI.2009.5193250, algorithm 1; the standard's
/// numbers are those of its authors' implementation.
package struct StainTransform: Sendable, Equatable, Codable {
  /// Red, green and blue of the light without a slide.
  let white: [Float]
  /// 3x3 matrix, row by row, that the densities are multiplied by.
  let matrix: [Float]
  /// Whether the result is optical density; otherwise it is the transmitted share of light.
  let isDensity: Bool

  /// Whether the transform is valid; checked after it was read from a file.
  var isSound: Bool { white.count == 3 && white.allSatisfy { $0 > 0 } && matrix.count == 9 }

  private static let identity: [Float] = [1, 0, 0, 0, 1, 0, 0, 0, 1]
  /// Densities of red, green and blue for hematoxylin, then eosin.
  private static let standard: [SIMD3<Double>] = [SIMD3(0.5626, 0.7201, 0.4062), SIMD3(0.2159, 0.8012, 0.5581)]
  private static let standardStrength = SIMD2(1.9705, 1.0308)
  /// Pixels with a lower density in any channel are glass.
  private static let leastDensity = 0.15
  private static let leastPixels = 200
  private static let mostPixels = 1 << 17

  /// Transform to optical density only.
  static func density(of images: [Image]) -> StainTransform {
    StainTransform(white: white(of: images), matrix: identity, isDensity: true)
  }

  /// Transform that maps the stains to the standard; stains stay unchanged if there is too little tissue to identify
  /// them.
  static func macenko(of images: [Image]) -> StainTransform {
    let white = white(of: images)
    let densities = densities(of: images, white: white)
    guard densities.count >= leastPixels, let stains = stains(of: densities) else {
      return StainTransform(white: white, matrix: identity, isDensity: false)
    }
    let unmix = pseudoInverse(of: stains)
    let strengths = densities.map { SIMD2(($0 * unmix.0).sum(), ($0 * unmix.1).sum()) }
    let strength = SIMD2(quantile(strengths.map(\.x), 0.99), quantile(strengths.map(\.y), 0.99))
    guard strength.x > 1e-3, strength.y > 1e-3 else {
      return StainTransform(white: white, matrix: identity, isDensity: false)
    }
    let gain = standardStrength / strength
    let matrix = (0..<3).flatMap { row in
      (0..<3).map { column in
        Float(standard[0][row] * gain.x * unmix.0[column] + standard[1][row] * gain.y * unmix.1[column])
      }
    }
    return StainTransform(white: white, matrix: matrix, isDensity: false)
  }

  /// - Parameter image: has three channels; `NaN` stays `NaN`.
  func apply(to image: Image) -> Image {
    precondition(image.channels == 3, "a stain needs three channels, the image has \(image.channels)")
    var result = image
    result.samples.withUnsafeMutableBufferPointer { samples in
      for i in stride(from: 0, to: samples.count, by: 3) {
        var density = SIMD3<Float>.zero
        for c in 0..<3 { density[c] = Self.density(samples[i + c], white: white[c]) }
        for row in 0..<3 {
          let mixed = (density * SIMD3(matrix[3 * row], matrix[3 * row + 1], matrix[3 * row + 2])).sum()
          samples[i + row] = isDensity ? mixed : exp(-mixed)
        }
      }
    }
    return result
  }

  /// Optical density of a value. Ratios are limited to at least one millionth, so the largest density is about 14.
  private static func density(_ value: Float, white: Float) -> Float {
    value.isNaN ? value : -log(max(value / white, 1e-6))
  }

  /// The brightest value of each channel, leaving out the brightest thousandth.
  private static func white(of images: [Image]) -> [Float] {
    (0..<3).map { max(ChannelSample(of: images, channel: $0).quantile(0.999), .leastNormalMagnitude) }
  }

  private static func densities(of images: [Image], white: [Float]) -> [SIMD3<Double>] {
    let pixels = images.reduce(0) { $0 + $1.width * $1.height }
    let step = max(1, pixels / mostPixels)
    var result: [SIMD3<Double>] = []
    for image in images {
      for pixel in stride(from: 0, to: image.width * image.height, by: step) {
        var density = SIMD3<Double>.zero
        for c in 0..<3 { density[c] = Double(self.density(image.samples[3 * pixel + c], white: white[c])) }
        if density.x >= leastDensity, density.y >= leastDensity, density.z >= leastDensity { result.append(density) }
      }
    }
    return result
  }

  /// Unit vectors of hematoxylin and eosin; `nil` if all densities lie in one direction.
  private static func stains(of densities: [SIMD3<Double>]) -> (SIMD3<Double>, SIMD3<Double>)? {
    let n = Double(densities.count)
    let mean = densities.reduce(.zero, +) / n
    var covariance = [[Double]](repeating: [0, 0, 0], count: 3)
    for density in densities {
      let d = density - mean
      for i in 0..<3 { for j in 0..<3 { covariance[i][j] += d[i] * d[j] / n } }
    }
    let (values, vectors) = SymmetricMatrix.eigen(covariance)
    guard values[1] > 1e-9 else { return nil }
    // Densities are never negative, so point the plane's first axis towards the tissue.
    let first = vectors[0].sum() < 0 ? -vectors[0] : vectors[0]
    let second = vectors[1]
    let angles = densities.map { atan2(($0 * second).sum(), ($0 * first).sum()) }
    func direction(_ angle: Double) -> SIMD3<Double> {
      let v = first * cos(angle) + second * sin(angle)
      return v / (v * v).sum().squareRoot()
    }
    let (a, b) = (direction(quantile(angles, 0.01)), direction(quantile(angles, 0.99)))
    guard ((a - b) * (a - b)).sum() > 1e-6 else { return nil }
    // Hematoxylin absorbs more red than eosin.
    return a.x > b.x ? (a, b) : (b, a)
  }

  /// Two rows that compute, by least squares, how much each of two stains contributes to a density.
  private static func pseudoInverse(
    of stains: (SIMD3<Double>, SIMD3<Double>)
  ) -> (SIMD3<Double>, SIMD3<Double>) {
    let (aa, bb) = ((stains.0 * stains.0).sum(), (stains.1 * stains.1).sum())
    let ab = (stains.0 * stains.1).sum()
    let determinant = aa * bb - ab * ab
    return ((stains.0 * bb - stains.1 * ab) / determinant, (stains.1 * aa - stains.0 * ab) / determinant)
  }

  private static func quantile(_ values: [Double], _ share: Double) -> Double {
    let sorted = values.sorted()
    return sorted[Int((share * Double(sorted.count - 1)).rounded())]
  }
}

/// Jacobi's method. Source: Jacobi 1846; Golub & Van Loan 2013, "Matrix Computations", section 8.5.
package enum SymmetricMatrix {
  /// Eigenvalues of a symmetric 3x3 matrix, largest first, and the unit eigenvectors in the same order.
  package static func eigen(_ matrix: [[Double]]) -> (values: [Double], vectors: [SIMD3<Double>]) {
    var a = matrix
    var v: [[Double]] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    for _ in 0..<32 {
      for (p, q) in [(0, 1), (0, 2), (1, 2)] where abs(a[p][q]) > 1e-300 {
        let theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
        let t = (theta < 0 ? -1.0 : 1.0) / (abs(theta) + (theta * theta + 1).squareRoot())
        let c = 1 / (t * t + 1).squareRoot()
        let s = t * c
        for k in 0..<3 { (a[k][p], a[k][q]) = (c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]) }
        for k in 0..<3 { (a[p][k], a[q][k]) = (c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]) }
        for k in 0..<3 { (v[k][p], v[k][q]) = (c * v[k][p] - s * v[k][q], s * v[k][p] + c * v[k][q]) }
      }
    }
    let order = (0..<3).sorted { a[$0][$0] > a[$1][$1] }
    return (order.map { a[$0][$0] }, order.map { SIMD3(v[0][$0], v[1][$0], v[2][$0]) })
  }
}
