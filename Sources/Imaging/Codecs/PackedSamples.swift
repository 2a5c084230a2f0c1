/// Integers of 1 to 64 bits in a row of memory. Integers of whole bytes are in native byte order; others are packed,
/// most significant bit first.
struct PackedSamples {
  private let bytes: UnsafeMutableRawBufferPointer
  private let bits: Int

  init(_ bytes: UnsafeMutableRawBufferPointer, bits: Int) {
    self.bytes = bytes
    self.bits = bits
  }

  /// Replaces every sample by its sum with the samples before it at distances that are multiples of `stride`, modulo
  /// `2^bits`.
  func addUp(count: Int, stride: Int) {
    guard (1...64).contains(bits), (count * bits + 7) / 8 <= bytes.count else { return }
    let mask = bits == 64 ? UInt64.max : 1 << UInt64(bits) - 1
    for index in stride..<max(stride, count) { self[index] = (self[index] &+ self[index - stride]) & mask }
  }

  private subscript(index: Int) -> UInt64 {
    get {
      var value: UInt64 = 0
      if isWhole {
        for k in (0..<bits / 8).reversed() { value = value << 8 | UInt64(bytes[index * bits / 8 + k]) }
      } else {
        for bit in index * bits..<(index + 1) * bits {
          value = value << 1 | UInt64(bytes[bit / 8] >> UInt8(7 - bit % 8) & 1)
        }
      }
      return value
    }
    nonmutating set {
      if isWhole {
        for k in 0..<bits / 8 { bytes[index * bits / 8 + k] = UInt8(truncatingIfNeeded: newValue >> UInt64(8 * k)) }
      } else {
        for k in 0..<bits {
          let bit = index * bits + k
          let one = UInt8(1) << UInt8(7 - bit % 8)
          let isSet = newValue >> UInt64(bits - 1 - k) & 1 == 1
          bytes[bit / 8] = isSet ? bytes[bit / 8] | one : bytes[bit / 8] & ~one
        }
      }
    }
  }

  /// Whether samples are whole bytes. They are in native byte order, which is little-endian wherever norma runs.
  private var isWhole: Bool { bits % 8 == 0 }
}
