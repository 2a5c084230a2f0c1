import Foundation
import Imaging
import Testing

struct NormalizationTests {
  /// Nine tenths background, one tenth tissue rising to `peak`.
  private func scan(background: Float = 0, peak: Float, channels: Int = 1) -> Image {
    var image = Image(width: 100, height: 100, channels: channels, filledWith: background)
    for pixel in 0..<1000 {
      for channel in 0..<channels {
        image.samples[pixel * channels + channel] = background + (peak - background) * Float(pixel + 1) / 1000
      }
    }
    return image
  }

  @Test(arguments: [Float(1), 255, 4095, 65535])
  func `a percentile of the foreground becomes one at every bit depth`(peak: Float) throws {
    let normalization = Normalization(method: .percentile(99))
    let image = scan(peak: peak)
    let parameters = normalization.parameters(of: [image])
    #expect(parameters.offset == [0])
    // 950 foreground values from 0.051 to 1 of the peak: the 99th percentile is near 0.9905.
    #expect(abs(parameters.scale[0] / peak - 0.9905) < 0.002)
    let result = normalization.apply(parameters, to: image)
    #expect(abs((result.samples.max() ?? 0) - 1.0096) < 0.003)
    #expect(result.samples.min() == 0)
  }

  @Test func `a background that is not zero becomes zero`() {
    let normalization = Normalization(method: .percentile(99))
    let image = scan(background: 1000, peak: 3000)
    let result = normalization.apply(normalization.parameters(of: [image]), to: image)
    #expect(result.samples[9999] == 0)
    #expect(abs((result.samples.max() ?? 0) - 1.0096) < 0.003)
  }

  @Test func `scans of a case share their parameters`() {
    let normalization = Normalization(method: .percentile(99), scope: .wholeCase)
    let (dark, bright) = (scan(peak: 100), scan(peak: 1000))
    let parameters = normalization.parameters(of: [dark, bright])
    let (a, b) = (normalization.apply(parameters, to: dark), normalization.apply(parameters, to: bright))
    #expect(abs((b.samples.max() ?? 0) / (a.samples.max() ?? 0) - 10) < 1e-3)
  }

  @Test func `a constant channel is not scaled and no data stays no data`() {
    for method in [Normalization.Method.percentile(99), .window(low: 7, high: 7), .none] {
      let normalization = Normalization(method: method)
      let image = Image(width: 3, height: 1, channels: 1, samples: [7, 7, .nan])
      let parameters = normalization.parameters(of: [image])
      #expect(parameters.scale == [1])
      let result = normalization.apply(parameters, to: image)
      #expect(result.samples[0].isFinite && result.samples[0] == result.samples[1])
      #expect(result.samples[2].isNaN)
    }
    let empty = Image(width: 2, height: 1, channels: 1, samples: [.nan, .nan])
    #expect(Normalization().parameters(of: [empty]).scale == [1])
  }

  @Test func `a window maps its ends to zero and one and clips`() {
    let normalization = Normalization(method: .window(low: -160, high: 240))
    let image = Image(width: 4, height: 1, channels: 1, samples: [-1000, -160, 40, 3000])
    #expect(normalization.apply(normalization.parameters(of: [image]), to: image).samples == [0, 0, 0.5, 1])
  }

  @Test func `by standard scores the foreground has mean 0.5 and deviation 0.12`() {
    let normalization = Normalization(method: .standardScore)
    let image = scan(peak: 800, channels: 2)
    let result = normalization.apply(normalization.parameters(of: [image]), to: image)
    let foreground = stride(from: 0, to: 2000, by: 2).map { Double(result.samples[$0]) }.dropFirst(51)
    let mean = foreground.reduce(0, +) / Double(foreground.count)
    let variance = foreground.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(foreground.count)
    #expect(abs(mean - 0.5) < 0.002)
    #expect(abs(variance.squareRoot() - 0.12) < 0.001)
  }

  @Test func `large cases are sampled to the same answer`() {
    var generator = SeededGenerator(seed: 4)
    let images = (0..<4).map { _ in
      Image(
        width: 700, height: 700, channels: 1,
        samples: (0..<490_000).map { _ in Float.random(in: 0...100, using: &generator) })
    }
    let parameters = Normalization(method: .percentile(50)).parameters(of: images)
    // The foreground is 5...100; its median 52.5, of which a quarter of a million values know 0.1 %.
    #expect(abs(parameters.scale[0] + parameters.offset[0] - 52.5) < 0.4)
    #expect(Normalization(method: .percentile(50)).parameters(of: images) == parameters)
  }

  @Test func `it survives JSON`() throws {
    for method in [Normalization.Method.percentile(99.5), .window(low: -1, high: 2), .standardScore, .none] {
      let normalization = Normalization(method: method, scope: .wholeCase)
      let data = try JSONEncoder().encode(normalization)
      #expect(try JSONDecoder().decode(Normalization.self, from: data) == normalization)
    }
    let parameters = Normalization().parameters(of: [scan(peak: 9)])
    let data = try JSONEncoder().encode(parameters)
    #expect(try JSONDecoder().decode(NormalizationParameters.self, from: data) == parameters)
  }
}
