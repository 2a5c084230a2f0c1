import Foundation
import Imaging
import Testing

/// Slides mixed from two stains in known amounts, as light through them would be.
struct StainTests {
  private static let edge = 96

  /// - Parameters:
  ///   - stains: densities of hematoxylin and eosin in red, green and blue.
  ///   - white: light without a slide.
  private static func slide(
    _ stains: [[Double]], strength: [Double] = [1, 1], white: Double = 240, seed: UInt64 = 1
  ) -> Image {
    var generator = SeededGenerator(seed: seed)
    var image = Image(width: edge, height: edge, channels: 3)
    for pixel in 0..<edge * edge {
      let isGlass = pixel % edge < 20
      // Nuclei take hematoxylin, the rest mostly eosin.
      let isNucleus = (pixel % edge / 6 + pixel / edge / 6) % 3 == 0
      let amounts =
        isGlass
        ? [0, 0]
        : isNucleus
          ? [Double.random(in: 0.8...1.2, using: &generator), Double.random(in: 0.0...0.2, using: &generator)]
          : [Double.random(in: 0.0...0.2, using: &generator), Double.random(in: 0.5...0.9, using: &generator)]
      for c in 0..<3 {
        let density = amounts[0] * strength[0] * stains[0][c] + amounts[1] * strength[1] * stains[1][c]
        image.samples[pixel * 3 + c] = Float((white * exp(-density)).rounded())
      }
    }
    return image
  }

  private static let usual = [[0.65, 0.70, 0.29], [0.07, 0.99, 0.11]]
  private static let other = [[0.55, 0.76, 0.35], [0.15, 0.90, 0.25]]

  private static func normalized(_ image: Image, _ method: Normalization.Method) -> Image {
    let normalization = Normalization(method: method)
    return normalization.apply(normalization.parameters(of: [image]), to: image)
  }

  private static func difference(_ a: Image, _ b: Image) -> Float {
    zip(a.samples, b.samples).reduce(0) { $0 + abs($1.0 - $1.1) } / Float(a.samples.count)
  }

  /// What is left are the ends of the angles, a hundredth of the pixels each, and rounding to whole levels.
  @Test func `slides of other dyes, strength and light become alike`() {
    let (a, b) = (Self.slide(Self.usual), Self.slide(Self.other, strength: [1.5, 0.7], white: 60_000))
    let before = Self.difference(Self.normalized(a, .opticalDensity), Self.normalized(b, .opticalDensity))
    let after = Self.difference(Self.normalized(a, .macenko), Self.normalized(b, .macenko))
    #expect(before > 0.1)
    #expect(after < 0.3 * before, "\(after), \(before) before")
  }

  @Test func `optical density is the logarithm of the light that is lost, glass is at 0`() {
    let image = Self.slide(Self.usual)
    let density = Self.normalized(image, .opticalDensity)
    for i in stride(from: 0, to: image.samples.count, by: 31) {
      #expect(abs(density.samples[i] - min(1.5, log(240 / image.samples[i]))) < 1e-4)
    }
    #expect(density.samples[0] == 0)
  }

  @Test func `glass alone has no stains, is left as it is and shows no tissue`() {
    let glass = Image(width: 32, height: 32, channels: 3, filledWith: 243)
    #expect(Self.normalized(glass, .macenko).samples.allSatisfy { abs($0 - 1) < 1e-5 })
    #expect(Normalization.tissue(of: [glass], appearing: .stained)[0].share == 0)
  }

  @Test func `missing light stays missing`() {
    var image = Self.slide(Self.usual)
    image.samples[3 * 50 + 1] = .nan
    for method in [Normalization.Method.macenko, .opticalDensity] {
      let result = Self.normalized(image, method)
      #expect(result.samples[3 * 50 + 1].isNaN)
      #expect(result.samples[153...].allSatisfy { $0.isFinite })
    }
  }

  @Test func `stained tissue is told from glass, which is brighter`() {
    let image = Self.slide(Self.usual)
    let mask = Normalization.tissue(of: [image], appearing: .stained)[0]
    let right = (0..<Self.edge * Self.edge).count { mask.values[$0] == ($0 % Self.edge >= 20) }
    #expect(Double(right) > 0.97 * Double(Self.edge * Self.edge))
    let bright = Normalization.tissue(of: [image])[0]
    #expect((0..<Self.edge).allSatisfy { bright.values[$0 * Self.edge + 5] }, "brightness takes glass for tissue")
  }

