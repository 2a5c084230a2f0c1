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

  @Test func `the heatmap is clear below the threshold and outlined above`() {
    let heat = pictures(SampleStudy.layers())[.heatmap]
    #expect(pixel(heat, 0, 0) == [0, 0, 0, 0])
    #expect(pixel(heat, 10, 12) == [94, 234, 255, 255])
    #expect(pixel(heat, 12, 14)[3] == 190)
  }

  @Test func `the overlay is the bare scan where nothing is found`() {
    let drawn = pictures(SampleStudy.layers(background: 2.99))
    let gray = pixel(drawn[.scan], 31, 0)
    #expect(gray == [255])
    #expect(pixel(drawn[.overlay], 31, 0) == [255, 255, 255])
    #expect(pixel(drawn[.overlay], 12, 14) != [99, 99, 99])
  }

  @Test func `one value has one colour in every scan`() {
    let calm = pictures(SampleStudy.layers(hot: 5))[.heatmap]
    var layers = SampleStudy.layers(hot: 5)
    layers.heatmap.values[0] = 40
    #expect(pixel(pictures(layers)[.heatmap], 12, 14) == pixel(calm, 12, 14))
  }

  @Test func `the scale ends six above the threshold`() {
    let top = pixel(pictures(SampleStudy.layers(hot: 9))[.heatmap], 12, 14)
    #expect(pixel(pictures(SampleStudy.layers(hot: 90))[.heatmap], 12, 14) == top)
    #expect(pixel(pictures(SampleStudy.layers(hot: 8))[.heatmap], 12, 14) != top)
  }

  @Test func `three channels are shown in colour or apart`() {
    let color = pictures(SampleStudy.layers(channels: 3))
    #expect(color[.scan]?.channels == 3)
    #expect(color[.channel(1)] == nil)
    let apart = pictures(SampleStudy.layers(channels: 3), display: .channels)
    #expect(apart[.scan]?.channels == 1)
    #expect(apart[.channel(3)]?.channels == 1)
    #expect(apart[.reconstructedChannel(3)] != nil)
    #expect(pictures(SampleStudy.layers(channels: 2))[.scan]?.channels == 1)
  }

  @Test func `the difference is middle gray where the model agrees and black outside tissue`() {
    var layers = SampleStudy.layers()
    layers.scan[5, 0] += 0.2
    layers.reconstruction[6, 0] += 0.2
    layers.tissue[7] = false
    let difference = pictures(layers)[.difference]
    #expect(pixel(difference, 4, 0) == [128])
    #expect(pixel(difference, 5, 0) == [179])
    #expect(pixel(difference, 6, 0) == [77])
    #expect(pixel(difference, 7, 0) == [0])
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
    #expect(pixel(drawn[.heatmap], 1366, 0)[3] == 255)
    #expect(drawn[.thumbnail]?.width == 152)
  }
}
