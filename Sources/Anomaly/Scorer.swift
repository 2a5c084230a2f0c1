import Compute
import Foundation
import Imaging

/// Turns scans into heatmaps with a trained model.
package final class Scorer {
  private let inference: Inference
  private let book: ScoreBook
  /// Of the score that heatmaps show.
  package let calibration: Calibration
  private let score: Score

  /// - Parameters:
  ///   - path: of the model's file, for error messages.
  ///   - score: what heatmaps show; one of `model.book.available`.
  ///   - others: scores that `heatmaps` may be asked for beside it.
  package init(
    _ model: Model, path: String, score: Score = .ensemble, others: [Score] = [], engine: Engine
  ) throws(ModelError) {
    guard let calibration = model.calibrations[score] else {
      throw ModelError(
        path: path, found: "this model has no score '\(score.rawValue)'",
        remedy: "Choose one of \(model.book.available.map(\.rawValue).joined(separator: ", "))")
    }
    self.calibration = calibration
    self.score = score
    book = model.book
    let needed = others.reduce(book.needed(for: score)) { $0.union(model.book.needed(for: $1)) }
    inference = Inference(
      network: try model.network(engine: engine, path: path),
      scoreNetwork: needed.contains(.learned) ? try model.scoreNetwork(engine: engine, path: path) : nil,
      preparation: model.preparation, settings: model.inference,
      takesGradient: needed.contains(.divergenceGradient),
      restoration: needed.contains(.restoration)
        ? Restoration(
          objective: model.record.objective,
          spread: model.record.spread ?? [Float](repeating: 0, count: model.preparation.channels),
          range: model.preparation.normalization.range) : nil)
  }

  /// Heatmaps by several scores, at the scans' own size.
  ///
  /// - Parameter scores: among those the scorer was made for.
  package func heatmaps(
    by scores: [Score], of images: [Image], prepared: [PreparedImage]
  ) throws(ComputeError) -> [[Score: Heatmap]] {
    let maps = try inference.maps(of: prepared.map(\.scan))
    return Parallel.map(prepared.count) { i in
      var result: [Score: Heatmap] = [:]
      for score in scores {
        result[score] = book.heatmap(score, of: prepared[i].scan, maps: maps[i])
          .enlarged(by: inference.preparation.reduction, over: images[i])
      }
      return result
    }
  }

  /// Heatmap and findings of scans of one case.
  ///
  /// - Parameters:
  ///   - images: as read, at their own size.
  ///   - prepared: what `Preparation.prepare` makes of them.
  ///   - rate: the false-positive rate that decides the threshold of regions.
  ///   - minimumArea: smaller regions are left out; never less than what the calibration left out.
  /// - Returns: one pair a scan, all layers at the scan's own size.
  package func analyze(
    _ images: [Image], prepared: [PreparedImage], rate: Double, minimumArea: RegionArea? = nil
  ) throws(ComputeError) -> [(layers: ScanLayers, findings: ScanResult.Findings)] {
    let preparation = inference.preparation
    let maps = try inference.maps(of: prepared.map(\.scan))
    let threshold = calibration.regionThreshold(rate: rate)
    let factor = preparation.reduction
    return Parallel.map(prepared.count) { i in
      let image = preparation.normalized(images[i], as: prepared[i])
      let heat = book.heatmap(score, of: prepared[i].scan, maps: maps[i])
      let score = heat.score
      let full = heat.enlarged(by: factor, over: image)
      let residual =
        self.score == .residual
        ? full : book.heatmap(.residual, of: prepared[i].scan, maps: maps[i]).enlarged(by: factor, over: image)
      let layers = ScanLayers(
        scan: image, reconstruction: maps[i].reconstruction.enlarged(by: factor, over: image), heatmap: full,
        residual: residual, tissue: prepared[i].scan.tissue.enlarged(by: factor, over: image),
        weights: book.rule.channelWeights)
      let leastArea = max(
        calibration.minimumRegionArea * factor * factor, minimumArea?.pixels(ofSize: image.pixelSize) ?? 0)
      let regions = calibration.withPValues(
        full.regions(above: threshold, minimumArea: leastArea, pixelSize: image.pixelSize), in: full, of: heat,
        factor: factor)
      var findings = ScanResult.Findings(
        width: image.width, height: image.height, channels: image.channels, pixelSize: image.pixelSize, score: score,
        pValue: Calibration.pValue(score, among: calibration.scanScores), regions: regions,
        appearance: prepared[i].scan.appearance(reconstruction: maps[i].reconstruction))
      findings.missingShare = images[i].missingShare
      return (layers, findings)
    }
  }
}

extension Heatmap {
  /// The heatmap at the scan's own size; what is less abnormal than half of healthy tissue is 0.
  func enlarged(by factor: Int, over scan: Image) -> Heatmap {
    let grid = Image(width: width, height: height, channels: 1, samples: values.map { max($0, 0) })
    return Heatmap(width: scan.width, height: scan.height, values: grid.enlarged(by: factor, over: scan).samples)
  }
}

extension TissueMask {
  /// `[height, width]` of the scan that this mask was found on when it was smaller by `factor`.
  fileprivate func enlarged(by factor: Int, over scan: Image) -> [Bool] {
    (0..<scan.height).flatMap { y in (0..<scan.width).map { x in isTissue[y / factor * width + x / factor] } }
  }
}

extension Image {
  /// Brings a layer from the model's grid to the scan's own; the grid may reach past the scan's edge by part of a pixel.
  func enlarged(by factor: Int, over scan: Image) -> Image {
    guard factor > 1 else { return self }
    let wide = resized(width: width * factor, height: height * factor)
    guard wide.width != scan.width || wide.height != scan.height else { return wide }
    var result = Image(width: scan.width, height: scan.height, channels: channels, pixelSize: scan.pixelSize)
    let row = scan.width * channels
    for y in 0..<scan.height {
      let start = y * wide.width * channels
      result.samples.replaceSubrange(y * row..<(y + 1) * row, with: wide.samples[start..<start + row])
    }
    return result
  }
}
