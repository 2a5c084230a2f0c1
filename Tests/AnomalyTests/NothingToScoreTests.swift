import Anomaly
import Compute
import Files
import Foundation
import Imaging
import Testing

struct NothingToScoreTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let edge = TinyStudy.edge

  private static func filled(_ value: Float, channels: Int = 1) -> Image {
    Image(width: edge, height: edge, channels: channels, filledWith: value)
  }

  private static func preparation(reduction: Int = 1, channels: Int = 1, tissueChannels: [Int]? = nil) -> Preparation {
    Preparation(
      normalization: Normalization(method: .percentile(99), scope: .wholeCase), reduction: reduction,
      channels: channels, tissueChannels: tissueChannels)
  }

  private func reason(_ image: Image, reduction: Int = 1) -> NothingToScore? {
    Self.preparation(reduction: reduction, channels: image.channels).prepare([image])[0].nothingToScore
  }

  @Test(arguments: [0, 255, -1000, 0.1, 1e30] as [Float], [1, 3])
  func `a scan of one value has nothing to score`(value: Float, reduction: Int) {
    #expect(reason(Self.filled(value), reduction: reduction) == .constant)
    #expect(reason(Self.filled(value, channels: 3), reduction: reduction) == .constant)
  }

  @Test(arguments: [Float.nan, .infinity])
  func `a scan without data has nothing to score`(value: Float) { #expect(reason(Self.filled(value)) == .noData) }

  @Test func `a speck is no tissue`() {
    var image = Image(width: 128, height: 128, channels: 1, filledWith: 0)
    image[20, 20] = 1
    #expect(reason(image) == .noTissue)
  }

  @Test func `a scan smaller than the smallest region has nothing to score`() {
    #expect(reason(Image(width: 1, height: 1, channels: 1, samples: [77])) == .tooSmall(width: 1, height: 1))
    #expect(reason(TinyStudy.scan(seed: 1, edge: 24), reduction: 8) == .tooSmall(width: 3, height: 3))
    #expect(NothingToScore.leastTissue == ScanExtremes.smallestRegion)
  }

  @Test(
    arguments: [
      (0, 48, 48, .noTissue), (1, 48, 48, .littleTissue(pixels: 1)), (11, 48, 48, .littleTissue(pixels: 11)),
      (12, 48, 48, nil), (11, 11, 1, .tooSmall(width: 11, height: 1)), (12, 12, 1, nil),
    ] as [(Int, Int, Int, NothingToScore?)])
  func `tissue of fewer pixels than the smallest region is nothing to score`(
    pixels: Int, width: Int, height: Int, reason: NothingToScore?
  ) {
    #expect(NothingToScore(tissuePixels: pixels, width: width, height: height) == reason)
  }

  @Test func `tissue is looked for in the channels that show it`() {
    var image = TinyStudy.scan(seed: 1, channels: 2)
    for pixel in 0..<Self.edge * Self.edge { image.samples[2 * pixel + 1] = 5 }
    #expect(Self.preparation(channels: 2, tissueChannels: [0]).prepare([image])[0].nothingToScore == nil)
    #expect(Self.preparation(channels: 2, tissueChannels: [1]).prepare([image])[0].nothingToScore == .constant)
  }

  @Test func `a blank scan does not change the scale of its case`() {
    let preparation = Self.preparation()
    let scan = TinyStudy.scan(seed: 1)
    let alone = preparation.prepare([scan])[0].scan
    let beside = preparation.prepare([Self.filled(4000), scan, Self.filled(.nan)])
    #expect(beside.map(\.nothingToScore) == [.constant, nil, .noData])
    #expect(beside[1].scan.image == alone.image && beside[1].scan.tissue == alone.tissue)
  }

  @Test func `blank scans of a case are named, and the others are passed on`() throws {
    let scan = TinyStudy.scan(seed: 2)
    for (name, image) in [("1", Self.filled(0)), ("2", scan), ("3", Self.filled(9)), ("4", scan)] {
      try folder.write([image], as: "study/case/\(name).tif")
    }
    let study = try Study(path: folder.path + "/study")
    let scorer = try Scorer(TinyStudy.model.get(), path: "", engine: Engine())
    let pictures = CasePictures(
      of: study.cases[0], in: study, reading: ScanReading(channels: 1), for: scorer, budget: .unlimited)
    let blank = pictures.sources.map { source in if case .empty(.constant) = source.content { true } else { false } }
    #expect(blank == [true, false, true, false])
    var passed: [Int] = []
    try pictures.forEachGroup { group in
      passed += group.members
      #expect(group.images.allSatisfy { $0.samples == scan.samples })
      #expect(group.prepared.allSatisfy { $0.nothingToScore == nil } && group.prepared.count == group.images.count)
    }
    #expect(passed == [1, 3])
  }

  @Test func `a case without a scored scan has no score, no p-value and no verdict`() throws {
    func scan(_ outcome: ScanResult.Outcome) -> ScanResult {
      ScanResult(name: "s", path: "s.tif", page: nil, sha256: nil, outcome: outcome)
    }
    let calibration = try TinyStudy.model.get().calibrations[.ensemble]!
    let judge = CaseJudge(calibration, rate: 0.5, shift: nil)
    for scans in [[scan(.empty(.noData))], [scan(.empty(.noTissue)), scan(.failed(reason: "No TIFF file."))]] {
      let verdict = judge.verdict(on: "case", scans: scans)
      #expect(verdict.score == nil && verdict.pValue == nil && !verdict.flagged && verdict.appearance == nil)
    }
    let findings = ScanResult.Findings(
      width: 8, height: 8, channels: 1, pixelSize: nil, score: 1e9, pValue: 0.1, regions: [])
    let verdict = judge.verdict(on: "case", scans: [scan(.empty(.constant)), scan(.done(findings))])
    #expect(verdict.score == CaseScore(worstPlace: 1e9) && verdict.flagged)
  }

  @Test func `training leaves blank scans out and names them`() throws {
    try TinyStudy.write(to: folder)
    let plain = try TinyStudy.trainingSet(in: folder)
    try folder.write([Self.filled(0)], as: "ada/blank.tif")
    try folder.write([Self.filled(255)], as: "gus/white.tif")
    try folder.write([Self.filled(.nan)], as: "hal/none.tif")
    let set = try TinyStudy.trainingSet(in: folder)
    #expect(
      set.empty == [
        "all pixels have the same value": ["\(folder.path)/ada/blank.tif", "\(folder.path)/gus/white.tif"],
        "no pixel has data": ["\(folder.path)/hal/none.tif"],
      ])
    #expect(set.faults.isEmpty && plain.empty.isEmpty)
    func scans(_ set: TrainingSet) -> [String: Int] {
      (set.training + set.heldOut).reduce(into: [:]) { $0[$1.name] = $1.scans.count }
    }
    #expect(scans(set) == scans(plain))
    let ada = { (set: TrainingSet) in (set.training + set.heldOut).first { $0.name == "ada" }?.scans[0].image }
    #expect(ada(set) == ada(plain))
  }
}

struct VerdictRuleTests {
  private let rule = VerdictRule(rate: 0.05)

  @Test(
    arguments: [
      (0.05, false, true, true), (0.06, false, true, false), (0.06, true, true, true), (0.01, true, false, false),
      (0.05 + 1e-15, false, true, true),
    ])
  func `a scan is flagged within a flagged case, by its own p-value or as the highest`(
    pValue: Double, isHighest: Bool, caseIsFlagged: Bool, isFlagged: Bool
  ) {
    #expect(rule.flagsScan(pValue: pValue, isHighest: isHighest, caseIsFlagged: caseIsFlagged) == isFlagged)
  }
}
