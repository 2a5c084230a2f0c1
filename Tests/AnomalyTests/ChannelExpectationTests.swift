import Anomaly
import Compute
import Foundation
import Imaging
import Numerics
import Testing

struct ChannelExpectationTests {
  private static let edge = 48

  /// Two channels in a disk of tissue: the second is the square of the first, with noise that grows with the first.
  private static func scan(seed: UInt64, lesion: Float = 0) -> PreparedScan {
    var random = RandomGenerator(seed: seed)
    let field = NoiseField.smooth(cells: 6, edge: edge, using: &random)
    var image = Image(width: edge, height: edge, channels: 2)
    var tissue = TissueMask(width: edge, height: edge, filledWith: false)
    for i in field.indices {
      let first = 0.5 + 0.12 * field[i]
      image.samples[2 * i] = first
      image.samples[2 * i + 1] = first * first + 0.02 * (0.5 + first) * random.normal()
      let (x, y) = (i % edge - edge / 2, i / edge - edge / 2)
      tissue.values[i] = x * x + y * y < 22 * 22
      if isLesion(i) { image.samples[2 * i + 1] += lesion }
    }
    return PreparedScan(image: image, tissue: tissue)
  }

  private static func isLesion(_ pixel: Int) -> Bool {
    (20..<26).contains(pixel % edge) && (20..<26).contains(pixel / edge)
  }

  private static func deviations(of scan: PreparedScan, by expectation: ChannelExpectation) throws -> [Float] {
    let engine = try Engine()
    let shape = Shape(1, scan.image.height, scan.image.width, scan.image.channels)
    let (values, result) = (try Tensor(shape, engine: engine), try Tensor(shape, engine: engine))
    for i in values.values.indices { values.values[i] = scan.image.samples[i] }
    scan.depth.values.withUnsafeBufferPointer { expectation.fill(result, of: values, depth: $0) }
    return Array(result.values)
  }

  private static func expectation() throws -> ChannelExpectation {
    try #require(ChannelExpectation(of: (0..<12).map { scan(seed: $0) }))
  }

  @Test func `a channel that another gives away deviates only where that is not so`() throws {
    let expectation = try Self.expectation()
    #expect(expectation.explained[1] > 0.9, "\(expectation.explained)")
    let scan = Self.scan(seed: 90, lesion: 0.3)
    let deviations = try Self.deviations(of: scan, by: expectation)
    let inside = scan.depth.values.indices.filter { scan.depth.values[$0] > 3 }
    let healthy = inside.filter { !Self.isLesion($0) }.map { abs(deviations[2 * $0 + 1]) }
    let lesion = inside.filter(Self.isLesion).map { deviations[2 * $0 + 1] }
    #expect(healthy.median() < 2, "\(healthy.median())")
    #expect(Float(lesion.median()) > 3 * Float(healthy.median()), "\(lesion.median()), \(healthy.median())")
  }

  /// The noise of the second channel grows with the first; a spread that were the same everywhere would leave that.
  @Test func `deviations are in spreads that follow the other channels`() throws {
    let expectation = try Self.expectation()
    var (low, high): ([Float], [Float]) = ([], [])
    for seed in UInt64(50)..<54 {
      let scan = Self.scan(seed: seed)
      let deviations = try Self.deviations(of: scan, by: expectation)
      for i in scan.depth.values.indices where scan.depth.values[i] > 3 {
        if scan.image.samples[2 * i] < 0.4 { low.append(abs(deviations[2 * i + 1])) }
        if scan.image.samples[2 * i] > 0.6 { high.append(abs(deviations[2 * i + 1])) }
      }
    }
    let ratio = high.median() / low.median()
    #expect(ratio > 0.75 && ratio < 1.33, "\(ratio)")
  }

  @Test func `outside tissue nothing deviates`() throws {
    let scan = Self.scan(seed: 91)
    let deviations = try Self.deviations(of: scan, by: Self.expectation())
    for i in scan.depth.values.indices where scan.depth.values[i] == 0 {
      #expect(deviations[2 * i] == 0 && deviations[2 * i + 1] == 0)
    }
  }

  @Test func `one channel, seventeen, and copies of one channel give no expectation`() {
    func scans(channels: Int, copies: Bool) -> [PreparedScan] {
      (UInt64(0)..<6).map { seed in
        var random = RandomGenerator(seed: seed)
        var image = Image(width: Self.edge, height: Self.edge, channels: channels)
        for pixel in 0..<Self.edge * Self.edge {
          let value = 0.5 + 0.1 * random.normal()
          for c in 0..<channels { image.samples[pixel * channels + c] = copies ? value : value + 0.1 * random.normal() }
        }
        return PreparedScan(
          image: image, tissue: TissueMask(width: Self.edge, height: Self.edge, filledWith: true))
      }
    }
    #expect(ChannelExpectation(of: scans(channels: 1, copies: false)) == nil)
    #expect(ChannelExpectation(of: scans(channels: 17, copies: false)) == nil)
    #expect(ChannelExpectation(of: scans(channels: 3, copies: true)) == nil)
    #expect(ChannelExpectation(of: scans(channels: 3, copies: false)) != nil)
    #expect(ChannelExpectation(of: []) == nil)
  }

  @Test func `what a file holds fits its channels or is found out`() throws {
    let expectation = try Self.expectation()
    let again = try JSONDecoder().decode(ChannelExpectation.self, from: JSONEncoder().encode(expectation))
    #expect(again == expectation && again.fits(channels: 2) && !again.fits(channels: 3))
    let text = String(decoding: try JSONEncoder().encode(expectation), as: UTF8.self)
    for (key, damage) in [("explained", "[1e300,0.5]"), ("explained", "[0.5]"), ("deviations", "[1,1,1e-45,1,1]")] {
      let start = try #require(text.range(of: "\"\(key)\":["))
      let end = try #require(text[start.upperBound...].firstIndex(of: "]"))
      let damaged = text[..<start.lowerBound] + "\"\(key)\":\(damage)" + text[text.index(after: end)...]
      let found = try JSONDecoder().decode(ChannelExpectation.self, from: Data(damaged.utf8))
      #expect(!found.fits(channels: 2), "\(key)")
    }
  }

  @Test func `a channel that does not vary is not explained, and deviates nowhere`() throws {
    func blank(_ scan: PreparedScan) -> PreparedScan {
      var image = scan.image
      for pixel in 0..<Self.edge * Self.edge { image.samples[2 * pixel + 1] = 0.25 }
      return PreparedScan(image: image, tissue: scan.tissue)
    }
    let expectation = try #require(ChannelExpectation(of: (0..<12).map { blank(Self.scan(seed: $0)) }))
    #expect(expectation.explained[1] == 0 && expectation.fits(channels: 2))
    let deviations = try Self.deviations(of: blank(Self.scan(seed: 92)), by: expectation)
    #expect(deviations.allSatisfy { $0.isFinite })
    #expect(stride(from: 1, to: deviations.count, by: 2).allSatisfy { abs(deviations[$0]) < 0.1 })
  }
}
