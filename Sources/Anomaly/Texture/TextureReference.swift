import Files
import Foundation
import Numerics
import Threads

/// The texture of healthy scans. The distance of another scan from them says how unusual it is as a whole, where no
/// single place needs to stand out. It is the geometric mean of the distances on the grids of `TextureScale`. Where features
/// are measured, it is the product of how improbable the distances of texture and of features are.
package struct TextureReference: Sendable, Equatable {
  let grids: [TextureCovariance]
  let features: Features?

  /// The features of healthy scans, and how far healthy scans lie from others, so that the two distances can be compared.
  struct Features: Sendable, Equatable {
    let covariance: TextureCovariance
    /// The scales of the logarithms of both distances: of texture, and of features.
    var texture = Scale(middle: 0, spread: 1)
    var features = Scale(middle: 0, spread: 1)
  }

  /// Mean and standard deviation of healthy scans.
  struct Scale: Sendable, Equatable {
    let middle: Float
    let spread: Float

    init(middle: Float, spread: Float) { (self.middle, self.spread) = (middle, spread) }

    init(of values: [Double]) {
      let count = Double(max(values.count, 1))
      let mean = values.reduce(0, +) / count
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
      self.init(middle: Float(mean), spread: max(Float(variance.squareRoot()), 1e-6))
    }

    func standardized(_ value: Double) -> Double { (value - Double(middle)) / Double(spread) }
  }

  /// The most scans that are learned from; more cost time and change little.
  private static let mostScans = 256
  /// With fewer, a covariance says nothing.
  static let fewestScans = 8
  private static let folds = 10

  init(grids: [TextureCovariance], features: Features? = nil) { (self.grids, self.features) = (grids, features) }

  /// - Parameter cases: descriptors of healthy scans, case by case.
  /// - Returns: `nil` where there are too few.
  package init?(of cases: [[TextureDescriptor]], seed: UInt64) {
    var random = RandomGenerator(seed: seed ^ 0x7E47)
    let all = cases.joined().shuffled(using: &random).prefix(Self.mostScans)
    guard all.count >= Self.fewestScans, let count = all.first?.grids.count else { return nil }
    grids = (0..<count).map { grid in TextureCovariance(of: all.map { $0.grids[grid] }) }
    let found = all.compactMap(\.features)
    features = found.count < Self.fewestScans ? nil : Features(covariance: TextureCovariance(of: found))
  }

  /// Learns from all cases, and measures each by a reference that was learned from others: each tenth of them by the
  /// nine others. So every healthy case says how far a new one lies from its like, and none is only learned from. A tenth
  /// is a run of cases, since those that follow each other may be of one patient or one day, and a case that is compared
  /// with its like seems nearer than a new one. Sources: Vovk 2015, "Cross-conformal predictors",
  /// doi:10.1007/s10472-013-9368-4; Roberts et al. 2017, doi:10.1111/ecog.02881 (blocks).
  ///
  /// - Parameter cases: as for `init(of:seed:)`, in the order of their names.
  /// - Returns: the reference, and the distances of each case's scans; `nil` where there are too few, see `suffices`.
  package static func crossFitted(
    to cases: [[TextureDescriptor]], seed: UInt64
  ) -> (reference: TextureReference, distances: [[Double]])? {
    guard suffices(cases.map(\.count)), let whole = TextureReference(of: cases, seed: seed) else { return nil }
    let references = Parallel.map(folds) { fold in
      TextureReference(
        of: cases.indices.filter { Self.fold(of: $0, among: cases.count) != fold }.map { cases[$0] }, seed: seed)
    }
    let parts = cases.indices.map { k in
      cases[k].compactMap { references[Self.fold(of: k, among: cases.count)]?.parts(of: $0) }
    }
    let all = parts.joined()
    let scales = (texture: Scale(of: all.compactMap(\.texture)), features: Scale(of: all.compactMap(\.features)))
    let reference = TextureReference(
      grids: whole.grids,
      features: whole.features.map {
        Features(covariance: $0.covariance, texture: scales.texture, features: scales.features)
      })
    return (reference, parts.map { $0.compactMap(reference.distance) })
  }

  /// Whether all but any tenth of the cases have enough scans to learn from.
  ///
  /// - Parameter counts: number of scans of each case, in the order of their names.
  static func suffices(_ counts: [Int]) -> Bool {
    (0..<folds).allSatisfy { fold in
      counts.indices.reduce(0) { $0 + (Self.fold(of: $1, among: counts.count) == fold ? 0 : counts[$1]) } >= fewestScans
    }
  }

  private static func fold(of item: Int, among count: Int) -> Int { item * folds / count }

  /// The line that says what the texture of whole scans is measured by.
  package func summary(in scale: TextureScale) -> String {
    let numbers = Count.of(grids.reduce(0) { $0 + $1.mean.count }, "number")
    let units = scale.study == nil ? "each case, because their medians scatter" : "the study's tissue"
    return "\(numbers) from \(Count.of(grids[0].rows.count, "scan")), in the intensities of \(units)"
      + (features == nil ? "" : "; and by features")
  }

  /// - Returns: `nil` where the scan is too small for any number.
  package func distance(of descriptor: TextureDescriptor) -> Double? { distance(parts(of: descriptor)) }

  /// Logarithms of distances; `nil` where the scan is too small for any number, or nothing is known of it.
  private typealias Parts = (texture: Double?, features: Double?)

  private func parts(of descriptor: TextureDescriptor) -> Parts {
    let logarithms = zip(grids, descriptor.grids).compactMap { $0.distance(of: $1) }.map(Self.logarithm)
    return (
      logarithms.isEmpty ? nil : logarithms.reduce(0, +) / Double(logarithms.count),
      descriptor.features.flatMap { features?.covariance.distance(of: $0) }.map(Self.logarithm)
    )
  }

  private func distance(_ parts: Parts) -> Double? {
    guard let features else { return parts.texture.map { exp($0) } }
    let known = [
      parts.texture.map(features.texture.standardized), parts.features.map(features.features.standardized),
    ].compactMap { $0 }
    return known.isEmpty ? nil : exp(NormalDistribution.product(of: known))
  }

  private static func logarithm(_ distance: Double) -> Double { log(max(distance, 1e-9)) }
}

