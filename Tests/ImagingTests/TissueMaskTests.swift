import Imaging
import Testing

struct TissueMaskTests {
  private func disc(radius: Float, size: Int = 101, background: Float = 0.02, tissue: Float = 0.8) -> Image {
    var image = Image(width: size, height: size, channels: 1)
    let center = Float(size / 2)
    var generator = SeededGenerator(seed: 7)
    for y in 0..<size {
      for x in 0..<size {
        let (dx, dy) = (Float(x) - center, Float(y) - center)
        let level = dx * dx + dy * dy <= radius * radius ? tissue : background
        image[x, y] = level + Float.random(in: -0.02...0.02, using: &generator)
      }
    }
    return image
  }

  @Test func `a disc of tissue is found`() {
    let mask = TissueMask(of: disc(radius: 30))
    #expect(abs(mask.share - .pi * 900 / 10201) < 0.02)
    #expect(mask.values[50 * 101 + 50])
    #expect(!mask.values[0])
  }

  @Test func `an empty scan has no tissue and a full one nothing else`() {
    #expect(TissueMask(of: disc(radius: 0, tissue: 0.02)).share == 0)
    #expect(TissueMask(of: Image(width: 20, height: 10, channels: 3)).share == 0)
    #expect(TissueMask(of: disc(radius: 1000)).share == 1)
    #expect(TissueMask(of: Image(width: 20, height: 10, channels: 3, filledWith: 0.7)).share == 1)
    // Light and dark tissue without background.
    #expect(TissueMask(of: disc(radius: 30, background: 0.5)).share == 1)
  }

  @Test func `holes are filled, specks removed, missing pixels are not tissue`() {
    var image = disc(radius: 30)
    for y in 46..<54 { for x in 46..<54 { image[x, y] = 0 } }
    for y in 4..<6 { for x in 4..<6 { image[x, y] = 1 } }
    image[50, 60] = .nan
    let mask = TissueMask(of: image)
    #expect(mask.values[50 * 101 + 50])
    #expect(!mask.values[5 * 101 + 5])
    #expect(!mask.values[60 * 101 + 50])
    #expect(mask.values[60 * 101 + 51])
  }

  @Test func `the brightest channel decides`() {
    let gray = disc(radius: 30)
    var color = Image(width: 101, height: 101, channels: 3)
    for pixel in gray.samples.indices { color.samples[pixel * 3 + 2] = gray.samples[pixel] }
    #expect(TissueMask(of: color) == TissueMask(of: gray))
  }

  @Test func `negative intensities are measured from the smallest`() {
    var image = disc(radius: 30)
    for pixel in image.samples.indices { image.samples[pixel] = image.samples[pixel] * 3 - 2 }
    #expect(abs(TissueMask(of: image).share - .pi * 900 / 10201) < 0.02)
  }

  @Test func `depth is the exact distance to the edge`() {
    var generator = SeededGenerator(seed: 3)
    let (width, height) = (23, 17)
    let isTissue = (0..<(width * height)).map { _ in Int.random(in: 0..<12, using: &generator) > 0 }
    let depth = TissueMask(width: width, height: height, values: isTissue).depth.values
    for y in 0..<height {
      for x in 0..<width {
        var nearest = Int.max
        for other in isTissue.indices where !isTissue[other] {
          let (dx, dy) = (other % width - x, other / width - y)
          nearest = min(nearest, dx * dx + dy * dy)
        }
        #expect(depth[y * width + x] == Float(nearest).squareRoot())
      }
    }
  }

  @Test func `tissue without an edge is as deep as the picture is large`() {
    let mask = TissueMask(width: 4, height: 3, filledWith: true)
    #expect(mask.depth == Plane(width: 4, height: 3, filledWith: 7))
  }
}

struct ConnectedComponentsTests {
  private func components(_ rows: [String], _ connectivity: ConnectedComponents.Connectivity) -> ConnectedComponents {
    ConnectedComponents(
      of: Plane(width: rows[0].count, height: rows.count, values: rows.joined().map { $0 == "#" }),
      connectivity: connectivity)
  }

  @Test func `corners connect with eight neighbours and not with four`() {
    let rows = ["#..#", ".#..", "..##"]
    let eight = components(rows, .eight)
    #expect(eight.components.map(\.pixels) == [4, 1])
    #expect(eight.components[0].bounds == PixelRectangle(x: 0, y: 0, width: 4, height: 3))
    #expect(eight.labels.values == [1, 0, 0, 2, 0, 1, 0, 0, 0, 0, 1, 1])
    #expect(components(rows, .four).components.map(\.pixels) == [1, 1, 1, 2])
  }

  @Test func `arms that meet late are one component`() {
    let result = components(["#.#.#", "#.#.#", "#####"], .four)
    #expect(result.components.map(\.pixels) == [11])
    #expect(result.components.map(\.bounds) == [PixelRectangle(x: 0, y: 0, width: 5, height: 3)])
    let ring = components(["..###", "..#.#", "###.#", "....#", "#####"], .four)
    #expect(ring.components.count == 1)
  }

  @Test func `nothing set gives no components`() {
    #expect(components(["...", "..."], .eight).components.isEmpty)
    #expect(ConnectedComponents(of: Plane(width: 0, height: 0, values: [])).components.isEmpty)
  }
}
