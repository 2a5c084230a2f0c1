extension Array {
  /// Splits the array, in order, into lists of the given lengths.
  package func divided(into counts: [Int]) -> [[Element]] {
    var rest = self[...]
    return counts.map { count in
      defer { rest = rest.dropFirst(count) }
      return Array(rest.prefix(count))
    }
  }
}
