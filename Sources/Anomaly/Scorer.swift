import Compute
import Foundation
import Imaging

/// Turns scans into heatmaps with a trained network.
package final class Scorer {
  private let network: VAE
  private let preparation: Preparation
  private let rule: EvidenceRule
  private var inputs: [Int: Tensor] = [:]

  /// Neighbouring patches share this part of their edge.
  private static let overlapShare = 4
  private static let largestBatch = 16

  package init(network: VAE, preparation: Preparation, rule: EvidenceRule) {
    self.network = network
    self.preparation = preparation
    self.rule = rule
  }

  /// What the model takes healthy tissue to look like in these scans, on its grid.
  package func reconstructions(of scans: [PreparedScan]) throws(ComputeError) -> [Image] {
    let size = network.architecture.patchSize
    let grids = scans.map {
      PatchGrid(width: $0.image.width, height: $0.image.height, patchSize: size, overlap: size / Self.overlapShare)
    }
    var stitchers = grids.map { PatchStitcher(grid: $0, channels: preparation.channels) }
    let jobs = grids.indices.flatMap { scan in (0..<grids[scan].count).map { (scan: scan, patch: $0) } }
    let patchValues = size * size * preparation.channels
    var next = 0
    while next < jobs.count {
      // Powers of two alone, so that few batch sizes have to be prepared for.
      var n = Self.largestBatch
      while n > jobs.count - next { n /= 2 }
      let x = try input(batch: n)
      for k in 0..<n {
        let job = jobs[next + k]
        let target = UnsafeMutableBufferPointer(rebasing: x.values[k * patchValues..<(k + 1) * patchValues])
        grids[job.scan].cut(scans[job.scan].image, into: target, patches: job.patch..<job.patch + 1)
        for i in target.indices where target[i].isNaN { target[i] = 0 }
      }
      var none: RandomGenerator?
      let y = try network.forward(x, sampling: &none)
      for k in 0..<n {
        let job = jobs[next + k]
        let source = UnsafeBufferPointer(rebasing: y.values[k * patchValues..<(k + 1) * patchValues])
        stitchers[job.scan].add(source, patches: job.patch..<job.patch + 1)
      }
      next += n
    }
    return zip(stitchers, scans).map { $0.image(pixelSize: $1.image.pixelSize) }
  }

  func residuals(of scans: [PreparedScan]) throws(ComputeError) -> [Residual] {
    zip(scans, try reconstructions(of: scans)).map { Residual(of: $0, reconstruction: $1, rule: rule) }
  }

  /// Measures healthy scans that the network was not trained on.
  package func calibration(on cases: [[PreparedScan]]) throws(ComputeError) -> Calibration {
    var residuals: [[Residual]] = []
    for scans in cases { residuals.append(try self.residuals(of: scans)) }
    let statistics = ResidualStatistics(
      healthy: Array(residuals.joined()), channels: preparation.channels, rule: rule)
    let untrained = ResidualStatistics(
      healthy: cases.joined().map { Residual(of: $0, reconstruction: nil, rule: rule) },
      channels: preparation.channels, rule: rule)
    return Calibration(
      statistics: statistics, untrained: untrained,
      heatmaps: residuals.map {
        $0.map { Heatmap(width: $0.width, height: $0.height, values: statistics.heat(of: $0)) }
      })
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
    _ images: [Image], prepared: [(scan: PreparedScan, parameters: NormalizationParameters)], calibration: Calibration,
    rate: Double, minimumArea: RegionArea? = nil
  ) throws(ComputeError) -> [(layers: ScanLayers, findings: ScanResult.Findings)] {
    let reconstructions = try reconstructions(of: prepared.map(\.scan))
    let threshold = calibration.regionThreshold(rate: rate)
    let factor = preparation.reduction
    return prepared.indices.map { i in
      let image = preparation.normalization.apply(prepared[i].parameters, to: images[i])
      let residual = Residual(of: prepared[i].scan, reconstruction: reconstructions[i], rule: rule)
      let heat = Heatmap(
        width: residual.width, height: residual.height, values: calibration.statistics.heat(of: residual))
      let score = heat.score
      let full = Heatmap(
        width: image.width, height: image.height,
        values: Image(width: heat.width, height: heat.height, channels: 1, samples: heat.values.map { max($0, 0) })
          .enlarged(by: factor, over: image).samples)
      let layers = ScanLayers(
        scan: image, reconstruction: reconstructions[i].enlarged(by: factor, over: image), heatmap: full,
        tissue: enlarge(prepared[i].scan.tissue, over: image), weights: rule.channelWeights)
      let leastArea = max(
        calibration.minimumRegionArea * factor * factor, minimumArea?.pixels(ofSize: image.pixelSize) ?? 0)
      let regions = calibration.withPValues(
        full.regions(above: threshold, minimumArea: leastArea, pixelSize: image.pixelSize), in: full, of: heat,
        factor: factor)
      let findings = ScanResult.Findings(
        width: image.width, height: image.height, channels: image.channels, pixelSize: image.pixelSize, score: score,
        pValue: Calibration.pValue(score, among: calibration.scanScores), regions: regions,
        appearance: prepared[i].scan.appearance(reconstruction: reconstructions[i]))
      return (layers, findings)
    }
  }

  private func enlarge(_ mask: TissueMask, over scan: Image) -> [Bool] {
    let factor = preparation.reduction
    return (0..<scan.height).flatMap { y in
      (0..<scan.width).map { x in mask.isTissue[y / factor * mask.width + x / factor] }
    }
  }

  private func input(batch: Int) throws(ComputeError) -> Tensor {
    if let known = inputs[batch] { return known }
    let size = network.architecture.patchSize
    let made = try Tensor(Shape(batch, size, size, preparation.channels), engine: network.engine)
    inputs[batch] = made
    return made
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
