import Compute
import Files
import Foundation
import Imaging
import Numerics

/// A scan too large to be held in memory: a description of its file, so that the pixels can be read piece by piece.
package struct Slide: Sendable {
  package let path: String
  /// The scan at full size, then the smaller levels of its pyramid.
  package let levels: [ScanLevel]
  /// The level that is analyzed.
  package let level: ScanLevel
  package let limits: TIFFLimits
  /// State of the file when the slide was first looked at. The file is read many times and must not change in between.
  let state: FileState?

  init(path: String, levels: [ScanLevel], level: ScanLevel, limits: TIFFLimits) {
    self.path = path
    self.levels = levels
    self.level = level
    self.limits = limits
    state = FileState(ofFile: path)
  }

  /// The whole slide as an image with at most `longestEdge` pixels along its longer edge.
  func overview(longestEdge: Int) throws(NormaError) -> Image {
    let source = levels.last { max($0.width, $0.height) >= longestEdge } ?? level
    let factor = max(1, (max(source.width, source.height) + longestEdge - 1) / longestEdge)
    let rows = try ReducedRows(of: source, inFile: path, limits: limits, reducedBy: factor)
    var result = Image(width: rows.width, height: rows.height, channels: source.channels)
    while let band = try rows.next() {
      for part in band.parts { result.paste(part.image, atX: part.x, y: band.top) }
    }
    result.pixelSize = source.pixelSize?.multiplied(by: factor)
    return result
  }

  /// Reads a part of the analyzed level, reduced by `factor`.
  ///
  /// - Parameter area: in pixels of the reduced grid.
  func part(_ area: PixelRectangle, reducedBy factor: Int, from file: TIFFFile) throws(NormaError) -> Image {
    var result = Image(
      width: area.width, height: area.height, channels: level.channels,
      pixelSize: level.pixelSize?.multiplied(by: factor))
    let left = area.x * factor
    let width = min(area.width * factor, level.width - left)
    // Read few rows at a time: with a large factor even a small part covers much of the level.
    let step = max(1, Self.pixelsAtOnce / max(width * factor, 1))
    for top in stride(from: 0, to: area.height, by: step) {
      let rows = min(step, area.height - top)
      let first = (area.y + top) * factor
      let read = try file.region(
        of: level,
        PixelRectangle(x: left, y: first, width: width, height: min(rows * factor, level.height - first)))
      let reduced = read.reduced(by: factor)
      result.paste(reduced, atX: 0, y: top)
    }
    return result
  }

  private static let pixelsAtOnce = 1 << 22
}

/// The first reading of a slide: where its tissue is, and some fields of view in the tissue.
package struct SlideSurvey: Sendable {
  package let slide: Slide
  /// Factor by which the analyzed level is reduced to the model's grid.
  package let factor: Int
  let tissue: SlideTissue
  /// Overview before normalization, at most `longestEdge` pixels along the longer edge.
  let overview: Image
  let overviewMask: TissueMask
  /// Why the slide is not scored; `nil` where it is.
  package let nothingToScore: NothingToScore?
  /// Fields of view before normalization, on the model's grid.
  let fields: [Image]
  let fieldAreas: [PixelRectangle]

  static let longestEdge = 2048
  private static let fieldEdge = 384
  private static let mostFields = 16
  private static let leastTissue = 0.3

  /// - Parameters:
  ///   - channels: the channels that show tissue; `nil` for all.
  ///   - look: how tissue differs from the background.
  init(
    of slide: Slide, factor: Int, channels: [Int]?, appearing look: TissueLook
  ) throws(NormaError) {
    self.slide = slide
    self.factor = factor
    overview = try slide.overview(longestEdge: Self.longestEdge)
    let lack = NothingToScore(dataOf: overview, channels: channels)
    overviewMask =
      lack == nil
      ? Normalization.tissue(of: [overview], channels: channels, appearing: look)[0]
      : TissueMask(width: overview.width, height: overview.height, filledWith: false)
    let (width, height) = (
      (slide.level.width + factor - 1) / factor, (slide.level.height + factor - 1) / factor
    )
    tissue = SlideTissue(overviewMask, width: width, height: height)
    let pixels = overviewMask.share * Double(width) * Double(height)
    nothingToScore = lack ?? NothingToScore(tissuePixels: Int(pixels), width: width, height: height)
    fieldAreas = Self.areas(in: tissue)
    let file = try TIFFFile(path: slide.path, limits: slide.limits.forPieces)
    var fields: [Image] = []
    for area in fieldAreas { fields.append(try slide.part(area, reducedBy: factor, from: file)) }
    self.fields = fields
  }

  /// Draws fields at random from those that show tissue; the seed is fixed, so a slide always gets the same fields.
  private static func areas(in tissue: SlideTissue) -> [PixelRectangle] {
    let (width, height) = (min(fieldEdge, tissue.width), min(fieldEdge, tissue.height))
    var found: [(area: PixelRectangle, share: Double)] = []
    for row in 0..<max(1, tissue.height / height) {
      for column in 0..<max(1, tissue.width / width) {
        let area = PixelRectangle(x: column * width, y: row * height, width: width, height: height)
        let share = tissue.share(of: area)
        if share > 0 { found.append((area, share)) }
      }
    }
    var random = RandomGenerator(seed: 0xF1E1D)
    let full = found.filter { $0.share >= leastTissue }.shuffled(using: &random)
    // A slide with only crumbs of tissue has no such field: take those with the largest share of tissue.
    let chosen = full.isEmpty ? found.sorted { $0.share > $1.share } : full
    return chosen.prefix(mostFields).map(\.area).sorted { ($0.y, $0.x) < ($1.y, $1.x) }
  }
}

