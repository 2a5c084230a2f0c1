import Compute
import Files
import Foundation
import Imaging
import Threads

/// Turns scans into heatmaps with a trained model.
package final class Scorer {
  /// Version number of norma's scoring. Raise it by hand whenever the same scan, model and settings give another score,
  /// heatmap or region than before, so that a new norma neither treats the results of an old one as current nor
  /// compares its scores with a calibration that an old one made.
  package static let algorithm = 5

  let inference: Inference
  private let book: ScoreBook
  /// Calibration of the score that heatmaps show.
  package let calibration: Calibration
  private let score: Score
  private let latents: LatentReference?
  private let texture: TextureReference?

  /// - Parameters:
  ///   - path: path of the model's file, for error messages.
  ///   - score: the score that heatmaps show; one of `model.book.available`.
  ///   - others: further scores that `heatmaps` may be asked for.
  package init(
    _ model: Model, path: String, score: Score = .ensemble, others: [Score] = [], engine: Engine
  ) throws {
    try model.checkAlgorithm(path: path)
    guard let calibration = model.calibrations[score] else {
      throw NormaError(
        subject: path, found: "this model has no score '\(score.rawValue)'",
        remedy: "Choose one of \(model.book.available.map(\.rawValue).joined(separator: ", "))")
    }
    self.calibration = calibration
    self.score = score
    book = model.book
    latents = model.latents
    texture = model.texture
    let needed = others.reduce(book.needed(for: score)) { $0.union(model.book.needed(for: $1)) }
    var features: LocalFeatures?
    if needed.contains(.features) || texture?.features != nil { features = try model.features?.localFeatures() }
    inference = Inference(
      network: try model.network(engine: engine, path: path),
      scoreNetwork: needed.contains(.learned) ? try model.scoreNetwork(engine: engine, path: path) : nil,
      preparation: model.preparation, settings: model.inference,
      takesDivergence: needed.contains(.divergence), takesDeviations: needed.contains(.crossChannel),
      takesTexture: needed.contains(.texture),
      takesGradient: needed.contains(.divergenceGradient),
      restoration: needed.contains(.restoration) ? model.restoration : nil, features: features)
  }

  var preparation: Preparation { inference.preparation }

  /// Whether the heatmap of a scan depends on the scans beside it.
  var needsNeighbours: Bool { book.needsNeighbours(for: score) }

  /// How many numbers the networks give for each pixel of the model's grid.
  var mapsPerPixel: Int { inference.layout.count }

  /// The scores that an analysis shows: the chosen score, and the residual (what could not be reconstructed).
  private var shownScores: [Score] { score == .residual ? [score] : [score, .residual] }

  /// Heatmaps of several scores, at the scans' own size.
  ///
  /// - Parameter scores: scores to compute; each must be among those the scorer was made for.
  package func heatmaps(
    by scores: [Score], of images: [Image], prepared: [PreparedImage]
  ) throws -> [[Score: ScoredHeatmap]] {
    let scans = prepared.map(\.scan)
    let heats = book.heatmaps(scores, of: scans, maps: try inference.maps(of: scans))
    return Parallel.map(prepared.count) { i in
      heats[i].mapValues { ScoredHeatmap($0, of: prepared[i], over: images[i]) }
    }
  }

  /// Layers and findings of some scans of one case.
  ///
  /// - Parameters:
  ///   - group: the scans, and their neighbours in the case.
  ///   - rate: the false-positive rate that sets the threshold of regions.
  ///   - minimumArea: smaller regions are left out. Regions below the calibration's own minimum are always left out.
  /// - Returns: one pair per scan, with all layers at the scan's own size.
  package func analyze(
    _ group: ScanGroup, rate: Double, minimumArea: RegionArea? = nil
  ) throws -> [(layers: ScanLayers, findings: ScanResult.Findings)] {
    let preparation = inference.preparation
    let (images, prepared) = (group.images, group.prepared)
    let threshold = calibration.regionThreshold(rate: rate)
    // Neighbours are scored too where they count, once more than in their own group.
    let before = needsNeighbours ? [group.before?.scan].compactMap { $0 } : []
    let after = needsNeighbours ? [group.after?.scan].compactMap { $0 } : []
    let scans = before + prepared.map(\.scan) + after
    let allMaps = try inference.maps(of: scans)
    let own = before.count..<before.count + prepared.count
    let maps = Array(allMaps[own])
    let allHeats = Array(book.heatmaps(shownScores, of: scans, maps: allMaps)[own])
    return Parallel.map(prepared.count) { [book, calibration, latents, texture, score] i in
      let factor = prepared[i].factor
      let image = preparation.normalized(images[i], as: prepared[i])
      let heats = allHeats[i]
      let heat = heats[score]!
      let shown = ScoredHeatmap(heat, of: prepared[i], over: image)
      let residual = score == .residual ? shown.heatmap : heats[.residual]!.enlarged(by: factor, over: image)
      var layers = ScanLayers(
        scan: image, reconstruction: maps[i].reconstruction.enlarged(by: factor, over: image), heatmap: shown.heatmap,
        residual: residual,
        tissue: prepared[i].scan.tissue.enlarged(by: factor, width: image.width, height: image.height),
        weights: book.rule.channelWeights)
      layers.original = images[i]
      let least = calibration.smallestRegion(
        minimumArea, pixelSize: image.pixelSize, gridPixel: factor * factor, scanPixels: 1)
      let regions = shown.heatmap.regions(above: threshold, minimumArea: least, pixelSize: image.pixelSize)
      var findings = calibration.findings(
        score: shown.score, regions: regions, of: (image.width, image.height, image.channels, image.pixelSize))
      findings.regionMasses = regions.isEmpty ? [] : RegionMasses(of: heat).masses(of: regions, factor: factor)
      findings.appearance = prepared[i].scan.appearance(maps: maps[i], latents: latents)
      var descriptor = prepared[i].scan.texture
      descriptor?.features = maps[i].wholeFeatures
      findings.textureDistance = descriptor.flatMap { texture?.distance(of: $0) }
      findings.missingShare = images[i].missingShare
      return (layers, findings)
    }
  }
}

