import Compute
import Foundation
import Imaging
import Numerics

/// A few slices of a synthetic head, with or without lesions.
///
/// Scalp, skull and fluid around two hemispheres with a folded cortex, white matter, deep nuclei, ventricles, a midline
/// fissure and vessels. Every case has its own shape, contrast, coil bias and noise. Intensities are like those of a
/// FLAIR image: fluid is dark, gray matter a little brighter than white, scalp and vessels are brightest. The intensity
/// of a lesion also occurs in healthy tissue, but elsewhere.
///
/// Sources: the layout of Collins et al. 1998, doi:10.1109/42.712135 (BrainWeb); noise as in Gudbjartsson & Patz 1995,
/// doi:10.1002/mrm.1910340618.
package struct Phantom: Sendable {
  package struct Slice: Sendable {
    /// Signal with bias and noise, about 0...1, one channel.
    package var image: Image
    /// `lesion` marks pixels where a lesion has half its strength or more, `brain` the brain without its ventricles.
    package var lesion: Plane<Bool>
    package var brain: Plane<Bool>
  }

  /// Width and height in pixels.
  package static let edge = 128
  package static let slicesPerCase = 4
  package static let pixelSize = PixelSize(x: 1700, y: 1700)
  /// Distance between neighbouring slices, in pixels.
  package static let spacing: Float = 5

  package let slices: [Slice]

  /// - Parameter hasLesions: the head and its noise depend only on the seed, not on this.
  package init(seed: UInt64, hasLesions: Bool) {
    var random = RandomGenerator(seed: seed)
    let head = Head(using: &random)
    var noise = RandomGenerator(seed: random.next())
    var lesionRandom = RandomGenerator(seed: random.next())
    let anatomies = (0..<Self.slicesPerCase).map { head.anatomy(slice: $0) }
    let lesions = hasLesions ? Lesion.lesions(in: anatomies, of: head, using: &lesionRandom) : []
    slices = anatomies.enumerated().map { number, anatomy in
      var signal = anatomy.signal
      var mask = [Bool](repeating: false, count: signal.count)
      for lesion in lesions { lesion.grow(in: &signal, mask: &mask, brain: anatomy.brain, slice: number) }
      for i in signal.indices {
        // The magnitude of a complex signal with noise in both parts.
        let real = signal[i] * head.bias[i] + head.noise * noise.normal()
        let imaginary = head.noise * noise.normal()
        signal[i] = (real * real + imaginary * imaginary).squareRoot()
      }
      let image = Image(
        width: Self.edge, height: Self.edge, channels: 1, samples: signal, pixelSize: Self.pixelSize)
      func map(_ values: [Bool]) -> Plane<Bool> { Plane(width: Self.edge, height: Self.edge, values: values) }
      return Slice(image: image, lesion: map(mask), brain: map(anatomy.brain))
    }
  }
}

/// A slice before bias and noise.
private struct Anatomy {
  var signal: [Float]
  var brain: [Bool]
}

/// Shape and contrast of one head; lengths in pixels, intensities in 0...1.
private struct Head {
  let halfWidth: Float
  let halfHeight: Float
  let center: SIMD2<Float>
  let tilt: Float
  let contour: [(amplitude: Float, phase: Float)]
  let level: Float
  let scalpThickness: Float
  let skullThickness: Float
  let ribbon: Float
  let foldDepth: Float
  let foldWidth: Float
  let ventricle: Float
  let nuclei: Float
  let vessels: [(place: SIMD2<Float>, radius: Float)]
  let white: Float
  let gray: Float
  let fluid: Float
  let scalp: Float
  let noise: Float
  let bias: [Float]
  /// Fields in pairs. Turning from one field of a pair to the other from slice to slice makes neighbouring slices
  /// resemble each other.
  private let folds: [[Float]]
  private let grain: [[Float]]
  private let warps: [[Float]]

  init(using random: inout RandomGenerator) {
    func field(_ cells: Int) -> [Float] { NoiseField.smooth(cells: cells, edge: Phantom.edge, using: &random) }
    folds = [field(13), field(13)]
    grain = [field(28), field(28)]
    warps = [field(4), field(4), field(4), field(4)]
    let strength = random.uniform(0.04, 0.1)
    bias = NoiseField.smooth(cells: 1, edge: Phantom.edge, using: &random).map { 1 + strength * $0 }
    halfWidth = random.uniform(45, 52)
    halfHeight = random.uniform(53, 60)
    center = SIMD2(random.uniform(-2, 2), random.uniform(-2, 2)) + Float(Phantom.edge - 1) / 2
    tilt = random.uniform(-0.1, 0.1)
    contour = (0..<3).map { _ in (random.uniform(0, 0.018), random.uniform(0, 2 * .pi)) }
    level = random.uniform(-0.15, 0.15)
    scalpThickness = random.uniform(2.5, 4)
    skullThickness = random.uniform(1.5, 2.5)
    ribbon = random.uniform(3.5, 5)
    foldDepth = random.uniform(7, 10)
    foldWidth = random.uniform(1.2, 1.8)
    ventricle = random.uniform(0.6, 1.6)
    nuclei = random.uniform(0.85, 1.15)
    let homes: [SIMD2<Float>] = [[0, -0.62], [-0.6, 0.05], [0.6, 0.05], [0, 0.7], [-0.3, -0.55], [0.3, -0.55]]
    vessels = homes.filter { _ in random.chance(0.7) }.map {
      ($0 + SIMD2(random.uniform(-0.05, 0.05), random.uniform(-0.05, 0.05)), random.uniform(0.9, 1.8))
    }
    white = random.uniform(0.46, 0.54)
    gray = white + random.uniform(0.09, 0.14)
    fluid = random.uniform(0.12, 0.22)
    scalp = random.uniform(0.85, 1)
    noise = random.uniform(0.015, 0.035)
  }

