import Imaging

/// The pictures of a whole slide that the pages show, put together while the slide streams by.
struct SlidePictures {
  private let slide: PreparedSlide
  /// Pixels of the model's grid along one edge of a picture's pixel.
  private let factor: Int
  private let width: Int
  private let height: Int
  private var sums: Image
  private var counts: Plane<Float>
  private var heat: Heatmap
  private var residual: Heatmap

  init(of slide: PreparedSlide, longestEdge: Int) {
    self.slide = slide
    factor = (max(slide.width, slide.height) + longestEdge - 1) / longestEdge
    width = (slide.width + factor - 1) / factor
    height = (slide.height + factor - 1) / factor
    sums = Image(width: width, height: height, channels: slide.channels)
    counts = Plane(width: width, height: height, filledWith: 0)
    heat = counts
    residual = counts
  }

  /// Raises every cell to the highest value of the block within it: a mean would hide a small finding.
  ///
  /// - Parameter part: heatmaps of a block.
  mutating func add(_ part: SlideBand.Part) {
    let place = cells(of: part.area)
    Self.raise(&heat, to: part.heat, at: place)
    Self.raise(&residual, to: part.residual, at: place)
  }

  private static func raise(_ cells: inout Heatmap, to part: Heatmap, at place: (rows: [Int], columns: [Int])) {
    cells.values.withUnsafeMutableBufferPointer { cells in
      part.values.withUnsafeBufferPointer { values in
        for (y, line) in place.rows.enumerated() {
          for x in 0..<part.width {
            let cell = line &+ place.columns[x]
            cells[cell] = max(cells[cell], values[y &* part.width &+ x])
          }
        }
      }
    }
  }

  /// For each row of `area`, the index of the first cell in the row of cells that it lies in; for each column of
  /// `area`, the column of cells that it lies in.
  private func cells(of area: PixelRectangle) -> (rows: [Int], columns: [Int]) {
    ((0..<area.height).map { (area.y + $0) / factor * width }, (0..<area.width).map { (area.x + $0) / factor })
  }

  /// Adds the tissue pixels of a block's reconstruction to the mean of their cells.
  ///
  /// - Parameters:
  ///   - depth: depth of the reconstruction's pixels; pixels outside tissue (depth 0) do not count.
  ///   - area: where the block lies on the model's grid.
  mutating func add(_ reconstruction: Image, depth: Plane<Float>, at area: PixelRectangle) {
    let c = reconstruction.channels
    let place = cells(of: area)
    sums.samples.withUnsafeMutableBufferPointer { sums in
      reconstruction.samples.withUnsafeBufferPointer { values in
        for (y, line) in place.rows.enumerated() {
          for x in 0..<area.width {
            let from = y &* area.width &+ x
            guard depth.values[from] > 0 else { continue }
            let cell = line &+ place.columns[x]
            counts.values[cell] += 1
            for channel in 0..<c { sums[cell &* c &+ channel] += values[from &* c &+ channel] }
          }
        }
      }
    }
  }

  /// The finished pictures. Where nothing was reconstructed, the reconstruction shows the scan.
  func layers(weights: [Float]?) -> ScanLayers {
    let c = slide.channels
    var scan = (slide.overview ?? sums).resized(width: width, height: height)
    scan.pixelSize = slide.slide.levels[0].pixelSize.map {
      PixelSize(
        x: $0.x * Double(slide.slide.levels[0].width) / Double(width),
        y: $0.y * Double(slide.slide.levels[0].height) / Double(height))
    }
    var reconstruction = scan
    let tissue = counts.map { $0 > 0 }
    for cell in tissue.values.indices where tissue.values[cell] {
      for channel in 0..<c {
        reconstruction.samples[cell * c + channel] = sums.samples[cell * c + channel] / counts.values[cell]
      }
    }
    return ScanLayers(
      scan: scan, reconstruction: reconstruction, heatmap: heat, residual: residual, tissue: tissue, weights: weights)
  }
}
