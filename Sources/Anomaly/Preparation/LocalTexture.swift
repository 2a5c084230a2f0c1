import Compute
import Foundation
import Imaging
import Numerics
import Threads

/// How unusual the texture around each pixel is among healthy tissue.
///
/// Texture is described on cells of 8 x 8 pixels by a `TexturePyramid` of each channel: every map, and for energies also
/// the logarithm. Plain energies show strong structure that is rare, logarithms small changes of faint texture. Healthy
/// cells are taken to be normally distributed; the principal components of their covariance describe a cell in few
/// numbers, and its Mahalanobis distance from the mean says how unusual it is. Nothing is learned by steps. Intensities
/// are in the units that scans share, where they share some. Source of a Gaussian of local features as a measure of
/// abnormality: Defard et al. 2021, arXiv:2011.08785.
package struct LocalTexture: Codable, Sendable, Equatable {
  /// Center and spread of each channel over healthy tissue, in shared units or in normalized intensity.
  private let centers: [Float]
  private let spreads: [Float]
  /// Added to an energy before its logarithm, by channel and map; 0 for maps with a sign.
  private let floors: [[Float]]
  /// Mean and standard deviation over healthy cells of the numbers that describe a cell.
  private let means: [Float]
  private let deviations: [Float]
  /// Principal directions of the standardized numbers, the one with the largest variance first, and these variances.
  private let directions: [[Float]]
  private let variances: [Float]
  /// Mean variance in all other directions.
  private let rest: Float
  /// Mean and standard deviation of the logarithm of the distance over healthy cells.
  private var middle: Float
  private var scatter: Float

  /// Number of components that a cell is described by.
  static let components = 16
  /// Number of values that `fill` gives a pixel: how unusual its texture is, and the components.
  package static let count = 1 + components
  private static let levels = 5
  private static let cell = 8
  /// Which maps of a pyramid are energies.
  private static let areEnergies = TexturePyramid.areEnergies(levels: levels)
  /// Directions that the distance tells apart.
  private static let directionCount = 48
  private static let mostChannels = 4
  private static let mostCells = 16_000
  /// The most scans that are learned from, and the longest edge of the part that is looked at of each.
  private static let mostScans = 1_000
  private static let longestEdge = 256
  /// Shorter edges are continued by reflection, so that pictures of all sizes have all levels.
  private static let leastEdge = 96
  private static let fewestCells = 500
  /// With fewer cells for each map, healthy cells that were not learned from would seem unusual.
  private static let cellsPerMap = 8
  /// Intensities, in spreads, and standardized numbers beyond these ranges count as their ends.
  private static let intensityRange: ClosedRange<Float> = -6...6
  private static let numberRange: ClosedRange<Float> = -6...10
  private static let resultRange: ClosedRange<Float> = -6...12
  /// Share of the median energy that is added before the logarithm.
  private static let floorShare: Float = 0.1
  /// Added to every variance, so that directions in which healthy cells hardly differ do not rule the distance.
  private static let ridge: Float = 0.1
  private static let leastDeviation: Float = 1e-6
  private static let leastDistance: Float = 1e-6

  private typealias Lanes = SIMD16<Float>

  private var channels: Int { centers.count }

  /// Learns from healthy scans.
  ///
  /// - Returns: `nil` where there are more than 4 channels, or fewer than 500 cells, or 8 for each map, to learn from.
  package init?(of scans: [PreparedScan]) {
    let c = scans.first?.image.channels ?? 0
    guard (1...Self.mostChannels).contains(c) else { return nil }
    let scans = stride(from: 0, to: scans.count, by: (scans.count + Self.mostScans - 1) / Self.mostScans)
      .map { scans[$0] }
    let perScan = max(1, Self.mostCells / scans.count)
    let (centers, spreads) = Self.intensities(of: scans, channels: c)
    let found = Parallel.map(scans.count) { k -> [[Float]] in
      let part = Self.part(of: scans[k], number: k)
      let (width, height) = (part.width, part.height)
      let depth = scans[k].depth.cropped(to: part)
      let maps = Self.maps(
        of: scans[k].image.cropped(to: part), units: scans[k].sharedUnits, centers: centers, spreads: spreads)
      let (columns, rows) = (Self.cells(width), Self.cells(height))
      let inside = (0..<columns * rows).filter { i in
        let (x, y) = (i % columns * Self.cell + Self.cell / 2, i / columns * Self.cell + Self.cell / 2)
        return x < width && y < height && depth[x, y] > 0
      }
      let count = min(perScan, inside.count)
      return (0..<count).map { i in
        let place = inside[(2 * i + 1) * inside.count / (2 * count)]
        return maps.map { $0.values[place] }
      }
    }.flatMap { $0 }
    let mapCount = Self.areEnergies.count
    guard found.count >= Self.fewestCells, found.count >= Self.cellsPerMap * c * mapCount else { return nil }
    let floors = (0..<c).map { channel in
      (0..<mapCount).map { map -> Float in
        guard Self.areEnergies[map] else { return 0 }
        return Self.floorShare * found.map { $0[channel * mapCount + map] }.median() + 1e-6
      }
    }
    let numbers = found.map { Self.numbers($0, floors: floors) }
    let columns = numbers[0].indices
    let means = columns.map { k in Float(numbers.reduce(0.0) { $0 + Double($1[k]) } / Double(numbers.count)) }
    let deviations = columns.map { k -> Float in
      let squares = numbers.reduce(0.0) { sum, row in
        let rest = Double(row[k] - means[k])
        return sum + rest * rest
      }
      return max(Float((squares / Double(numbers.count)).squareRoot()), Self.leastDeviation)
    }
    let standard = numbers.map { row in
      row.indices.map { Self.numberRange.clip((row[$0] - means[$0]) / deviations[$0]) }
    }
    let (variances, directions) = SquareMatrix.principal(
      SquareMatrix.products(of: standard).map { $0.map { $0 / Double(standard.count) } }, count: Self.directionCount)
    self.centers = centers
    self.spreads = spreads
    self.floors = floors
    self.means = means
    self.deviations = deviations
    self.directions = directions.map { $0.map(Float.init) }
    self.variances = variances.map { Float(max($0, 0)) }
    let total = standard.joined().reduce(0.0) { $0 + Double($1 * $1) } / Double(standard.count)
    let left = max(total - variances.reduce(0, +), 0)
    rest = Float(left / Double(max(columns.count - directions.count, 1)))
    (middle, scatter) = (0, 1)
    let distances = Parallel.map(standard.count) { [self] k in
      log(max(self.distance(of: standard[k]), Self.leastDistance))
    }
    let mean = distances.reduce(0.0) { $0 + Double($1) } / Double(distances.count)
    let variance = distances.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(distances.count)
    middle = Float(mean)
    scatter = max(Float(variance.squareRoot()), Self.leastDeviation)
  }

  /// Whether all parts, read from a file, have the sizes and ranges that `fill` relies on.
  package func fits(channels c: Int) -> Bool {
    let areEnergies = Self.areEnergies
    let numbers = c * (areEnergies.count + areEnergies.count { $0 })
    // Standardized numbers are bounded, so that with bounded directions no sum can leave the range of numbers.
    func isBounded(_ values: some Sequence<Float>) -> Bool { values.allSatisfy { abs($0) <= 1e6 } }
    return (1...Self.mostChannels).contains(c) && centers.count == c && spreads.count == c && floors.count == c
      && floors.allSatisfy { $0.count == areEnergies.count && isBounded($0) && $0.allSatisfy { $0 >= 0 } }
      && means.count == numbers && deviations.count == numbers && directions.count == variances.count
      && directions.count >= Self.components && directions.allSatisfy { $0.count == numbers }
      && directions.joined().allSatisfy { abs($0) <= 1.01 } && isBounded(centers + means + [middle])
      && isBounded(spreads + deviations + [scatter] + variances + [rest])
      && (spreads + deviations + [scatter]).allSatisfy { $0 >= Self.leastDeviation }
      && (variances + [rest]).allSatisfy { $0 >= 0 }
  }

  /// How unusual the texture around each pixel is, and what it is like.
  ///
  /// - Parameters:
  ///   - result: receives for each pixel how many standard deviations the logarithm of its distance lies above that of
  ///     healthy tissue, and the components, in units of the root of their variance and the ridge, all within -6...12,
  ///     `[n, h, w, count]`; 0 outside tissue.
  ///   - scans: normalized intensities without `NaN`, `[n, h, w, c]`.
  ///   - depth: distance below the tissue's surface in pixels, `[n, h, w]`; 0 outside tissue.
  ///   - units: those of each scan.
  package func fill(
    _ result: Tensor, of scans: Tensor, depth: UnsafeBufferPointer<Float>, units: [SharedUnits?]
  ) {
    let shape = scans.shape
    precondition(
      shape.c == channels && result.shape == Shape(shape.n, shape.h, shape.w, Self.count)
        && depth.count == shape.pixels && units.count == shape.n)
    let (patches, depth, results) = (scans.split, ReadBuffer(depth), result.split)
    let pixels = shape.h * shape.w
    Parallel.run(chunks: shape.n) { n in
      let image = Image(
        width: shape.w, height: shape.h, channels: shape.c,
        samples: Array(UnsafeBufferPointer(start: patches.start + n * pixels * shape.c, count: pixels * shape.c)))
      let described = describe(image, units: units[n]).resized(width: shape.w, height: shape.h)
      let output = results.start + n * pixels * Self.count
      for pixel in 0..<pixels {
        let isTissue = depth[n * pixels + pixel] > 0
        for i in pixel * Self.count..<(pixel + 1) * Self.count { output[i] = isTissue ? described.samples[i] : 0 }
      }
    }
  }

  /// The description of a picture's cells, one pixel a cell, in the order of `fill`.
  private func describe(_ image: Image, units: SharedUnits?) -> Image {
    let (columns, rows) = (Self.cells(image.width), Self.cells(image.height))
    let numbers = standardized(
      Self.maps(of: image, units: units, centers: centers, spreads: spreads), cells: columns * rows)
    var result = Image(width: columns, height: rows, channels: Self.count)
    var components = [Lanes](repeating: .zero, count: directions.count)
    for (group, first) in stride(from: 0, to: columns * rows, by: Lanes.scalarCount).enumerated() {
      let distance = self.distance(
        of: numbers[group * means.count..<(group + 1) * means.count], components: &components)
      for lane in 0..<min(Lanes.scalarCount, columns * rows - first) {
        let start = (first + lane) * Self.count
        result.samples[start] = Self.resultRange.clip((log(max(distance[lane], Self.leastDistance)) - middle) / scatter)
        for k in 0..<Self.components {
          result.samples[start + 1 + k] = Self.resultRange.clip(
            components[k][lane] / (variances[k] + Self.ridge).squareRoot())
        }
      }
    }
    return result
  }

  /// The standardized numbers of cells, sixteen cells at a time, `[groups, numbers]`.
  private func standardized(_ maps: [Plane<Float>], cells: Int) -> [Lanes] {
    let groups = (cells + Lanes.scalarCount - 1) / Lanes.scalarCount
    let areEnergies = Self.areEnergies
    let count = means.count
    let (low, high) = (Lanes(repeating: Self.numberRange.lowerBound), Lanes(repeating: Self.numberRange.upperBound))
    return [Lanes](unsafeUninitializedCapacity: groups * count) { result, size in
      var next = 0
      for (k, map) in maps.enumerated() {
        let floor = floors[k / areEnergies.count][k % areEnergies.count]
        let isEnergy = areEnergies[k % areEnergies.count]
        let (mean, scale) = (Lanes(repeating: means[next]), Lanes(repeating: 1 / deviations[next]))
        let after = min(next + 1, count - 1)
        let (logMean, logScale) = (Lanes(repeating: means[after]), Lanes(repeating: 1 / deviations[after]))
        map.values.withUnsafeBufferPointer { values in
          for group in 0..<groups {
            let first = group &* Lanes.scalarCount
            var value = Lanes.zero
            for lane in 0..<min(Lanes.scalarCount, cells &- first) { value[lane] = values[first &+ lane] }
            result[group &* count &+ next] = ((value - mean) * scale).clamped(lowerBound: low, upperBound: high)
            guard isEnergy else { continue }
            for lane in 0..<Lanes.scalarCount { value[lane] = log(value[lane] + floor) }
            result[group &* count &+ after] = ((value - logMean) * logScale).clamped(lowerBound: low, upperBound: high)
          }
        }
        next += isEnergy ? 2 : 1
      }
      size = groups * count
    }
  }

  /// Squared Mahalanobis distance of sixteen cells.
  ///
  /// - Parameters:
  ///   - number: the standardized numbers.
  ///   - components: receives the parts along `directions`.
  private func distance(of number: ArraySlice<Lanes>, components: inout [Lanes]) -> Lanes {
    var (square, known, sum) = (Lanes.zero, Lanes.zero, Lanes.zero)
    for value in number { square.addProduct(value, value) }
    number.withUnsafeBufferPointer { number in
      for (k, direction) in directions.enumerated() {
        var part = Lanes.zero
        direction.withUnsafeBufferPointer { direction in
          for i in number.indices { part.addProduct(number[i], Lanes(repeating: direction[i])) }
        }
        components[k] = part
        known.addProduct(part, part)
        sum += part * part / (variances[k] + Self.ridge)
      }
    }
    let left = square - known
    return sum + left.replacing(with: 0, where: left .< 0) / (rest + Self.ridge)
  }

  private func distance(of number: [Float]) -> Float {
    var components = [Lanes](repeating: .zero, count: directions.count)
    return distance(of: number.map { Lanes(repeating: $0) }[...], components: &components)[0]
  }

  /// Number of cells along an edge.
  private static func cells(_ edge: Int) -> Int { max(edge / cell, 1) }

  /// The maps of all channels' pyramids, one value a cell.
  private static func maps(
    of image: Image, units: SharedUnits?, centers: [Float], spreads: [Float]
  ) -> [Plane<Float>] {
    let (width, height) = (max(image.width, leastEdge), max(image.height, leastEdge))
    let columns = (0..<width).map { PatchGrid.reflected($0, in: image.width) }
    let own = PixelRectangle(x: 0, y: 0, width: cells(image.width), height: cells(image.height))
    return (0..<image.channels).flatMap { c in
      let (gain, offset) = (units?.gains[c] ?? 1, units?.offsets[c] ?? 0)
      var plane = Plane<Float>(width: width, height: height, filledWith: 0)
      for y in 0..<height {
        let row = PatchGrid.reflected(y, in: image.height) * image.width
        for x in 0..<width {
          let value = image.samples[(row + columns[x]) * image.channels + c]
          plane.values[y * width + x] = intensityRange.clip(
            ((value.isFinite ? value : 0) * gain + offset - centers[c]) / spreads[c])
        }
      }
      return TexturePyramid(of: plane, levels: levels, cell: cell).cells
        .map { Plane(Image($0).resized(width: cells(width), height: cells(height))).cropped(to: own) }
    }
  }

  /// The part of a scan that is learned from: all of it, or a random part whose middle shows tissue if one is found.
  private static func part(of scan: PreparedScan, number: Int) -> PixelRectangle {
    let (width, height) = (min(scan.image.width, longestEdge), min(scan.image.height, longestEdge))
    var random = RandomGenerator(seed: UInt64(number) ^ 0x7E87)
    var part = PixelRectangle(x: 0, y: 0, width: width, height: height)
    for _ in 0..<8 {
      part.x = random.integer(below: scan.image.width - width + 1)
      part.y = random.integer(below: scan.image.height - height + 1)
      if scan.depth[part.x + width / 2, part.y + height / 2] > 0 { break }
    }
    return part
  }

  /// Everything that describes a cell: its maps, each energy followed by its logarithm.
  private static func numbers(_ maps: [Float], floors: [[Float]]) -> [Float] {
    let floors = Array(floors.joined())
    return maps.indices.flatMap { k in
      areEnergies[k % areEnergies.count] ? [maps[k], log(maps[k] + floors[k])] : [maps[k]]
    }
  }

  /// Median and robust standard deviation of each channel over tissue.
  private static func intensities(of scans: [PreparedScan], channels c: Int) -> (centers: [Float], spreads: [Float]) {
    let found = Parallel.map(c) { channel -> (Float, Float) in
      let values = scans.flatMap { scan -> [Float] in
        let inside = scan.depth.values.indices.filter { scan.depth.values[$0] > 0 }
        let (gain, offset) = (scan.sharedUnits?.gains[channel] ?? 1, scan.sharedUnits?.offsets[channel] ?? 0)
        return stride(from: 0, to: inside.count, by: max(1, inside.count / 500))
          .map { scan.image.samples[inside[$0] * c + channel] * gain + offset }.filter(\.isFinite)
      }
      guard !values.isEmpty else { return (0, 1) }
      let center = values.median()
      let spread = 1.4826 * values.map { abs($0 - center) }.median()
      return (center, spread > leastDeviation ? spread : 1)
    }
    return (found.map(\.0), found.map(\.1))
  }
}
