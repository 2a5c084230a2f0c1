import Foundation
import Imaging
import Testing

struct ResamplingTests {
  @Test func `reduction averages boxes, repeats the edge and leaves no data out`() {
    let image = Image(
      width: 3, height: 3, channels: 1, samples: [1, 3, 5, 5, 7, 9, .nan, 2, .nan], pixelSize: PixelSize(x: 1, y: 3))
    let reduced = image.reduced(by: 2)
    #expect(reduced.width == 2 && reduced.height == 2)
    #expect(Array(reduced.samples[..<3]) == [4, 7, 2])
    #expect(reduced.samples[3].isNaN)
    #expect(reduced.pixelSize == PixelSize(x: 2, y: 6))
    #expect(image.reduced(by: 1).width == 3)
  }

  // numpy: torch.nn.functional.interpolate(torch.tensor([[[[0., 1.], [2., 3.]]]]), size=(3, 4), mode="bilinear",
  // align_corners=False)
  @Test func `enlargement is bilinear between pixel centers`() {
    let image = Image(width: 2, height: 2, channels: 1, samples: [0, 1, 2, 3])
    let expected: [Float] = [0, 0.25, 0.75, 1, 1, 1.25, 1.75, 2, 2, 2.25, 2.75, 3]
    #expect(image.resized(width: 4, height: 3).samples == expected)
  }

  @Test func `missing pixels do not spread to where they have no weight`() {
    let image = Image(width: 2, height: 1, channels: 1, samples: [1, .nan])
    #expect(image.resized(width: 6, height: 1).samples.map(\.isNaN) == [false, false, true, true, true, true])
  }

  @Test func `blur keeps a constant picture and the sum of a point`() {
    let flat = Image(width: 9, height: 5, channels: 3, filledWith: 2)
    #expect(flat.blurred(sigma: 1.7).samples.allSatisfy { abs($0 - 2) < 1e-5 })
    var point = Image(width: 31, height: 31, channels: 1)
    point[15, 15] = 1
    let blurred = point.blurred(sigma: 2)
    #expect(abs(blurred.samples.reduce(0, +) - 1) < 1e-5)
    // The kernel is cut at three deviations, which lifts its center by less than one percent.
    #expect(abs(blurred[15, 15] - 1 / (2 * .pi * 4)) < 1e-3)
    #expect(abs(blurred[17, 15] / blurred[15, 15] - exp(-0.5)) < 1e-4)
    #expect(abs(blurred[15, 17] - blurred[17, 15]) < 1e-7)
  }
}