extension Model {
  /// Checks that this norma scores by the algorithm that made the model's calibration; scores of different algorithms
  /// cannot be compared. Models only have to pass where they score: any norma can show them or draw from them.
  ///
  /// - Parameter path: path of the model's file, for the error's sentence.
  package func checkAlgorithm(path: String) throws(NormaError) {
    guard record.algorithm != Scorer.algorithm else { return }
    let number = record.algorithm.map { "number \($0)" } ?? "of an older norma, without a number"
    throw NormaError(
      .unsupported, subject: path,
      found: "it was calibrated by the scoring algorithm \(number), this norma scores by number \(Scorer.algorithm)",
      remedy: "Train it again with this norma")
  }
}

extension Scorer {
  /// Findings of a slide and pictures of it as a whole. `take` receives its heatmap while the slide is scored.
  ///
  /// - Parameters:
  ///   - take: called with the slide's rows, one band after the other.
  ///   - progress: called with the share of the slide that is done, in 0...1.
  /// - Returns: all layers in the same size, with up to `longestEdge` pixels along the longer edge; positions and areas
  ///   in pixels of the scan at its full size.
  package func analyze(
    _ slide: PreparedSlide, rate: Double, minimumArea: RegionArea? = nil, longestEdge: Int,
    take: (SlideBand) throws -> Void, progress: (Double) -> Void = { _ in }
  ) throws -> (layers: ScanLayers, findings: ScanResult.Findings) {
    let scorer = SlideScorer(book: book, scores: shownScores)
    let fieldMaps = try inference.maps(of: slide.fields)
    let centers = scorer.centers(of: slide, fieldMaps)
    let score = score
    var found = SlideFindings(
      extremes: RunningExtremes(), regions: RowComponents(level: Float(calibration.regionThreshold(rate: rate))))
    var pictures = SlidePictures(of: slide, longestEdge: longestEdge)
    let stream = try SlideStream(slide, by: inference)
    try stream.run { block in
      let heats = scorer.heatmaps(of: block, centers)
      return (
        part: SlideBand.Part(
          area: block.area, scan: block.core(of: block.scan.image), heat: block.core(of: heats[score]!),
          residual: block.core(of: heats[.residual]!)),
        depth: block.core(of: block.scan.depth), reconstruction: block.core(of: block.maps.reconstruction)
      )
    } take: { rows, blocks in
      let heat = SlideScorer.assemble(blocks.map { ($0.part.area, $0.part.heat) }, rows: rows, width: slide.width)
      Parallel.both(&found, &pictures) { found in
        heat.forEachRow { found.add(row: $0) }
        for block in blocks { found.extremes.add(block.part.heat, depth: block.depth) }
      } _: { pictures in
        for block in blocks {
          pictures.add(block.part)
          pictures.add(block.reconstruction, depth: block.depth, at: block.part.area)
        }
      }
      try take(SlideBand(rows: rows, heat: heat, parts: blocks.map(\.part)))
      progress(Double(rows.upperBound) / Double(slide.height))
    }
    let full = slide.slide.levels[0]
    let downsample = slide.downsample
    let least = calibration.smallestRegion(
      minimumArea, pixelSize: full.pixelSize, gridPixel: 1, scanPixels: downsample.x * downsample.y)
    let regions = found.regions.regions(
      minimumArea: least, downsample: downsample, pixelSize: full.pixelSize, most: Calibration.mostRegions)
    var findings = calibration.findings(
      score: found.extremes.score, regions: regions.map(\.region),
      of: (full.width, full.height, slide.channels, full.pixelSize))
    findings.regionMasses = regions.map { found.extremes.mass(of: $0.group.peakTag) }
    findings.appearance = Appearance(
      of: zip(slide.fields, fieldMaps).compactMap { $0.appearance(maps: $1, latents: latents) })
    findings.missingShare = stream.missingShare
    (findings.downsample, findings.downsampleY) = downsample
    return (pictures.layers(weights: book.rule.channelWeights), findings)
  }
}

