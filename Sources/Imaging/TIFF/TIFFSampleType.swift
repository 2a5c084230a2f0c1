/// How to read a stored sample as a number.
package enum TIFFSampleType: Sendable, Equatable {
  case unsigned(bits: Int)
  case signed(bits: Int)
  case float(bits: Int)

  /// - Parameter format: value of TIFF tag 339.
  /// - Returns: `nil` if norma cannot read such samples.
  init?(bits: Int, format: TIFFSampleFormat) {
    switch format {
    // "Undefined" data is read as unsigned, as every decoder does.
    case .unsigned where (1...32).contains(bits) || bits == 64,
      .undefined where (1...32).contains(bits) || bits == 64:
      self = .unsigned(bits: bits)
    case .signed where [8, 16, 32, 64].contains(bits): self = .signed(bits: bits)
    case .float where [16, 24, 32, 64].contains(bits): self = .float(bits: bits)
    default: return nil
    }
  }

  /// If the smallest value means white, a value `v` is shown as `mirror - v`.
  var mirror: Float {
    switch self {
    case .unsigned(let bits): Float(sign: .plus, exponent: bits, significand: 1) - 1
    case .signed: -1
    case .float: 0
    }
  }

  /// The value of a fully lit sample.
  var fullScale: Float {
    switch self {
    case .unsigned(let bits): Float(sign: .plus, exponent: bits, significand: 1) - 1
    case .signed(let bits): Float(sign: .plus, exponent: bits - 1, significand: 1) - 1
    case .float: 1
    }
  }

  /// Reads `count` samples of one row, beginning with sample `first`; NaN and infinities become NaN, "no data".
  ///
  /// Samples of 8, 16, 24, 32 and 64 bits are in native byte order, as libtiff leaves them; others are packed, most
  /// significant bit first.
  func unpack(
    row: UnsafeRawPointer, first: Int, count: Int, into output: UnsafeMutablePointer<Float>
  ) {
    switch self {
    case .unsigned(8): convert(row + first, count, output) { (value: UInt8) in Float(value) }
    case .unsigned(16): convert(row + first * 2, count, output) { (value: UInt16) in Float(value) }
    case .unsigned(32): convert(row + first * 4, count, output) { (value: UInt32) in Float(value) }
    case .unsigned(64): convert(row + first * 8, count, output) { (value: UInt64) in Float(value) }
    case .signed(8): convert(row + first, count, output) { (value: Int8) in Float(value) }
    case .signed(16): convert(row + first * 2, count, output) { (value: Int16) in Float(value) }
    case .signed(32): convert(row + first * 4, count, output) { (value: Int32) in Float(value) }
    case .signed(64): convert(row + first * 8, count, output) { (value: Int64) in Float(value) }
    case .float(16):
      convert(row + first * 2, count, output) { (value: UInt16) in finite(Float(Float16(bitPattern: value))) }
    case .float(32): convert(row + first * 4, count, output) { (value: Float) in finite(value) }
    case .float(64): convert(row + first * 8, count, output) { (value: Double) in finite(Float(value)) }
    case .float:
      for index in 0..<count { output[index] = finite(Self.float24(Self.triple(row, at: first + index))) }
    case .unsigned(24):
      for index in 0..<count { output[index] = Float(Self.triple(row, at: first + index)) }
    case .unsigned(let bits), .signed(let bits):
      unpackBits(row: row, bits: bits, first: first, count: count, into: output)
    }
  }

  @inline(__always)
  private func convert<Stored: BitwiseCopyable>(
    _ source: UnsafeRawPointer, _ count: Int, _ output: UnsafeMutablePointer<Float>, _ number: (Stored) -> Float
  ) {
    for index in 0..<count {
      output[index] = number(
        source.loadUnaligned(fromByteOffset: index * MemoryLayout<Stored>.stride, as: Stored.self))
    }
  }

  @inline(__always)
  private func finite(_ value: Float) -> Float { value.isFinite ? value : .nan }

  private static func triple(_ row: UnsafeRawPointer, at index: Int) -> UInt32 {
    let bytes = row.assumingMemoryBound(to: UInt8.self) + index * 3
    return UInt32(bytes[0]) | UInt32(bytes[1]) << 8 | UInt32(bytes[2]) << 16
  }

  /// Converts a 24-bit float: one sign bit, seven bits of exponent (bias 63), sixteen of fraction (TIFF Technical Note
  /// 3).
  private static func float24(_ pattern: UInt32) -> Float {
    let sign: Float = pattern & 0x80_0000 == 0 ? 1 : -1
    let exponent = Int(pattern >> 16 & 0x7F)
    let fraction = Float(pattern & 0xFFFF) / 65536
    switch exponent {
    case 0: return sign * fraction * Float(sign: .plus, exponent: -62, significand: 1)
    case 127: return .nan
    default: return sign * Float(sign: .plus, exponent: exponent - 63, significand: 1 + fraction)
    }
  }

  private func unpackBits(
    row: UnsafeRawPointer, bits: Int, first: Int, count: Int, into output: UnsafeMutablePointer<Float>
  ) {
    let bytes = row.assumingMemoryBound(to: UInt8.self)
    var bit = first * bits
    let mask: UInt64 = 1 << UInt64(bits) - 1
    for index in 0..<count {
      let begin = bit / 8
      let end = (bit + bits + 7) / 8
      var word: UInt64 = 0
      for byte in begin..<end { word = word << 8 | UInt64(bytes[byte]) }
      output[index] = Float(word >> UInt64(end * 8 - bit - bits) & mask)
      bit += bits
    }
  }
}
