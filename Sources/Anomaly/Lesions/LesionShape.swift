import Compute
import Foundation
import Numerics

/// Draws the shape and the strength of a planted lesion: warped ellipses, alone or in groups, or clouds of specks.
///
/// Sizes are spread evenly on a logarithmic scale. Small lesions come in larger numbers.
package struct LesionShape: Sendable {
  /// Radii in pixels of the model's grid.
  package let radii: ClosedRange<Float>
  /// Edge of a patch in pixels.
  package let edge: Int
  /// Width of a lesion's border in pixels: the scale of a logistic function of the distance to the border. It is at
  /// most a third of the lesion's radius, so that the lesion's middle is changed in full. `nil` makes the borders of
  /// large lesions softer than those of small ones.
  package let borders: ClosedRange<Float>?

  package init(radii: ClosedRange<Float>, edge: Int, borders: ClosedRange<Float>? = nil) {
    self.radii = radii
    self.edge = edge
    self.borders = borders
  }

  private static let mostMasses: Float = 12
  private static let leastStrength: Float = 0.01
  /// Distance at which a cloud ends, in units of its reach.
  private static let cloudEnd: Float = 2.5

  /// Strength of the change at every pixel, in 0...1, `[edge, edge]`; 0 outside tissue.
  package func draw(on tissue: UnsafeBufferPointer<UInt8>, using random: inout RandomGenerator) -> [Float] {
    let places = tissue.indices.filter { tissue[$0] != 0 }
    var strength = [Float](repeating: 0, count: edge * edge)
    guard !places.isEmpty else { return strength }
    let radius = radii.lowerBound * exp(random.uniform() * log(radii.upperBound / radii.lowerBound))
    if random.chance(0.5) {
      drawMasses(radius, places: places, into: &strength, using: &random)
    } else {
      drawCloud(radius, places: places, into: &strength, using: &random)
    }
    for i in strength.indices where tissue[i] == 0 || strength[i] < Self.leastStrength { strength[i] = 0 }
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
      let sharpness =
        sharpness(radius: size, softness: softness) ?? (1.5 + 5 * softness) * max(1, radius / 4).squareRoot()
      let aspect = exp(random.uniform(-0.5, 0.5))
      let angle = random.uniform(0, .pi)
      let (c, s) = (cos(angle), sin(angle))
      // The warps are normal deviates. The reach covers every pixel whose strength still counts where the warps push
      // the border out by three deviations.
      let farthest = 1 + log(1 / Self.leastStrength) / sharpness + 3 * (coarseWarp + fineWarp)
      // By default, soft lesions end at three radii: networks learned worse when the faint rims beyond were kept.
      let reach = (borders == nil ? 3 : farthest) * size * max(aspect, 1 / aspect) + 2
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
    let sharpness = sharpness(radius: radius, softness: softness) ?? 3 + 8 * softness
    for py in 0..<edge {
      for px in 0..<edge {
        let (dx, dy) = (Float(px) - x, Float(py) - y)
        let distance = (dx * dx + dy * dy).squareRoot() / reach
        guard distance < Self.cloudEnd else { continue }
        let outside = 1 / (1 + exp(4 * (1 - distance)))
        let i = py * edge + px
        // Without fading, the highest noise would reach beyond the end of the cloud.
        let fading = borders == nil ? 1 : min(1, 2 * (Self.cloudEnd - distance))
        strength[i] = fading / (1 + exp((level + 2 * outside - field[i]) * sharpness))
      }
    }
  }

  /// Pixels of the patch between two positions along an axis; empty where both lie on the same side of the patch.
  private func within(_ low: Float, _ high: Float) -> Range<Int> {
    let first = Int(min(max(low, 0), Float(edge)))
    return first..<max(first, Int(min(max(high + 1, 0), Float(edge))))
  }

  private func sharpness(radius: Float, softness: Float) -> Float? {
    borders.map { Self.sharpness(radius: radius, borders: $0, softness: softness) }
  }

  /// Slope of the logistic function of the distance to a border, with the distance in units of the lesion's radius. For
  /// smooth noise, the distance is in units of the noise's deviation, because the noise falls by about one deviation
  /// over a radius.
  ///
  /// - Parameter softness: position within `borders`, in 0...1.
  package static func sharpness(radius: Float, borders: ClosedRange<Float>, softness: Float) -> Float {
    let border = borders.lowerBound + softness * (borders.upperBound - borders.lowerBound)
    return max(3, radius / border)
  }

  private func cells(_ wanted: Float) -> Int { Int(min(max(wanted, 3), Float(edge) / 2)) }
}
