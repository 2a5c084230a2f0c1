/// The order in which people count: runs of digits compare as numbers, so that `slice_2` comes before `slice_10`.
package enum NaturalOrder {
  /// Whether `a` comes before `b`. Everything but digits compares byte by byte; names that differ only in leading zeros
  /// too, so that the order never depends on where the names came from.
  package static func precedes(_ a: String, _ b: String) -> Bool {
    let (first, second) = (Array(a.utf8), Array(b.utf8))
    var (i, j) = (0, 0)
    while i < first.count, j < second.count {
      guard isDigit(first[i]), isDigit(second[j]) else {
        if first[i] != second[j] { return first[i] < second[j] }
        (i, j) = (i + 1, j + 1)
        continue
      }
      let (one, other) = (number(in: first, from: &i), number(in: second, from: &j))
      if one.count != other.count { return one.count < other.count }
      if one != other { return one.lexicographicallyPrecedes(other) }
    }
    if first.count - i != second.count - j { return first.count - i < second.count - j }
    return first.lexicographicallyPrecedes(second)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  /// The digits that begin at `place`, without leading zeros; moves `place` behind them.
  private static func number(in bytes: [UInt8], from place: inout Int) -> ArraySlice<UInt8> {
    let end = bytes[place...].firstIndex { !isDigit($0) } ?? bytes.endIndex
    defer { place = end }
    return bytes[place..<end].drop { $0 == UInt8(ascii: "0") }
  }
}
