import Foundation
import Imaging
import Numerics
import Testing

struct SortingTests {
  @Test(arguments: [0, 1, 2, 511, 512, 5000])
  func `sorting by bits orders as a comparison does, without NaN`(count: Int) {
    var generator = SeededGenerator(seed: UInt64(count))
    var values = (0..<count).map { _ in
      Float.random(in: -1...1, using: &generator) * .random(in: 0...1e6, using: &generator)
    }
    for (k, special) in [Float.infinity, -.infinity, 0, -0.0, .leastNonzeroMagnitude, -.leastNormalMagnitude / 3, .nan]
      .enumerated()
    where k * 7 < count { values[k * 7] = special }
    let sorted = values.sortedByBits()
    #expect(sorted == values.filter { !$0.isNaN }.sorted())
  }

  @Test(arguments: [1, 2, 3, 512, 513, 514, 4001]) func `a median is the middle one of the sorted values`(count: Int) {
    var generator = SeededGenerator(seed: UInt64(count))
    for spread in [Float(0), 1e-3, 1e3] {
      let values = (0..<count).map { _ in Float.random(in: -1...2, using: &generator) * spread }
      #expect(values.median() == values.sorted()[count / 2])
      #expect(values.map(abs).median() == values.map(abs).sorted()[count / 2])
    }
    #expect([Float](repeating: 3, count: count).median() == 3)
  }

  /// Taps added in the order of the kernel, sample by sample.
  @Test(arguments: [1, 3]) func `a blur is the weighted sum of neighbours, edges repeated`(channels: Int) {
    var generator = SeededGenerator(seed: 5)
    let (width, height) = (37, 21)
    let image = Image(
      width: width, height: height, channels: channels,
      samples: (0..<width * height * channels).map { _ in Float.random(in: 0...1, using: &generator) })
    let sigma: Float = 1.7
    let radius = 6
    let weights = (-radius...radius).map { Float(exp(-Double($0 * $0) / Double(2 * sigma * sigma))) }
    let sum = weights.reduce(0, +)
    let blurred = image.blurred(sigma: sigma)
    for (x, y) in [(0, 0), (36, 20), (18, 10), (35, 1), (16, 20)] {
      for c in 0..<channels {
        var expected: Float = 0
        for dy in -radius...radius {
          for dx in -radius...radius {
            let value = image[min(max(x + dx, 0), width - 1), min(max(y + dy, 0), height - 1), c]
            expected += weights[dy + radius] * weights[dx + radius] / (sum * sum) * value
          }
        }
        #expect(abs(blurred[x, y, c] - expected) < 1e-5)
      }
    }
  }
}
