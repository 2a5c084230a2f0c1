import Anomaly
import Compute
import Foundation
import Imaging
import Numerics
import Testing

struct LocalTextureTests {
  private static let edge = 64

  /// Coarse structure all over a disk of tissue; in the lesion, if there is one, finer structure of the same mean and
  /// spread.
  private static func scan(seed: UInt64, channels: Int = 1, hasLesion: Bool = false) -> PreparedScan {
    var random = RandomGenerator(seed: seed)
    var image = Image(width: edge, height: edge, channels: channels)
    var tissue = TissueMask(width: edge, height: edge, filledWith: false)
    for c in 0..<channels {
      let coarse = NoiseField.smooth(cells: 8, edge: edge, using: &random)
      let fine = NoiseField.smooth(cells: 32, edge: edge, using: &random)
      for i in coarse.indices {
        image.samples[i * channels + c] = 0.5 + 0.1 * (hasLesion && isLesion(i) ? fine[i] : coarse[i])
      }
    }
    for i in tissue.values.indices {
      let (x, y) = (i % edge - edge / 2, i / edge - edge / 2)
      tissue.values[i] = x * x + y * y < 30 * 30
    }
    return PreparedScan(image: image, tissue: tissue)
  }

  private static func isLesion(_ pixel: Int) -> Bool {
    (24..<40).contains(pixel % edge) && (24..<40).contains(pixel / edge)
  }

  private static func texture(channels: Int = 1) throws -> LocalTexture {
    try #require(LocalTexture(of: (100..<140).map { scan(seed: $0, channels: channels) }))
  }

  /// `[pixels, count]`.
  private static func described(_ scan: PreparedScan, by texture: LocalTexture) throws -> [[Float]] {
    let engine = try Engine()
    let (h, w) = (scan.image.height, scan.image.width)
    let values = try Tensor(Shape(1, h, w, scan.image.channels), engine: engine)
    let result = try Tensor(Shape(1, h, w, LocalTexture.count), engine: engine)
    for i in values.values.indices { values.values[i] = scan.image.samples[i] }
    scan.depth.values.withUnsafeBufferPointer { texture.fill(result, of: values, depth: $0, units: [scan.sharedUnits]) }
    let all = Array(result.values)
    return (0..<h * w).map { Array(all[$0 * LocalTexture.count..<($0 + 1) * LocalTexture.count]) }
  }

  @Test(arguments: [1, 3]) func `texture that healthy tissue lacks stands out, though no intensity does`(
    channels: Int
  ) throws {
    let texture = try Self.texture(channels: channels)
    let scan = Self.scan(seed: 90, channels: channels, hasLesion: true)
    let found = try Self.described(scan, by: texture).map { $0[0] }
    let inside = scan.depth.values.indices.filter { scan.depth.values[$0] > 4 }
    let (lesion, healthy) = (inside.filter(Self.isLesion), inside.filter { !Self.isLesion($0) })
    // The coarse levels of the pyramid see the lesion from afar.
    let (inLesion, beside) = (lesion.map { found[$0] }.median(), healthy.map { found[$0] }.median())
    #expect(inLesion > 2 && inLesion > beside + 1, "\(inLesion), \(beside)")
    let other = Self.scan(seed: 91, channels: channels)
    let usual = try Self.described(other, by: texture)
    let values = inside.map { usual[$0][0] }
    #expect(abs(values.median()) < 1, "\(values.median())")
  }

