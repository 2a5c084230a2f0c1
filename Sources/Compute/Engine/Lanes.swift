/// A vector of the eight numbers that loops process at a time.
typealias Lanes = SIMD8<Float>

extension Lanes {
  /// `exp` of each number, with a relative error up to 1.5e-7, for numbers in -87...88. Smaller or larger numbers give
  /// the value at the nearer bound.
  ///
  /// Computed as `2^n e^r` with `n` whole and `r` within half of `ln 2` of zero; a polynomial approximates `e^r`.
  /// Source: Moshier 1989, "Methods and Programs for Mathematical Functions" (Cephes, `expf`).
  @inline(__always) var exponential: Lanes {
    let low = Lanes(repeating: -87), high = Lanes(repeating: 88)
    var x = self
    x.replace(with: low, where: x .< low)
    x.replace(with: high, where: x .> high)
    // Adding 1.5 * 2^23 leaves the nearest whole number in the last bits.
    let shifted = Lanes(repeating: 0x1.8p23).addingProduct(x, Lanes(repeating: 1.44269504))
    let n = shifted - 0x1.8p23
    let r = x.addingProduct(n, Lanes(repeating: -0.693359375)).addingProduct(n, Lanes(repeating: 2.12194440e-4))
    var p = Lanes(repeating: 1.3981999507e-3).addingProduct(Lanes(repeating: 1.9875691500e-4), r)
    p = Lanes(repeating: 8.3334519073e-3).addingProduct(p, r)
    p = Lanes(repeating: 4.1665795894e-2).addingProduct(p, r)
    p = Lanes(repeating: 1.6666665459e-1).addingProduct(p, r)
    p = Lanes(repeating: 5.0000001201e-1).addingProduct(p, r)
    p = (r + 1).addingProduct(p, r * r)
    let exponents = unsafeBitCast(shifted, to: SIMD8<Int32>.self) &<< 23
    return unsafeBitCast(unsafeBitCast(p, to: SIMD8<Int32>.self) &+ exponents, to: Lanes.self)
  }

  /// `1 / (1 + exp(-x))`.
  @inline(__always) var logistic: Lanes { 1 / (1 + (-self).exponential) }

  /// The bits of the nearest bf16 numbers; a tie rounds to the one with an even last bit.
  @inline(__always) var rounded16: SIMD8<UInt16> {
    let bits = unsafeBitCast(self, to: SIMD8<UInt32>.self)
    let halves = (bits &+ 0x7FFF &+ ((bits &>> 16) & 1)) &>> 16
    // A loop over the lanes, because the standard library's conversion of whole vectors is not always inlined.
    var result = SIMD8<UInt16>()
    for lane in 0..<Self.scalarCount { result[lane] = UInt16(truncatingIfNeeded: halves[lane]) }
    return result
  }

  /// The sum of all lanes.
  @inline(__always) var total: Float {
    let four = lowHalf + highHalf
    let two = four.lowHalf + four.highHalf
    return two[0] + two[1]
  }

  /// Lane k is the sum of the lanes of vector k, for eight vectors; each is added up in the same order as in `total`.
  @inline(__always) init(totalsOf vectors: UnsafePointer<Lanes>) {
    @inline(__always) func halves(_ a: Lanes, _ b: Lanes) -> Lanes {
      Lanes(lowHalf: a.lowHalf + a.highHalf, highHalf: b.lowHalf + b.highHalf)
    }
    @inline(__always) func quarters(_ a: Lanes, _ b: Lanes) -> Lanes {
      Lanes(a[0], a[1], b[0], b[1], a[4], a[5], b[4], b[5]) + Lanes(a[2], a[3], b[2], b[3], a[6], a[7], b[6], b[7])
    }
    let a = quarters(halves(vectors[0], vectors[4]), halves(vectors[1], vectors[5]))
    let b = quarters(halves(vectors[2], vectors[6]), halves(vectors[3], vectors[7]))
    self =
      Lanes(a[0], a[2], b[0], b[2], a[4], a[6], b[4], b[6]) + Lanes(a[1], a[3], b[1], b[3], a[5], a[7], b[5], b[7])
  }

  /// `1 / sqrt(x)` of each number, with a relative error up to 2e-7, for numbers above 1e-30.
  ///
  /// Newton's iteration from a first guess computed from the bits of the number. Source: Lomont 2003, "Fast Inverse
  /// Square Root".
  @inline(__always) var reciprocalRoot: Lanes {
    let guess = SIMD8<Int32>(repeating: 0x5F37_5A86) &- (unsafeBitCast(self, to: SIMD8<Int32>.self) &>> 1)
    var root = unsafeBitCast(guess, to: Lanes.self)
    let half = self * -0.5
    root *= Lanes(repeating: 1.5).addingProduct(half * root, root)
    root *= Lanes(repeating: 1.5).addingProduct(half * root, root)
    root *= Lanes(repeating: 1.5).addingProduct(half * root, root)
    return root
  }
}