/// A map of a slide's tissue, found on the overview, that can be queried at any place of the model's grid.
struct SlideTissue: Sendable {
  /// Width of the model's grid.
  let width: Int
  let height: Int
  private let columns: Int
  private let rows: Int
  /// Number of grid pixels that a cell of the overview covers, along x and y.
  private let cell: SIMD2<Float>
  /// Distance of each cell's center to the tissue's edge in pixels of the grid, negative outside tissue.
  private let signed: [Float]

  init(_ mask: TissueMask, width: Int, height: Int) {
    self.width = width
    self.height = height
    columns = mask.width
    rows = mask.height
    cell = SIMD2(Float(width) / Float(mask.width), Float(height) / Float(mask.height))
    let scale = (cell.x * cell.y).squareRoot()
    let outside = DistanceTransform.distances(to: mask)
    signed = zip(mask.depth.values, outside.values).map { inside, outside in
      scale * (inside > 0 ? inside - 0.5 : 0.5 - outside)
    }
  }

  func hasTissue(in area: PixelRectangle) -> Bool {
    let (xs, ys) = cells(of: area)
    return ys.contains { y in xs.contains { signed[y * columns + $0] > 0 } }
  }

  /// Share of an area that is tissue, in 0...1.
  func share(of area: PixelRectangle) -> Double {
    let (xs, ys) = cells(of: area)
    let count = ys.reduce(0) { sum, y in sum + xs.count { signed[y * columns + $0] > 0 } }
    return Double(count) / Double(xs.count * ys.count)
  }

  /// Writes the distance to the tissue's edge, interpolated and in pixels of the grid, to `target`; 0 outside tissue.
  ///
  /// - Parameter xs: columns of row `y`.
  func depths(atY y: Int, xs: Range<Int>, into target: UnsafeMutablePointer<Float>, stride: Int) {
    let (top, bottom, down) = Self.neighbours((Float(y) + 0.5) / cell.y - 0.5, rows)
    for (k, x) in xs.enumerated() {
      let (left, right, across) = Self.neighbours((Float(x) + 0.5) / cell.x - 0.5, columns)
      let upper = signed[top * columns + left] * (1 - across) + signed[top * columns + right] * across
      let lower = signed[bottom * columns + left] * (1 - across) + signed[bottom * columns + right] * across
      target[k * stride] = max(0, upper * (1 - down) + lower * down)
    }
  }

  private static func neighbours(_ place: Float, _ count: Int) -> (Int, Int, Float) {
    let clipped = min(max(place, 0), Float(count - 1))
    let first = Int(clipped)
    return (first, min(first + 1, count - 1), clipped - Float(first))
  }

  private func cells(of area: PixelRectangle) -> (xs: ClosedRange<Int>, ys: ClosedRange<Int>) {
    func range(_ first: Int, _ count: Int, _ size: Float, _ limit: Int) -> ClosedRange<Int> {
      let low = min(max(Int(Float(first) / size), 0), limit - 1)
      return low...min(max(Int((Float(first + count) - 0.5) / size), low), limit - 1)
    }
    return (range(area.x, area.width, cell.x, columns), range(area.y, area.height, cell.y, rows))
  }
}