  @Test func `eigenvectors are those of the matrix`() {
    let matrix = [[4.0, 1, 0.5], [1, 3, -0.2], [0.5, -0.2, 2]]
    let (values, vectors) = SymmetricMatrix.eigen(matrix)
    for (value, v) in zip(values, vectors) {
      for row in 0..<3 {
        let product = (0..<3).reduce(0.0) { $0 + matrix[row][$1] * v[$1] }
        #expect(abs(product - value * v[row]) < 1e-9)
      }
    }
    #expect(values == values.sorted(by: >))
  }
}

struct HistogramTests {
  /// Foreground in three bands on an empty background, seen by a scanner that maps intensities by `distort`.
  private static func scan(_ distort: (Float) -> Float, seed: UInt64 = 3) -> Image {
    var generator = SeededGenerator(seed: seed)
    var image = Image(width: 80, height: 80, channels: 1)
    for pixel in 0..<6400 where pixel % 80 >= 16 {
      let band = Float(pixel % 3)
      image.samples[pixel] = distort(100 + 60 * band + Float.random(in: 0...20, using: &generator))
    }
    return image
  }

  private static func normalized(_ normalization: Normalization, _ image: Image) -> Image {
    normalization.apply(normalization.parameters(of: [image]), to: image)
  }

  @Test func `scanners that map intensities otherwise give the same histogram`() {
    let normalization = Normalization(method: .histogram).learned(
      from: (0..<4).map { [Self.scan({ $0 }, seed: $0 + 10)] })
    let plain = Self.normalized(normalization, Self.scan { $0 })
    let curved = Self.normalized(normalization, Self.scan { 40 * $0.squareRoot() })
    let largest = zip(plain.samples, curved.samples).map { abs($0 - $1) }.max()!
    #expect(largest < 0.03)
    let linear = Normalization(method: .percentile(99))
    let apart = zip(
      Self.normalized(linear, Self.scan { $0 }).samples,
      Self.normalized(linear, Self.scan { 40 * $0.squareRoot() }).samples
    ).map { abs($0 - $1) }.max()!
    #expect(apart > 0.1)
    #expect(plain.samples.allSatisfy { (0...1.5).contains($0) })
  }

  @Test func `order of intensities is kept, beyond the landmarks too`() {
    let normalization = Normalization(method: .histogram).learned(from: [[Self.scan { $0 }]])
    let parameters = normalization.parameters(of: [Self.scan { $0 }])
    let ramp = Image(width: 60, height: 1, channels: 1, samples: (0..<60).map { Float($0 * 4) })
    let result = normalization.apply(parameters, to: ramp).samples
    #expect(zip(result, result.dropFirst()).allSatisfy { $0 <= $1 })
    #expect(result.first! < 0.1 && result.last! > 0.8)
  }

  @Test func `what the training set gives holds for all scans`() throws {
    let learned = Normalization(method: .percentile(99), scope: .trainingSet).learned(from: [[Self.scan { $0 }]])
    let dim = Self.normalized(learned, Self.scan { 0.5 * $0 })
    let bright = Self.normalized(learned, Self.scan { $0 })
    #expect(abs(dim.samples.max()! / bright.samples.max()! - 0.5) < 1e-3)
    let read = try JSONDecoder().decode(Normalization.self, from: JSONEncoder().encode(learned))
    #expect(read == learned && read.fits(channels: 1) && !read.fits(channels: 2))
    #expect(!Normalization(method: .histogram).fits(channels: 1))
    #expect(!Normalization(method: .percentile(99), scope: .trainingSet).fits(channels: 1))
  }

  @Test func `a constant channel survives`() {
    let flat = Image(width: 4, height: 4, channels: 1, filledWith: 7)
    let normalization = Normalization(method: .histogram).learned(from: [[flat]])
    #expect(Self.normalized(normalization, flat).samples.allSatisfy { $0 < 0.2 })
    // Empty slices among the training scans do not squeeze what the others show.
    let mixed = Normalization(method: .histogram).learned(from: [[Self.scan { $0 }], [flat]])
    let alone = Normalization(method: .histogram).learned(from: [[Self.scan { $0 }]])
    #expect(mixed == alone)
  }
}
