import Imaging
import Testing

struct PlaneTests {
  private let plane = Plane(width: 4, height: 3, values: Array(0..<12))

  @Test func `a part is cut out and put back`() {
    let area = PixelRectangle(x: 1, y: 1, width: 2, height: 2)
    let part = plane.cropped(to: area)
    #expect(part == Plane(width: 2, height: 2, values: [5, 6, 9, 10]))
    var other = Plane(width: 4, height: 3, filledWith: -1)
    other.paste(part, atX: 2, y: 0)
    #expect(other.values == [-1, -1, 5, 6, -1, -1, 9, 10, -1, -1, -1, -1])
    #expect(plane.cropped(to: PixelRectangle(x: 4, y: 3, width: 0, height: 0)).values.isEmpty)
  }

  @Test func `rows come in order`() {
    var rows: [[Int]] = []
    plane.forEachRow { rows.append(Array($0)) }
    #expect(rows == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]])
    Plane(width: 0, height: 2, values: [Int]()).forEachRow { #expect($0.isEmpty) }
  }

  @Test func `an enlarged map repeats its values and is cut at the right and below`() {
    let small = Plane(width: 2, height: 2, values: [1, 2, 3, 4])
    #expect(small.enlarged(by: 2, width: 3, height: 3).values == [1, 1, 2, 1, 1, 2, 3, 3, 4])
    #expect(small.enlarged(by: 1, width: 2, height: 2) == small)
  }

  @Test func `a reduced map keeps the largest value of every block`() {
    let heat = Plane<Float>(width: 3, height: 3, values: [1, 2, 9, 0, -4, 0, 7, 5, -3])
    #expect(heat.reducedToLargest(by: 2) == Plane(width: 2, height: 2, values: [2, 9, 7, -3]))
    #expect(heat.reducedToLargest(by: 1) == heat)
  }

  @Test func `an image of one channel is a map and back`() {
    let image = Image(width: 2, height: 1, channels: 1, samples: [3, 4], pixelSize: PixelSize(x: 1, y: 2))
    #expect(Image(Plane(image), pixelSize: image.pixelSize) == image)
    #expect(Plane(image)[1, 0] == 4 && Plane(image).map { $0 > 3 }.values == [false, true])
  }

  @Test func `some channels of a picture are copied to a place`() {
    let source = Image(width: 2, height: 2, channels: 3, samples: (0..<12).map(Float.init))
    var target = Image(width: 3, height: 2, channels: 2, filledWith: -1)
    target.paste(
      channels: 1..<3, of: source, from: PixelRectangle(x: 1, y: 0, width: 1, height: 2), atX: 2, y: 0)
    #expect(target.samples == [-1, -1, -1, -1, 4, 5, -1, -1, -1, -1, 10, 11])
  }
}
