import Foundation
import Threads

/// xoshiro256**, seeded by splitmix64: small, fast, and the same on every machine.
///
/// Source: Blackman & Vigna 2021, "Scrambled linear pseudorandom number generators", arXiv:1805.01407.
package struct RandomGenerator: RandomNumberGenerator, Codable, Sendable, Equatable {
  @usableFromInline var state: [UInt64]
  @usableFromInline var spare: Float?

  package init(seed: UInt64) {
    var x = seed
    state = (0..<4).map { _ in
      x &+= 0x9E37_79B9_7F4A_7C15
      var z = x
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  /// Whether the state is valid; checked for a generator that was read from a file.
  package var isSound: Bool { state.count == 4 && state.contains { $0 != 0 } }

  @inlinable package mutating func next() -> UInt64 {
    state.withUnsafeMutableBufferPointer { s in
      let product = s[1] &* 5
      let result = ((product << 7) | (product >> 57)) &* 9
      let t = s[1] << 17
      s[2] ^= s[0]
      s[3] ^= s[1]
      s[1] ^= s[2]
      s[0] ^= s[3]
      s[2] ^= t
      s[3] = (s[3] << 45) | (s[3] >> 19)
      return result
    }
  }

  /// A uniform random number in 0..<1.
  @inlinable package mutating func uniform() -> Float { Float(next() >> 40) * 0x1p-24 }

  @inlinable package mutating func uniform(_ low: Float, _ high: Float) -> Float { low + (high - low) * uniform() }

  @inlinable package mutating func integer(below bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

  @inlinable package mutating func chance(_ probability: Float) -> Bool { uniform() < probability }

  /// A standard normal random number. Source: Box & Muller 1958; every second call computes two values and keeps one.
  @inlinable package mutating func normal() -> Float {
    if let value = spare {
      spare = nil
      return value
    }
    let radius = (-2 * log(1 - uniform())).squareRoot()
    let angle = 2 * Float.pi * uniform()
    spare = radius * sin(angle)
    return radius * cos(angle)
  }

  /// Fills the buffer with the same numbers that `values.count` calls of `normal` would give, on all threads.
  package mutating func fillNormals(_ values: UnsafeMutableBufferPointer<Float>) {
    let (parts, start) = (min(Parallel.threads, max(1, values.count / 1024)), self)
    let values = SplitBuffer(values)
    let last = Parallel.map(parts) { part in
      let range = values.count * part / parts..<values.count * (part + 1) / parts
      var generator = start
      generator.skipNormals(range.lowerBound)
      for i in range { values[i] = generator.normal() }
      return generator
    }.last
    if let last { self = last }
  }

  /// Leaves the generator in the state that `count` calls of `normal` would leave it in, but faster.
  package mutating func skipNormals(_ count: Int) {
    guard count > 0 else { return }
    let left = spare == nil ? count : count - 1
    spare = nil
    for _ in 0..<left / 2 * 2 { _ = next() }
    if left % 2 == 1 { _ = normal() }
  }
}
