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
}
