import Imaging
import Testing

struct SignedDifferenceTests {
  @Test func `what is brighter than expected is lighter than gray, what is darker is darker, and no data stays none`() {
    let scan = Image(width: 4, height: 1, channels: 1, samples: [0.75, 0.25, 0.5, .nan])
    let expected = Image(width: 4, height: 1, channels: 1, samples: [0.25, 0.5, 0.5, 0])
    let difference = scan.difference(from: expected).samples
    #expect(difference[..<3] == [1, 0.25, 0.5])
    #expect(difference[3].isNaN)
    #expect(expected.difference(from: scan).samples[3].isNaN)
  }
}
