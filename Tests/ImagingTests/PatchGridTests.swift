import Imaging
import Testing

struct PatchGridTests {
  private func noise(width: Int, height: Int, channels: Int) -> Image {
    var generator = SeededGenerator(seed: UInt64(width * 1000 + height))
    let samples = (0..<(width * height * channels)).map { _ in Float.random(in: -1...1, using: &generator) }
    return Image(width: width, height: height, channels: channels, samples: samples)
  }

  @Test(
    arguments: [(1, 1), (5, 3), (16, 16), (17, 31), (64, 48), (97, 101), (1, 70), (15, 200)], [0, 1, 5, 8, 15])
  func `cut then stitch is the identity`(size: (Int, Int), overlap: Int) {
    let image = noise(width: size.0, height: size.1, channels: 2)
    let grid = PatchGrid(width: size.0, height: size.1, patchSize: 16, overlap: overlap)
    let patches = grid.patches(of: image)
    var stitcher = PatchStitcher(grid: grid, channels: 2)
    let patchSamples = 16 * 16 * 2
    for patch in 0..<grid.count {
      patches[(patch * patchSamples)..<((patch + 1) * patchSamples)].withUnsafeBufferPointer {
        stitcher.add($0, patch: patch)
      }
    }
    let difference = zip(stitcher.image().samples, image.samples).map { abs($0 - $1) }.max() ?? 0
    // Sums of up to a few dozen products of values below 1, in Float.
    #expect(difference < 1e-5)
  }

  @Test func `every pixel is covered and no patch leaves the image`() {
    for width in 1...70 {
      let grid = PatchGrid(width: width, height: 40, patchSize: 16, overlap: 4)
      var isCovered = [Bool](repeating: false, count: width)
      for column in grid.columns {
        #expect(column >= 0 && (column + 16 <= width || grid.columns == [0]))
        for x in column..<min(column + 16, width) { isCovered[x] = true }
      }
      #expect(isCovered.allSatisfy { $0 })
    }
  }

  @Test func `the last patch is shifted back to the border`() {
    let grid = PatchGrid(width: 20, height: 16, patchSize: 8, overlap: 0)
    #expect(grid.columns == [0, 8, 12])
    #expect(grid.rows == [0, 8])
    #expect(grid.origin(of: 5) == (12, 8))
  }

  @Test func `a small image is continued by reflection`() {
    let image = Image(width: 3, height: 1, channels: 1, samples: [1, 2, 3])
    let patch = PatchGrid(width: 3, height: 1, patchSize: 8, overlap: 0).patches(of: image)
    #expect(Array(patch[..<8]) == [1, 2, 3, 2, 1, 2, 3, 2])
    #expect(Array(patch[56...]) == [1, 2, 3, 2, 1, 2, 3, 2])
  }

  @Test func `pixels of patches that were not added hold no data`() {
    let grid = PatchGrid(width: 4, height: 2, patchSize: 2, overlap: 0)
    var stitcher = PatchStitcher(grid: grid, channels: 1)
    [Float](repeating: 5, count: 4).withUnsafeBufferPointer { stitcher.add($0, patch: 0) }
    let row = stitcher.image().samples[..<4]
    #expect(row.map(\.isNaN) == [false, false, true, true])
  }

  @Test func `overlapping patches fade into each other`() {
    let grid = PatchGrid(width: 24, height: 16, patchSize: 16, overlap: 8)
    var stitcher = PatchStitcher(grid: grid, channels: 1)
    for (patch, value) in [Float(0), 1].enumerated() {
      [Float](repeating: value, count: 256).withUnsafeBufferPointer { stitcher.add($0, patch: patch) }
    }
    let row = Array(stitcher.image().samples[(8 * 24)..<(9 * 24)])
    #expect(row[0] == 0 && row[23] == 1)
    #expect(zip(row, row.dropFirst()).allSatisfy { $0 <= $1 + 1e-6 })
    #expect(zip(row, row.dropFirst()).allSatisfy { $1 - $0 < 0.25 })
  }
}

/// A linear congruential generator, so that tests repeat.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 2 &+ 1 }

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ (state >> 29)
  }
}
