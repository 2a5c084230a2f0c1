import Anomaly
import Foundation
import Imaging
import Testing

/// Figures that need lesions, regions or verdicts, beside those of other programs on the same made-up scans.
struct VerdictEvaluationTests {
  private static func lesions(_ boxes: [PixelRectangle], width: Int, height: Int) -> Plane<Bool> {
    var mask = Plane(width: width, height: height, filledWith: false)
    for box in boxes {
      for y in box.y..<box.y + box.height { for x in box.x..<box.x + box.width { mask[x, y] = true } }
    }
    return mask
  }

  private static func figures(of scans: [Evaluation.Scan], resamples: Int = 0) -> Evaluation.Figures {
    var heat = Evaluation.LesionHeat()
    for scan in scans { heat.add(scan) }
    var evaluation = Evaluation(heat, threshold: nil)
    for scan in scans { evaluation.add(scan) }
    return evaluation.figures(resamples: resamples)
  }

  /// The expected value is that of the definition in Bergmann et al. 2021, evaluated at every threshold by numpy, with
  /// lesions labelled by SciPy 1.17 (`ndimage.label`, 3 x 3 neighbours).
  @Test func `AUPRO is what numpy and SciPy find`() throws {
    let boxes: [[PixelRectangle]] = [
      [
        PixelRectangle(x: 2, y: 3, width: 4, height: 4), PixelRectangle(x: 12, y: 9, width: 5, height: 3),
        PixelRectangle(x: 17, y: 12, width: 1, height: 1),
      ], [],
      [PixelRectangle(x: 0, y: 0, width: 3, height: 9), PixelRectangle(x: 3, y: 9, width: 2, height: 2)],
    ]
    let scans = boxes.enumerated().map { k, boxes in
      let truth = Self.lesions(boxes, width: 20, height: 16)
      var heat = Plane<Float>(width: 20, height: 16, filledWith: 0)
      for y in 0..<16 {
        for x in 0..<20 {
          let part = (x * 73 + y * 151 + k * 37 + 11) * 7919 % 1009
          heat[x, y] = Float(Double(part) / 1009 + (truth[x, y] ? 0.35 : 0))
        }
      }
      return Evaluation.Scan(caseName: "\(k)", heat: heat, truth: truth, score: 0)
    }
    let aupro = try #require(Self.figures(of: scans, resamples: 40).aupro)
    #expect(abs(aupro.value - 0.4674587334124501) < 1e-6)
    #expect(try #require(aupro.low) <= aupro.value && aupro.value <= #require(aupro.high))
  }

  /// Sixteen scans, every other one with lesions.
  private static func scanWithRegions(_ k: Int) -> Evaluation.Scan {
    var boxes: [PixelRectangle] = []
    if k % 2 == 0 {
      boxes = [PixelRectangle(x: 2, y: 2, width: 4, height: 4), PixelRectangle(x: 10, y: 9, width: 3, height: 5)]
    }
    if k % 4 == 0 { boxes.append(PixelRectangle(x: 0, y: 7, width: 1, height: 1)) }
    var peaks = (0..<4).map { j -> LesionFindings.Peak in
      let tenths = (k * 13 + j * 29 + 7) * 37 % 101
      return LesionFindings.Peak(x: (k * 7 + j * 5 + 3) % 16, y: (k * 3 + j * 11 + 1) % 16, heat: Double(tenths) / 10)
    }
    if k % 2 == 0 { (peaks[0].x, peaks[0].y, peaks[0].heat) = (3 + k / 2 % 2, 4, peaks[0].heat + 4) }
    if k % 4 == 0 { (peaks[1].x, peaks[1].y) = (11, 10) }
    return Evaluation.Scan(
      caseName: "\(k)", heat: Plane(width: 16, height: 16, filledWith: 0),
      truth: lesions(boxes, width: 16, height: 16), score: 0,
      verdict: Evaluation.Verdict(caseScore: nil, isFlagged: k % 3 == 0, peaks: peaks, pixelArea: 4))
  }

  /// The expected shares are those of MONAI 1.3 (`compute_fp_tp_probs`, `compute_froc_curve_data`): the largest
  /// sensitivity at a threshold with at most so many false positives an image.
  @Test func `lesions found are those that MONAI finds`() throws {
    let figures = Self.figures(of: (0..<16).map(Self.scanWithRegions), resamples: 100)
    let verdicts = try #require(figures.verdicts)
    let found = try #require(verdicts.lesionSensitivity)
    #expect(found.map(\.falseRegionsPerScan) == [0.125, 0.25, 0.5, 1, 2, 4, 8])
    #expect(found.map(\.sensitivity) == [0.2, 0.2, 0.2, 0.2, 0.45, 0.65, 0.65])
    let froc = try #require(figures.froc)
    #expect(abs(froc.value - 0.36428571428571427) < 1e-6)
    #expect(try #require(froc.low) <= froc.value && froc.value <= #require(froc.high))
    #expect(verdicts.falseRegionsPerScan == 3)
    #expect(verdicts.hottestRegionInLesion == Share(4, of: 8))
  }

