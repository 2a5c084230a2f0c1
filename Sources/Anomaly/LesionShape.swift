import Compute
import Foundation

/// Where a planted lesion lies and how strongly: warped ellipses, alone or in groups, or clouds of specks.
///
/// The sizes are spread evenly on a logarithmic scale; small lesions come in larger numbers.
struct LesionShape: Sendable {
  /// Radii in pixels of the model's grid.
  let radii: ClosedRange<Float>
  /// Edge of a patch in pixels.
  let edge: Int
  /// How far a lesion's border reaches, in pixels: the scale of a logistic function of the distance to it. `nil` makes the
  /// borders of large lesions softer than those of small ones.
  var borders: ClosedRange<Float>?

  private static let mostMasses: Float = 12

  /// Strength of the change at every pixel, in 0...1, `[edge, edge]`; 0 outside tissue.
  func draw(on tissue: UnsafeBufferPointer<UInt8>, using random: inout RandomGenerator) -> [Float] {
    let places = tissue.indices.filter { tissue[$0] != 0 }
    var strength = [Float](repeating: 0, count: edge * edge)
    guard !places.isEmpty else { return strength }
    let radius = radii.lowerBound * exp(random.uniform() * log(radii.upperBound / radii.lowerBound))
    if random.chance(0.5) {
      drawMasses(radius, places: places, into: &strength, using: &random)
    } else {
      drawCloud(radius, places: places, into: &strength, using: &random)
    }
    for i in strength.indices where tissue[i] == 0 || strength[i] < 0.01 { strength[i] = 0 }
    return strength
  }

  private func drawMasses(
    _ radius: Float, places: [Int], into strength: inout [Float], using random: inout RandomGenerator
  ) {
    let count = 1 + Int(random.uniform() * min(Self.mostMasses, 14 / radius))
    let coarse = NoiseField.smooth(cells: cells(128 / radius), edge: edge, using: &random)
    let fine = NoiseField.smooth(cells: cells(256 / radius), edge: edge, using: &random)
    let (coarseWarp, fineWarp) = (0.35 * random.uniform(), 0.2 * random.uniform())
    let softness = random.uniform()
    let grown = (1.5 + 5 * softness) * max(1, radius / 4).squareRoot()
    let sharpness = borders.map { radius / Self.between($0, softness) } ?? grown
    let first = places[random.integer(below: places.count)]
    let scattered = random.chance(0.5)
    for k in 0..<count {
      var (x, y) = (Float(first % edge), Float(first / edge))
      if k > 0, scattered {
        let place = places[random.integer(below: places.count)]
        (x, y) = (Float(place % edge), Float(place / edge))
      } else if k > 0 {
        x += 4 * radius * random.normal()
        y += 4 * radius * random.normal()
      }
      let size = radius * exp(random.uniform(-0.3, 0.3))
      let aspect = exp(random.uniform(-0.5, 0.5))
      let angle = random.uniform(0, .pi)
      let (c, s) = (cos(angle), sin(angle))
      let reach = 3 * size * max(aspect, 1 / aspect) + 2
      for py in within(y - reach, y + reach) {
        for px in within(x - reach, x + reach) {
          let (dx, dy) = (Float(px) - x, Float(py) - y)
          let u = (dx * c + dy * s) / (size * aspect)
          let v = (dy * c - dx * s) * aspect / size
          let i = py * edge + px
          let inside = 1 - (u * u + v * v).squareRoot() + coarseWarp * coarse[i] + fineWarp * fine[i]
          strength[i] = max(strength[i], 1 / (1 + exp(-inside * sharpness)))
        }
      }
    }
  }

  private func drawCloud(
    _ radius: Float, places: [Int], into strength: inout [Float], using random: inout RandomGenerator
  ) {
    let field = NoiseField.smooth(cells: cells(Float(edge) / (2.5 * radius)), edge: edge, using: &random)
    let place = places[random.integer(below: places.count)]
    let (x, y) = (Float(place % edge), Float(place / edge))
    let reach = radius * (2 + 10 * random.uniform())
    let level = 0.6 + 1.2 * random.uniform()
    let softness = random.uniform()
    // The field falls by about its deviation over a radius.
    let sharpness = borders.map { max(3, radius / Self.between($0, softness)) } ?? 3 + 8 * softness
    for py in 0..<edge {
      for px in 0..<edge {
        let (dx, dy) = (Float(px) - x, Float(py) - y)
        let distance = (dx * dx + dy * dy).squareRoot() / reach
        guard distance < 2.5 else { continue }
        let outside = 1 / (1 + exp(4 * (1 - distance)))
        let i = py * edge + px
        strength[i] = 1 / (1 + exp((level + 2 * outside - field[i]) * sharpness))
      }
    }
  }

  /// Pixels between two places, as far as they lie in the patch; none where both lie on one side of it.
  private func within(_ low: Float, _ high: Float) -> Range<Int> {
    let first = Int(min(max(low, 0), Float(edge)))
    return first..<max(first, Int(min(max(high + 1, 0), Float(edge))))
  }

  private static func between(_ range: ClosedRange<Float>, _ share: Float) -> Float {
    range.lowerBound + share * (range.upperBound - range.lowerBound)
  }

  private func cells(_ wanted: Float) -> Int { Int(min(max(wanted, 3), Float(edge) / 2)) }
}