  /// Share of a pixel that lies inside a boundary, from its signed distance in pixels.
  private static func inside(_ distance: Float) -> Float { 1 / (1 + exp(-2.5 * distance)) }

  func anatomy(slice: Int) -> Anatomy {
    let edge = Phantom.edge
    let t = level + (Float(slice) / Float(Phantom.slicesPerCase - 1) - 0.5)  // about -0.65 (low) to 0.65 (high)
    let turn = 1.2 * Float(slice)
    func turned(_ pair: ArraySlice<[Float]>, by angle: Float, _ i: Int) -> Float {
      cos(angle) * pair.first![i] + sin(angle) * pair.last![i]
    }
    let scale = (1 - 0.35 * t * t).squareRoot()
    let lines = Self.distancesToZero(of: (0..<edge * edge).map { turned(folds[0...1], by: turn / 2, $0) })
    var result = Anatomy(
      signal: [Float](repeating: 0, count: edge * edge), brain: [Bool](repeating: false, count: edge * edge))
    for i in 0..<edge * edge {
      // Position in the head's own frame, warped a little so that the two halves differ.
      let warp = SIMD2(turned(warps[0...1], by: turn / 4, i), turned(warps[2...3], by: turn / 4, i))
      let place = SIMD2(Float(i % edge), Float(i / edge)) - center + 1.2 * warp
      let u = (cos(tilt) * place.x + sin(tilt) * place.y) / scale
      let v = (cos(tilt) * place.y - sin(tilt) * place.x) / scale
      let angle = atan2(v, u)
      let bulge = contour.enumerated().reduce(Float(1)) {
        $0 + $1.element.amplitude * cos(Float($1.offset + 2) * angle + $1.element.phase)
      }
      let radius = ((u / halfWidth) * (u / halfWidth) + (v / halfHeight) * (v / halfHeight)).squareRoot() / bulge
      let depth = (1 - radius) * halfWidth
      let (signal, brain) = tissue(
        at: SIMD2(u, v), depth: depth, level: t, fold: lines[i],
        grain: turned(grain[0...1], by: turn, i))
      result.signal[i] = signal
      result.brain[i] = brain
    }
    return result
  }

  /// Distance in pixels to the lines where a smooth field is zero, to first order.
  private static func distancesToZero(of field: [Float]) -> [Float] {
    let edge = Phantom.edge
    return field.indices.map { i in
      let (x, y) = (i % edge, i / edge)
      let dx = field[y * edge + min(x + 1, edge - 1)] - field[y * edge + max(x - 1, 0)]
      let dy = field[min(y + 1, edge - 1) * edge + x] - field[max(y - 1, 0) * edge + x]
      // The lower bound of the gradient keeps the distance finite where the field is flat.
      return abs(field[i]) / max((dx * dx + dy * dy).squareRoot() / 2, 0.06)
    }
  }