/// Mean and covariance of what healthy scans are described by on one grid.
///
/// There are more numbers in a descriptor than scans to learn from, so the covariance `C` of the standardized numbers is
/// used as `C + r I`: directions in which healthy scans hardly differ count, but no more than `1 / r` times. Source of
/// the distance: Mahalanobis 1936; of its ridge: Ledoit & Wolf 2004, doi:10.1016/S0047-259X(03)00096-4.
struct TextureCovariance: Sendable, Equatable {
  let mean: [Float]
  let deviation: [Float]
  /// `[scans, numbers]`: the standardized numbers `Z` of the `n` healthy scans, multiplied by the inverse of the Cholesky
  /// factor of `Z Zᵀ + r n I`.
  let rows: [[Float]]

  private static let ridge = 0.5
  /// In standard deviations. One number shall not rule the distance.
  private static let largestDeviation: Float = 5

  init(mean: [Float], deviation: [Float], rows: [[Float]]) {
    (self.mean, self.deviation, self.rows) = (mean, deviation, rows)
  }

  /// - Parameter scans: the numbers of healthy scans, at least one; NaN where a scan is too small for a number.
  init(of scans: [[Float]]) {
    let count = scans[0].count
    var mean = [Float](repeating: 0, count: count)
    var deviation = mean
    for k in 0..<count {
      let known = scans.map { Double($0[k]) }.filter(\.isFinite)
      let center = known.reduce(0, +) / Double(max(known.count, 1))
      let variance = known.reduce(0) { $0 + ($1 - center) * ($1 - center) } / Double(max(known.count, 1))
      mean[k] = Float(center)
      deviation[k] = max(Float(variance.squareRoot()), 1e-6 * max(abs(mean[k]), 1))
    }
    let standard = scans.map { Self.standardized($0, mean, deviation) }
    let n = scans.count
    var gram = [[Double]](repeating: [Double](repeating: 0, count: n), count: n)
    for i in 0..<n {
      for j in 0...i {
        gram[i][j] = Self.product(standard[i], standard[j])
        gram[j][i] = gram[i][j]
      }
      gram[i][i] += Self.ridge * Double(n)
    }
    let factor = SquareMatrix.cholesky(gram)
    var rows: [[Double]] = []
    for i in 0..<n {
      var row = standard[i].map(Double.init)
      for j in 0..<i where factor[i][j] != 0 {
        let share = factor[i][j]
        for k in row.indices { row[k] -= share * rows[j][k] }
      }
      rows.append(row.map { $0 / factor[i][i] })
    }
    self.init(mean: mean, deviation: deviation, rows: rows.map { $0.map(Float.init) })
  }

  /// The Mahalanobis distance of a scan from the healthy ones. That of a scan which lacks some of the numbers is enlarged
  /// by their share, or the scan would seem nearer than it is.
  ///
  /// - Returns: `nil` where it lacks all of them.
  func distance(of values: [Float]) -> Double? {
    let known = values.count(where: \.isFinite)
    guard known > 0 else { return nil }
    // (ZᵀZ / n + r I)⁻¹ = (I - Zᵀ (Z Zᵀ + r n I)⁻¹ Z) / r, so that no matrix of numbers by numbers is needed.
    let z = Self.standardized(values, mean, deviation)
    let explained = rows.reduce(0.0) { sum, row in
      let along = Self.product(row, z)
      return sum + along * along
    }
    let share = Double(known) / Double(values.count)
    return (max(Self.product(z, z) - explained, 0) / Self.ridge / share).squareRoot()
  }

  private static func standardized(_ values: [Float], _ mean: [Float], _ deviation: [Float]) -> [Float] {
    values.indices.map { k in
      let z = (values[k] - mean[k]) / deviation[k]
      return z.isFinite ? min(max(z, -largestDeviation), largestDeviation) : 0
    }
  }

  private static func product(_ a: [Float], _ b: [Float]) -> Double {
    var sum = 0.0
    for k in a.indices { sum += Double(a[k]) * Double(b[k]) }
    return sum
  }
}
