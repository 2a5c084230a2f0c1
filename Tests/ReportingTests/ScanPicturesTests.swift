import Anomaly
import Imaging
import Reporting
import Testing

struct ScanPicturesTests {
  private func pictures(
    _ layers: ScanLayers, threshold: Double = 3, display: ScanDisplay = .color
  ) -> [PictureName: Picture] {
    var pictures: [PictureName: Picture] = [:]
    ScanPictures(layers, scale: HeatScale(threshold: threshold), display: display).draw { pictures[$0] = $1 }
    return pictures
  }

  private func pixel(_ picture: Picture?, _ x: Int, _ y: Int) -> [UInt8] {
    guard let picture else { return [] }
    let first = (y * picture.width + x) * picture.channels
    return Array(picture.samples[first..<first + picture.channels])
  }

  /// The color that a place of an indexed picture stands for.
  private func color(_ picture: Picture?, _ x: Int, _ y: Int) -> [UInt8] {
    guard let picture, case .indexed(let palette) = picture.color else { return [] }
    let color = palette[Int(picture.samples[y * picture.width + x])]
    return [color.x, color.y, color.z, color.w]
  }

  @Test func `the heatmap is clear below the threshold and outlined above`() {
    let heat = pictures(SampleStudy.layers())[.heatmap]
    #expect(color(heat, 0, 0) == [0, 0, 0, 0])
    #expect(color(heat, 10, 12) == [94, 234, 255, 255])
    #expect(color(heat, 12, 14)[3] == 190)
  }

  @Test func `a value just below the threshold is clear, one at it is not`() {
    #expect(color(pictures(SampleStudy.layers(hot: Float(3).nextDown))[.heatmap], 12, 14)[3] == 0)
    #expect(color(pictures(SampleStudy.layers(hot: 3))[.heatmap], 12, 14)[3] == 190)
    // A threshold that is no sum of sixteenths.
    let threshold = 3.0902323
    #expect(color(pictures(SampleStudy.layers(hot: 3.0902), threshold: threshold)[.heatmap], 12, 14)[3] == 0)
    #expect(color(pictures(SampleStudy.layers(hot: 3.0903), threshold: threshold)[.heatmap], 12, 14)[3] == 190)
  }

  @Test func `the thumbnail is the bare scan where nothing is found`() {
    let drawn = pictures(SampleStudy.layers(background: 2.99))
    #expect(pixel(drawn[.scan], 31, 0) == [255])
    #expect(pixel(drawn[.thumbnail], 31, 0) == [255, 255, 255])
    #expect(Set(pixel(drawn[.thumbnail], 12, 14)).count > 1)
  }

  @Test func `one value has one colour in every scan`() {
    let calm = pictures(SampleStudy.layers(hot: 5))[.heatmap]
    var layers = SampleStudy.layers(hot: 5)
    layers.heatmap.values[0] = 40
    #expect(color(pictures(layers)[.heatmap], 12, 14) == color(calm, 12, 14))
  }

  @Test func `the scale ends six above the threshold`() {
    let top = color(pictures(SampleStudy.layers(hot: 9))[.heatmap], 12, 14)
    #expect(color(pictures(SampleStudy.layers(hot: 90))[.heatmap], 12, 14) == top)
    #expect(color(pictures(SampleStudy.layers(hot: 8))[.heatmap], 12, 14) != top)
  }

  @Test func `up to three channels share the colours of one picture`() {
    let color = pictures(SampleStudy.layers(channels: 3))
    #expect(color[.scan]?.channels == 3)
    #expect(color[.channel(1)] == nil)
    let apart = pictures(SampleStudy.layers(channels: 3), display: .channels)
    #expect(apart[.scan]?.channels == 3 && apart[.reconstruction]?.channels == 3)
    #expect(apart[.channel(1)] == nil)
    let two = pictures(SampleStudy.layers(channels: 2), display: .channels)
    #expect(pixel(two[.scan], 31, 0) == [255, 255, 0])
    #expect(pictures(SampleStudy.layers(channels: 2))[.scan]?.channels == 1)
  }

  @Test(arguments: [255: 255, 200: 200, 1: 255, 0.5: 128, 4000: 255] as [Float: UInt8])
  func `a scan in colour is shown as in its file too`(sample: Float, byte: UInt8) {
    var layers = SampleStudy.layers(channels: 3)
    layers.original = Image(
      width: 32, height: 24, channels: 3, samples: [Float](repeating: sample, count: 32 * 24 * 3))
    let shown = pixel(pictures(layers)[.original], 3, 3)
    #expect(shown == [UInt8](repeating: byte, count: 3))
    #expect(pictures(layers, display: .channels)[.original] == nil)
    #expect(pictures(SampleStudy.layers(channels: 3))[.original] == nil)
  }

  @Test func `more channels have pictures of their own`() {
    let drawn = pictures(SampleStudy.layers(channels: 4), display: .channels)
    #expect(drawn[.scan]?.channels == 1)
    #expect(drawn[.channel(4)]?.channels == 1)
    #expect(drawn[.reconstructedChannel(4)] != nil)
  }

  @Test func `no data is black`() {
    var layers = SampleStudy.layers()
    layers.scan[31, 0] = .nan
    #expect(pixel(pictures(layers)[.scan], 31, 0) == [0])
  }

  @Test func `a large scan is reduced and a single hot pixel survives`() {
    var layers = SampleStudy.layers(width: 4100, height: 16, hot: 0)
    layers.heatmap.values[4099] = 8
    let drawn = pictures(layers)
    #expect(drawn[.scan]?.width == 1367)
    #expect(drawn[.heatmap]?.height == 6)
    #expect(color(drawn[.heatmap], 1366, 0)[3] == 255)
    #expect(drawn[.thumbnail]?.width == 152)
  }
}