  /// The normalized scans have one contrast; their units tell what it was before.
  @Test func `a scan that had far more contrast than all others stands out`() throws {
    func scan(seed: UInt64, contrast: Float) -> PreparedScan {
      var scan = Self.scan(seed: seed)
      scan.sharedUnits = SharedUnits(gains: [10 * contrast], offsets: [-5 * contrast])
      return scan
    }
    let texture = try #require(
      LocalTexture(of: (100..<140).map { scan(seed: $0, contrast: 1 + 0.02 * Float($0 % 10)) }))
    func median(contrast: Float) throws -> Float {
      try Self.described(scan(seed: 91, contrast: contrast), by: texture).map { $0[0] }.filter { $0 != 0 }.median()
    }
    let (usual, strong) = (try median(contrast: 1.1), try median(contrast: 3))
    #expect(abs(usual) < 1 && strong > 2, "\(usual), \(strong)")
  }

  /// Structure of one size all over a picture of any size.
  private static func scan(seed: UInt64, width: Int, height: Int) -> PreparedScan {
    var random = RandomGenerator(seed: seed)
    let field = NoiseField.smooth(cells: 16, edge: 128, using: &random)
    let image = Image(width: 128, height: 128, channels: 1, samples: field.map { 0.5 + 0.1 * $0 })
      .cropped(to: PixelRectangle(x: 0, y: 0, width: width, height: height))
    return PreparedScan(image: image, tissue: TissueMask(width: width, height: height, filledWith: true))
  }

  /// Small pictures lack the coarse levels of larger ones.
  @Test(arguments: [(88, 88), (64, 128), (128, 128)])
  func `texture learned from scans of one size is usual in patches of another`(width: Int, height: Int) throws {
    let texture = try #require(
      LocalTexture(of: (0..<12).map { Self.scan(seed: $0, width: width, height: height) }))
    for edge in [96, 128] {
      let found = try Self.described(Self.scan(seed: 95, width: edge, height: edge), by: texture).map { $0[0] }
      #expect(abs(found.median()) < 1.5, "\(edge): \(found.median())")
    }
  }

  @Test(arguments: [(1, 1), (3, 70), (5, 7), (90, 33)])
  func `a picture of any size has a description`(width: Int, height: Int) throws {
    let found = try Self.described(Self.scan(seed: 96, width: width, height: height), by: Self.texture())
    #expect(found.count == width * height && found.joined().allSatisfy(\.isFinite))
  }

  @Test func `what is not tissue has no texture, and no value is without end`() throws {
    let scan = Self.scan(seed: 92)
    let found = try Self.described(scan, by: Self.texture())
    for (pixel, values) in found.enumerated() {
      #expect(values.allSatisfy(\.isFinite) && (scan.depth.values[pixel] > 0 || values.allSatisfy { $0 == 0 }))
    }
  }

  @Test func `five channels, and few cells, give no texture`() {
    #expect(LocalTexture(of: []) == nil)
    #expect(LocalTexture(of: (0..<12).map { Self.scan(seed: $0, channels: 5) }) == nil)
    #expect(LocalTexture(of: (0..<3).map { Self.scan(seed: $0) }) == nil)
  }

  @Test func `a scan without any structure is described by finite numbers`() throws {
    let flat = PreparedScan(
      image: Image(width: Self.edge, height: Self.edge, channels: 1, filledWith: 0.4),
      tissue: TissueMask(width: Self.edge, height: Self.edge, filledWith: true))
    #expect(try Self.described(flat, by: Self.texture()).joined().allSatisfy(\.isFinite))
    let constant = try #require(LocalTexture(of: (0..<12).map { _ in flat }))
    let (fits, found) = (constant.fits(channels: 1), try Self.described(Self.scan(seed: 93), by: constant))
    #expect(fits && found.joined().allSatisfy(\.isFinite))
  }

  @Test func `what a file holds fits its channels or is found out`() throws {
    let texture = try Self.texture()
    let again = try JSONDecoder().decode(LocalTexture.self, from: JSONEncoder().encode(texture))
    #expect(again == texture && again.fits(channels: 1) && !again.fits(channels: 2))
    let text = String(decoding: try JSONEncoder().encode(texture), as: UTF8.self)
    for (key, damage) in [("centers", "[1e30]"), ("spreads", "[0]"), ("variances", "[1,2]"), ("means", "[]")] {
      let start = try #require(text.range(of: "\"\(key)\":["))
      let end = try #require(text[start.upperBound...].firstIndex(of: "]"))
      let damaged = text[..<start.lowerBound] + "\"\(key)\":\(damage)" + text[text.index(after: end)...]
      let found = try JSONDecoder().decode(LocalTexture.self, from: Data(damaged.utf8))
      #expect(!found.fits(channels: 1), "\(key)")
    }
  }

  @Test func `the principal directions of a matrix are its eigenvectors, the largest first`() {
    let found = SquareMatrix.principal([[2, 1, 0], [1, 2, 0], [0, 0, 5]], count: 2)
    #expect(zip(found.values, [5, 3]).allSatisfy { abs($0 - $1) < 1e-9 })
    for (vector, expected) in zip(found.vectors, [[0, 0, 1], [0.70710678, 0.70710678, 0]]) {
      #expect(zip(vector, expected).allSatisfy { abs(abs($0) - $1) < 1e-6 }, "\(vector)")
    }
  }
}
