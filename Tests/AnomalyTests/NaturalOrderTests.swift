import Files
import Testing

struct NaturalOrderTests {
  @Test func `runs of digits compare as numbers`() {
    let names = ["s10.tif", "s2.tif", "s1.tif", "s02.tif", "s1_3.tif", "s1_20.tif", "t.tif", "s.tif", "12", "9", ""]
    #expect(
      names.sorted(by: NaturalOrder.precedes)
        == ["", "9", "12", "s.tif", "s1.tif", "s1_3.tif", "s1_20.tif", "s02.tif", "s2.tif", "s10.tif", "t.tif"])
  }

  @Test func `numbers of any length compare, and no name precedes itself`() {
    let long = "a" + String(repeating: "9", count: 40)
    #expect(NaturalOrder.precedes(long, "a1" + String(repeating: "0", count: 40)))
    for name in ["", "a", "a01", "7", long] { #expect(!NaturalOrder.precedes(name, name)) }
  }

  /// What differs only in leading zeros still has one order, so that sorting never depends on where names came from.
  @Test func `of two different names one precedes the other`() {
    let names = ["1", "01", "001", "a1b", "a01b", "a1b1", "a01b01"]
    for a in names {
      for b in names where a != b { #expect(NaturalOrder.precedes(a, b) != NaturalOrder.precedes(b, a), "\(a) \(b)") }
    }
  }
}