  /// Paints the tissues at a place, from the outside in.
  ///
  /// - Parameters:
  ///   - p: place in the head's frame, in pixels from its center, upright.
  ///   - depth: depth below the skin, in pixels.
  ///   - fold: distance to the nearest furrow, in pixels.
  private func tissue(
    at p: SIMD2<Float>, depth: Float, level t: Float, fold: Float, grain: Float
  ) -> (signal: Float, isBrain: Bool) {
    var value: Float = 0
    func paint(_ intensity: Float, _ share: Float) { value += (intensity - value) * share }
    let inside = Self.inside
    let q = SIMD2(p.x / halfWidth, p.y / halfHeight)

    paint(scalp * (1 + 0.06 * grain), inside(depth))
    paint(0.12, inside(depth - scalpThickness))
    paint(fluid, inside(depth - scalpThickness - skullThickness))
    let brainDepth = depth - scalpThickness - skullThickness - 0.8
    // The surface of the brain folds inward along lines.
    let folded = brainDepth - foldDepth * exp(-(fold / foldWidth) * (fold / foldWidth))
    paint(gray * (1 + 0.03 * grain), inside(folded))
    paint(white * (1 + 0.03 * grain), inside(folded - ribbon))

    let ends = inside(abs(p.y) - 0.36 * halfHeight) * inside(brainDepth)
    paint(gray, inside(3.5 - abs(p.x)) * ends)
    let fissure = inside(0.8 - abs(p.x)) * ends
    paint(fluid, fissure)

    /// Approximate signed distance to a pair of mirrored ellipses.
    func pair(_ x: Float, _ y: Float, _ width: Float, _ height: Float, tilt: Float) -> Float {
      let dx = abs(q.x) - x
      let dy = q.y - y
      let a = (dx * cos(tilt) + dy * sin(tilt)) / width
      let b = (dy * cos(tilt) - dx * sin(tilt)) / height
      return (1 - (a * a + b * b).squareRoot()) * min(width * halfWidth, height * halfHeight)
    }
    let deep = max(0, 1 - t * t / 0.3)  // nuclei and third ventricle show only in the middle slices
    paint(gray * 0.97 * (1 + 0.03 * grain), inside(pair(0.17, 0.1, 0.11 * nuclei, 0.13 * nuclei, tilt: 0.3)) * deep)
    paint(gray * 1.04 * (1 + 0.03 * grain), inside(pair(0.36, -0.02, 0.08 * nuclei, 0.17 * nuclei, tilt: -0.2)) * deep)
    let open = ventricle * max(0.35, 1 - t * t)
    let horns = pair(0.12, -0.12 - 0.05 * t, 0.055 * open, 0.19 * open.squareRoot(), tilt: 0.35)
    let trigone = pair(0.24, 0.3, 0.06 * open * (1 - t), 0.14 * open.squareRoot(), tilt: -0.45)
    let ventricles = max(inside(max(horns, trigone)), inside(1.3 * ventricle - abs(p.x)) * inside(6 - abs(p.y)) * deep)
    paint(fluid * (1 + 0.03 * grain), ventricles)
    for vessel in vessels {
      let d = SIMD2((q.x - vessel.place.x) * halfWidth, (q.y - vessel.place.y) * halfHeight)
      paint(0.95 * scalp, inside(vessel.radius - (d * d).sum().squareRoot()))
    }
    return (value, brainDepth > 0 && ventricles < 0.5 && fissure < 0.5)
  }
}

/// A growth with a lobed outline that replaces the tissue it lies in.
private struct Lesion {
  let center: SIMD2<Float>
  /// The slice in which the lesion is largest.
  let slice: Int
  let radius: Float
  let elongation: SIMD2<Float>
  let lobes: [(amplitude: Float, phase: Float)]
  /// Half the width of the lesion's rim, in pixels.
  let softness: Float
  let intensity: Float
  /// How much of the tissue beneath the lesion still shows, in 0...1.
  let transparency: Float

  /// One to three lesions at random places of the brain, the first in one of the inner slices.
  static func lesions(in anatomies: [Anatomy], of head: Head, using random: inout RandomGenerator) -> [Lesion] {
    (0..<1 + random.integer(below: 3)).map { _ in
      let slice = random.integer(below: anatomies.count)
      let places = anatomies[slice].brain.indices.filter { anatomies[slice].brain[$0] }
      let place = places[random.integer(below: places.count)]
      let shape = random.uniform(0.75, 1.3)
      // The lesion is brighter than white matter, from gray matter to vessels, or darker, down to fluid.
      let intensity =
        random.chance(0.5)
        ? head.white + random.uniform(0.17, 0.38) : max(head.fluid, head.white - random.uniform(0.14, 0.36))
      return Lesion(
        center: SIMD2(Float(place % Phantom.edge), Float(place / Phantom.edge)), slice: slice,
        radius: random.uniform(3, 14), elongation: SIMD2(shape, 1 / shape),
        lobes: (0..<4).map { _ in (random.uniform(0, 0.14), random.uniform(0, 2 * .pi)) },
        softness: random.uniform(0.6, 2.5), intensity: intensity, transparency: random.uniform(0, 0.3))
    }
  }

  /// Draws the lesion, in the brain only, and in neighbouring slices as far as a ball of its radius would reach.
  func grow(in signal: inout [Float], mask: inout [Bool], brain: [Bool], slice: Int) {
    let away = Phantom.spacing * Float(slice - self.slice)
    let reach = (max(0, radius * radius - away * away)).squareRoot()
    guard reach >= 2 else { return }
    for i in signal.indices where brain[i] {
      let d = (SIMD2(Float(i % Phantom.edge), Float(i / Phantom.edge)) - center) * elongation
      let distance = (d * d).sum().squareRoot()
      let angle = atan2(d.y, d.x)
      let outline = lobes.enumerated().reduce(Float(1)) {
        $0 + $1.element.amplitude * cos(Float($1.offset + 2) * angle + $1.element.phase)
      }
      let share = min(max(0.5 + (reach * outline - distance) / (2 * softness), 0), 1)
      guard share > 0 else { continue }
      let strength = share * share * (3 - 2 * share)
      signal[i] += (intensity - signal[i]) * strength * (1 - transparency)
      if strength >= 0.5 { mask[i] = true }
    }
  }
}
