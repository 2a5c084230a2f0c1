extension [Float] {
  /// Middle value, the upper one of an even count, by selection; reorders the array. Source: Hoare 1961, "Find".
  package mutating func median() -> Float {
    precondition(!isEmpty, "the median of nothing")
    return withUnsafeMutableBufferPointer { values in
      let wanted = values.count / 2
      var (low, high) = (0, values.count - 1)
      while low < high {
        let pivot = values[(low + high) / 2]
        var (i, j) = (low, high)
        while i <= j {
          while values[i] < pivot { i += 1 }
          while values[j] > pivot { j -= 1 }
          if i <= j {
            values.swapAt(i, j)
            i += 1
            j -= 1
          }
        }
        if wanted <= j { high = j } else if wanted >= i { low = i } else { break }
      }
      return values[wanted]
    }
  }
}
