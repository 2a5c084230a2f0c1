import Anomaly
import Imaging
import Numerics
import Testing

struct ScanScoreTests {
  private func score(_ heat: [Float], tissue: (Int) -> Bool = { _ in true }) -> Double {
    var score = ScanScore()
    add(heat, to: &score, tissue: tissue)
    return score.value
  }

  private func add(_ heat: [Float], to score: inout ScanScore, tissue: (Int) -> Bool = { _ in true }) {
    let depth = heat.indices.map { tissue($0) ? Float(2) : 0 }
    score.add(
      Heatmap(width: heat.count, height: 1, values: heat), depth: Plane(width: heat.count, height: 1, values: depth))
  }

  /// 0.3 % of 1000 pixels are 3.
  @Test func `a scan's score is the mean of the highest pixels of its tissue`() {
    var heat = [Float](repeating: 0, count: 1500)
    (heat[3], heat[500], heat[999], heat[7]) = (9, 6, 3, 2)
    #expect(score(heat) { $0 < 1000 } == 6)
    // What surrounds the tissue counts neither as a pixel nor by its heat.
    for pixel in 1000..<1500 { heat[pixel] = 50 }
    #expect(score(heat) { $0 < 1000 } == 6)
    // 0.3 % of 600 pixels are 1.
    #expect(score(heat) { $0 < 600 } == 9)
    #expect(score([1, 5, 2]) == 5, "a few pixels have a score too")
    #expect(score([4, 7]) { _ in false } == 0 && ScanScore().value == 0)
  }

  /// A bin is a hundredth wide, and only the last one that is needed is taken in part.
  @Test(arguments: [340, 2000, 33_000, 333_000])
  func `it is within a hundredth of the mean of the sorted heats`(count: Int) {
    var random = RandomGenerator(seed: 5)
    let values = (0..<count).map { _ in max(0, 3 * random.normal()) }
    let most = count * 3 / 1000
    let expected = values.sorted(by: >).prefix(most).reduce(0) { $0 + Double($1) } / Double(most)
    #expect(abs(score(values) - expected) < 0.01)
  }

  @Test func `it does not depend on the parts in which a scan comes`() {
    var random = RandomGenerator(seed: 6)
    let values = (0..<10_000).map { _ in 2 * random.normal() }
    var parts = ScanScore()
    for first in [5000, 0, 9000, 2000] {
      let next = [0: 2000, 2000: 5000, 5000: 9000, 9000: 10_000][first]!
      add(Array(values[first..<next]), to: &parts)
    }
    #expect(abs(parts.value - score(values)) < 1e-9)
  }

  @Test func `heats below 0 and beyond all bins keep their order, and no number is no heat`() {
    #expect(score([-3, -1, -2]) == -1)
    #expect(score([-500, -400]) < score([-63, -70]))
    #expect(score([1, 900, 70]) > score([1, 63, 2]))
    #expect(score([.nan, 2, 1]) == 2)
  }
}
