/// Adjustments for asking many questions at once.
package enum MultipleTesting {
  /// p-values adjusted so that the chance of any false rejection at `alpha` is at most `alpha`, whatever their dependence.
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

  /// q-values of hypotheses that come in families, from p-values that are adjusted within their family already.
  ///
  /// A family's p-value is its smallest, 1 where it is empty. The q-value of a hypothesis is the least `q` at which the
  /// Benjamini-Hochberg procedure selects its family among all `m` and the hypothesis passes in it at `q R / m`, `R` being
  /// the number of families selected: naming all with a q-value of at most `q`, the expected share of families with any
  /// false one, among those named, is at most `q`. For families of one these are Benjamini and Hochberg's own q-values.
  ///
  /// Sources: Benjamini & Hochberg 1995; Benjamini & Bogomolov 2014, doi:10.1111/rssb.12028, theorem 1. Conformal p-values
  /// share their calibration and are positively dependent, under which the procedure holds: Bates et al. 2023,
  /// arXiv:2104.08279, theorem 2.
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
        // Over k the first term grows and the second falls: the least of their larger one is where they cross.
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