  @Test func `small lesions are counted apart from large ones, in pixels of the scan`() throws {
    let verdicts = try #require(Self.figures(of: (0..<16).map(Self.scanWithRegions)).verdicts)
    let recall = try #require(verdicts.lesionRecall)
    // Of 20 lesions the thirds end at 6 and 13; those of 60 and of 64 pixels stay together.
    #expect(recall.map(\.smallest) == [4, 64])
    #expect(recall.map(\.largest) == [60, 64])
    #expect(recall.map(\.found) == [Share(5, of: 12), Share(8, of: 8)])
  }

  /// Many small lesions share the bins of a large one's pixels.
  @Test func `the interval of AUPRO holds it for lesions of unlike size too`() throws {
    let scans = (0..<30).map { k -> Evaluation.Scan in
      var heat = Plane<Float>(width: 64, height: 64, filledWith: 0)
      var truth = Plane(width: 64, height: 64, filledWith: false)
      for y in 0..<64 {
        for x in 0..<64 {
          truth[x, y] = k % 3 == 0 ? y > 2 : k % 3 == 1 && y < 2 && x < 5
          let noise = Float((x * 73 + y * 151 + k * 37) * 7919 % 1009) / 1009
          heat[x, y] = truth[x, y] ? (k % 3 == 0 ? 0.6 * noise : 1 + noise) : noise
        }
      }
      return Evaluation.Scan(caseName: "\(k)", heat: heat, truth: truth, score: 0)
    }
    let aupro = try #require(Self.figures(of: scans, resamples: 200).aupro)
    #expect(try #require(aupro.low) < aupro.value && aupro.value < #require(aupro.high))
  }

  @Test func `a scan whose lesions nobody delineated counts in figures of scans and cases alone`() throws {
    let scans = (0..<16).map(Self.scanWithRegions)
    let extra = Evaluation.Scan(
      caseName: "extra", heat: Plane(width: 0, height: 0, values: []), truth: Plane(width: 0, height: 0, values: []),
      score: 0, label: Evaluation.Label(wholeCase: true, scan: true), verdict: Self.scanWithRegions(2).verdict)
    let (without, with) = (Self.figures(of: scans), Self.figures(of: scans + [extra]))
    #expect(with.froc == without.froc && with.pixelAP == without.pixelAP && with.aupro == without.aupro)
    #expect(with.verdicts?.lesionRecall == without.verdicts?.lesionRecall)
    #expect(with.verdicts?.flaggedAbnormal == Proportion(3, of: 9))
    let alone = Self.figures(of: [extra])
    #expect(alone.froc == nil && alone.verdicts?.falseRegionsPerScan == nil && alone.verdicts?.lesionRecall == nil)
  }

  @Test func `without the pixels of peaks nothing is said of lesions found`() throws {
    var scans = (0..<16).map(Self.scanWithRegions)
    scans[3].verdict?.peaks = nil
    let figures = Self.figures(of: scans)
    #expect(figures.froc == nil)
    #expect(figures.verdicts?.lesionSensitivity == nil && figures.verdicts?.lesionRecall == nil)
    #expect(figures.verdicts?.flaggedAbnormal == Proportion(3, of: 8))
  }

  @Test func `flags are counted among abnormal and among healthy cases`() throws {
    let verdicts = try #require(Self.figures(of: (0..<16).map(Self.scanWithRegions)).verdicts)
    #expect(verdicts.flaggedAbnormal == Proportion(3, of: 8))  // 0, 6 and 12
    #expect(verdicts.flaggedHealthy == Proportion(3, of: 8))  // 3, 9 and 15
  }

  /// A table may know more than masks: a case can be abnormal without a delineated lesion.
  @Test func `a label counts for the case and its scan, lesion pixels for pixels`() throws {
    var scans = (0..<16).map(Self.scanWithRegions)
    for k in scans.indices { scans[k].label = Evaluation.Label(wholeCase: k < 4, scan: k < 3 ? true : nil) }
    for k in scans.indices { scans[k].score = Double(16 - k) }
    let figures = Self.figures(of: scans)
    #expect(figures.verdicts?.flaggedAbnormal == Proportion(2, of: 4))
    #expect(figures.caseAUROC?.value == 1)
    #expect(figures.scanAUROC == nil)  // no scan is known to be healthy
    #expect(figures.pixelAP != nil)
  }

  /// Limits of the exact interval, from SciPy 1.17 (`binomtest(k, n).proportion_ci(method="exact")`).
  @Test(arguments: [(0, 19, 0, 0.17647), (1, 20, 0.001265, 0.248733), (8, 16, 0.246509, 0.753491), (5, 5, 0.478176, 1)])
  func `the interval of a share is the exact one`(count: Int, total: Int, low: Double, high: Double) throws {
    let share = try #require(Proportion(count, of: total))
    #expect(abs(share.low - low) < 1e-5 && abs(share.high - high) < 1e-5)
    #expect(Proportion(0, of: 0) == nil)
  }
}
