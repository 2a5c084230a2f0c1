/// Adjustments of p-values for testing many hypotheses at once.
package enum MultipleTesting {
  /// p-values adjusted so that the chance of any false rejection at `alpha` is at most `alpha`, however they depend on
  /// each other.
  ///
  /// Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
  package static func holm(_ p: [Double]) -> [Double] {
    var result = p
    var largest = 0.0
    for (rank, i) in p.indices.sorted(by: { p[$0] < p[$1] }).enumerated() {
      largest = max(largest, min(1, p[i] * Double(p.count - rank)))
      result[i] = largest
    }
    return result
  }

  /// q-values of hypotheses that come in families, from p-values that are already adjusted within their family.
  ///
  /// A family's p-value is its smallest, or 1 if it is empty. The q-value of a hypothesis is the least `q` that fulfils
  /// two conditions: the Benjamini-Hochberg procedure at `q` selects its family among all `m`, and the hypothesis
  /// passes within the family at `q R / m`, where `R` is the number of families selected. If all hypotheses with a
  /// q-value of at most `q` are reported, the expected share of families with any false one, among the families
  /// reported, is at most `q`. For families of one hypothesis these are Benjamini and Hochberg's own q-values.
  ///
  /// The families must be independent of each other given the calibration, as cases are and scans of one case are not.
  /// Conformal p-values share their calibration and are positively dependent; the procedure holds under this
  /// dependence.
  ///
  /// Sources: Benjamini & Hochberg 1995; Benjamini & Bogomolov 2014, doi:10.1111/rssb.12028, theorem 1; Bates et al.
  /// 2023, arXiv:2104.08279, theorem 2.
  package static func qValues(ofFamilies families: [[Double]]) -> [[Double]] {
    let smallest = families.map { $0.min() ?? 1 }.sorted()
    let m = Double(families.count)
    // The Benjamini-Hochberg q-values of the families, in ascending order of p.
    var adjusted = [Double](repeating: 1, count: smallest.count)
    var least = 1.0
    for k in smallest.indices.reversed() {
      least = min(least, smallest[k] * m / Double(k + 1))
      adjusted[k] = least
    }
    return families.map { family in
      family.map { p in
        // As k grows the first term grows and the second falls, so the larger of the two is least where they cross.
        var (low, high) = (0, adjusted.count)
        while low < high {
          let middle = (low + high) / 2
          if adjusted[middle] >= p * m / Double(middle + 1) { high = middle } else { low = middle + 1 }
        }
        let atCrossing = low < adjusted.count ? adjusted[low] : 1
        let before = low > 0 ? p * m / Double(low) : 1
        return min(1, atCrossing, before)
      }
    }
  }
}
