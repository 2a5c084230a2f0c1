import Anomaly
import Compute
import Numerics
import Testing

struct MultipleTestingTests {
  /// From Peers/testing.py: `scipy.stats.ks_2samp(a, b, method="exact")` of scipy 1.17.1.
  @Test(
    arguments: [
      ([1, 2, 3, 4], [3.5, 4.5, 5.5, 6.5, 7.5], 0.8, 0.07936507936507936),
      (
        [1.29, 1.45, 0.07, -0.76, -1.09, 0.03, -1.02],
        [-0.44, 1.2, 1.13, 1.55, 0.09, 1.01, 0.94, -0.51, 1.54, 1.32, 3.39, 1.2], 0.5476190476190477,
        0.09784075573549256
      ),
      ([0, 1, 1, 2, 2, 2, 5, 6], [1, 2, 3, 3, 4, 4, 7], 0.4642857142857143, 0.31313131313131315),
      ((0..<50).map(Double.init), (0..<40).map { Double($0) * 1.5 + 10 }, 0.335, 0.010471593719851735),
    ] as [([Double], [Double], Double, Double)])
  func `the two-sample Kolmogorov-Smirnov test is scipy's`(a: [Double], b: [Double], distance: Double, pValue: Double) {
    #expect(abs(KolmogorovSmirnov.distance(a, b) - distance) < 1e-12)
    #expect(abs(KolmogorovSmirnov.pValue(distance: distance, a.count, b.count) - pValue) < 1e-12)
  }

  /// One of `C(n + m, n)` orders in each direction.
  @Test(arguments: [(3, 5, 2.0 / 56), (1, 9, 2.0 / 10), (4, 4, 2.0 / 70)])
  func `the smallest p-value is that of sets apart`(n: Int, m: Int, expected: Double) {
    #expect(abs(KolmogorovSmirnov.smallestPValue(n, m) - expected) < 1e-12)
  }

  @Test func `large sets have p-values between those of smaller ones`() {
    let exact = KolmogorovSmirnov.pValue(distance: 0.06, 1000, 1000)
    let bounded = KolmogorovSmirnov.pValue(distance: 0.06, 1010, 1000)
    #expect(bounded > 0.8 * exact && bounded < 1.2 * exact)
    #expect(KolmogorovSmirnov.pValue(distance: 0, 5, 5) == 1)
  }

  @Test(arguments: [(0.0, 1.0), (0.5, 1.0), (1.0, 0.75), (2.0, 0.5), (9.0, 0.0)])
  func `a distance counts what no shift within the tolerance explains`(tolerance: Double, expected: Double) {
    #expect(KolmogorovSmirnov.distance([1, 2, 3, 4], [4.75, 5.75, 6.75, 7.75], tolerance: tolerance) == expected)
  }

  @Test func `Holm's adjustment goes up step by step`() {
    let adjusted = MultipleTesting.holm([0.01, 0.04, 0.03, 0.005, 0.6, 0.03])
    for (a, b) in zip(adjusted, [0.05, 0.12, 0.12, 0.03, 0.6, 0.12]) { #expect(abs(a - b) < 1e-12) }
  }

  /// From Peers/testing.py: `scipy.stats.false_discovery_control(p)` of scipy 1.17.1.
  @Test func `q-values of single hypotheses are Benjamini and Hochberg's`() {
    let q = MultipleTesting.qValues(ofFamilies: [0.01, 0.04, 0.03, 0.005, 0.6, 0.03].map { [$0] })
    for (a, b) in zip(q, [0.03, 0.048, 0.045, 0.03, 0.6, 0.045]) { #expect(abs(a[0] - b) < 1e-12) }
  }

  @Test func `q-values in families are the least levels at which family and hypothesis pass`() {
    var random = RandomGenerator(seed: 8)
    for _ in 0..<50 {
      let families = (0..<12).map { _ in
        (0..<random.integer(below: 4)).map { _ in Double(random.uniform()) * Double(random.uniform()) }
      }
      let q = MultipleTesting.qValues(ofFamilies: families)
      func passes(_ p: Double, at level: Double) -> Bool {
        let smallest = families.map { $0.min() ?? 1 }.sorted()
        let selected = (1...12).last { smallest[$0 - 1] <= level * Double($0) / 12 } ?? 0
        return p <= level * Double(selected) / 12
      }
      for (family, values) in zip(families, q) {
        for (p, value) in zip(family, values) {
          if value < 1 { #expect(passes(p, at: value * (1 + 1e-9))) }
          #expect(!passes(p, at: value * (1 - 1e-9)))
        }
      }
    }
  }

  @Test func `empty families count, and no family gives no q-value`() {
    #expect(MultipleTesting.qValues(ofFamilies: [[0.01], [], [], []]) == [[0.04], [], [], []])
    #expect(MultipleTesting.qValues(ofFamilies: []).isEmpty)
  }

  /// 30 of 40 families have nothing but false hypotheses, whose smallest p-value is uniform, and the others one true.
  ///
  /// Tolerance: four standard errors of the mean over the trials.
  @Test(arguments: [0.05, 0.2]) func `among families named few are named in error`(level: Double) {
    var random = RandomGenerator(seed: 21)
    var shares: [Double] = []
    for _ in 0..<2000 {
      let families = (0..<40).map { k in
        let least = Double(random.uniform())
        return [k < 30 ? least : least * 0.001, min(1, least + Double(random.uniform()))]
      }
      let q = MultipleTesting.qValues(ofFamilies: families)
      let named = q.indices.filter { q[$0].contains { $0 <= level } }
      shares.append(Double(named.count { $0 < 30 || q[$0][1] <= level }) / Double(max(named.count, 1)))
    }
    let mean = shares.reduce(0, +) / Double(shares.count)
    let variance = shares.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(shares.count - 1)
    #expect(mean <= level + 4 * (variance / Double(shares.count)).squareRoot(), "\(mean)")
    #expect(mean > level / 4)
  }
}