/// Collects the findings of a slide while it streams by.
private struct SlideFindings: Sendable {
  var extremes: RunningExtremes
  var regions: RowComponents

  /// - Parameter row: the next row of the whole slide; rows must come in order.
  mutating func add(row: UnsafeBufferPointer<Float>) {
    extremes.add(row: row)
    regions.add(row: row) { [extremes] in extremes.massLabel(atX: $0) }
  }
}

extension Calibration {
  /// Most regions recorded for one slide; those with the highest peaks are kept.
  fileprivate static let mostRegions = 1000

  /// Pixels of the smallest region, in pixels of the heatmap that regions are found on.
  ///
  /// - Parameters:
  ///   - minimumArea: smallest area that the user asked for.
  ///   - pixelSize: size of the scan's pixels.
  ///   - gridPixel: pixels of the heatmap that a pixel of the model's grid covers.
  ///   - scanPixels: pixels of the scan that a pixel of the heatmap covers.
  fileprivate func smallestRegion(
    _ minimumArea: RegionArea?, pixelSize: PixelSize?, gridPixel: Int, scanPixels: Double
  ) -> Double {
    max(Double(minimumRegionArea * gridPixel), Double(minimumArea?.pixels(ofSize: pixelSize) ?? 0) / scanPixels)
  }

  /// Findings with the p-value of their score.
  ///
  /// - Parameter scan: size of the scan.
  fileprivate func findings(
    score: Double, regions: [Region], of scan: (width: Int, height: Int, channels: Int, pixelSize: PixelSize?)
  ) -> ScanResult.Findings {
    ScanResult.Findings(
      width: scan.width, height: scan.height, channels: scan.channels, pixelSize: scan.pixelSize, score: score,
      pValue: scanPValue(score), regions: regions)
  }
}
