import Anomaly
import Compute
import Files
import Foundation
import Imaging
import Numerics
import Testing

/// Scans of a few hundred pixels, read as if they were too large to be held.
struct SlideTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let reading: ScanReading = {
    var reading = ScanReading()
    reading.largestWhole = 100
    return reading
  }()

  /// An island of tissue with texture, left of the middle, on an empty background.
  private static func picture(width: Int, height: Int, seed: UInt64, lesion: Bool = false) -> Image {
    var random = RandomGenerator(seed: seed)
    let texture = NoiseField.smooth(cells: 12, edge: max(width, height), using: &random)
    var image = Image(width: width, height: height, channels: 1, pixelSize: PixelSize(x: 2, y: 2))
    for y in 0..<height {
      for x in 0..<width {
        let (dx, dy) = (Float(x) - 0.4 * Float(width), Float(y) - 0.5 * Float(height))
        guard hypot(dx / (0.3 * Float(width)), dy / (0.42 * Float(height))) < 1 else { continue }
        image[x, y] = 100 + 8 * texture[y * max(width, height) + x] + 2 * random.normal()
        if lesion, hypot(dx, dy) < 12 { image[x, y] += 120 }
      }
    }
    return image
  }

  private func slide(of image: Image, reading: ScanReading = Self.reading) throws -> Slide {
    try folder.write([image], as: "study/case/slide.tif")
    let study = try Study(path: folder.path + "/study")
    let scan = try #require(study.scans(of: study.cases[0], reading: reading).first)
    guard case .slide(let slide) = try scan.content.get() else {
      throw ScanFault(NormaError(subject: "slide", found: "it was held whole", remedy: "See ScanReading.largestWhole"))
    }
    return slide
  }

  @Test func `only scans of more pixels than are held are slides`() throws {
    try folder.write([Self.picture(width: 20, height: 20, seed: 1)], as: "study/case/scan.tif")
    let study = try Study(path: folder.path + "/study")
    for (most, isWhole) in [(399, false), (400, true)] {
      var reading = ScanReading()
      reading.largestWhole = most
      #expect((study.scans(of: study.cases[0], reading: reading)[0].image != nil) == isWhole)
    }
  }

  @Test(arguments: [1, 2, 3], [0.25, 0.5])
  func `every pixel of tissue comes by once, in its place and reconstructed`(reduction: Int, overlap: Double) throws {
    let model = try TinyStudy.model.get()
    var preparation = model.preparation
    preparation.reduction = reduction
    let image = Self.picture(width: 431, height: 350, seed: 2)
    let prepared = preparation.prepare(try preparation.survey(try slide(of: image)))
    var settings = Inference.Settings()
    settings.overlap = overlap
    let engine = try Engine()
    let inference = Inference(
      network: try model.network(engine: engine, path: ""), scoreNetwork: nil, preparation: preparation,
      settings: settings)
    let expected = prepared.normalized(image.reduced(by: reduction))
    let tissue = Normalization.tissue(of: [image.reduced(by: reduction)])[0]
    var seen = [Int](repeating: 0, count: prepared.width * prepared.height)
    var next = 0
    try SlideStream(prepared, by: inference).run {
      $0
    } take: { rows, blocks in
      #expect(rows.lowerBound == next)
      next = rows.upperBound
      for block in blocks {
        #expect(rows == block.area.y..<block.area.y + block.area.height)
        let scan = block.core(of: block.scan.image)
        let reconstruction = block.core(of: block.maps.reconstruction)
        for y in 0..<block.area.height {
          for x in 0..<block.area.width {
            let pixel = (block.area.y + y) * prepared.width + block.area.x + x
            seen[pixel] += 1
            guard tissue.values[pixel] else { continue }
            if scan[x, y] != expected.samples[pixel] || !reconstruction[x, y].isFinite {
              Issue.record("pixel \(pixel): \(scan[x, y]) for \(expected.samples[pixel]), \(reconstruction[x, y])")
              return
            }
          }
        }
      }
    }
    #expect(next == prepared.height)
    #expect(seen.indices.allSatisfy { seen[$0] == 1 || (seen[$0] == 0 && !tissue.values[$0]) })
    if reduction == 1 { #expect(seen.contains(0), "empty background was computed") }
  }

  @Test func `where all is tissue a slide's heatmap is the whole scan's`() throws {
    let model = try TinyStudy.model.get()
    var random = RandomGenerator(seed: 4)
    let texture = NoiseField.smooth(cells: 12, edge: 300, using: &random)
    var image = Image(width: 300, height: 260, channels: 1)
    for y in 0..<260 { for x in 0..<300 { image[x, y] = 100 + 8 * texture[y * 300 + x] + 2 * random.normal() } }
    for y in 120..<132 { for x in 140..<152 { image[x, y] = 190 } }
    let scorer = try Scorer(model, path: "", score: .learned, engine: Engine())
    let prepared = model.preparation.prepare(try model.preparation.survey(try slide(of: image)))
    var heat: [Float] = []
    let result = try scorer.analyze(
      prepared, rate: 0.3, longestEdge: 64, take: { heat += $0.heat.values })

    // The same normalization and depths, held whole.
    let whole = PreparedScan(
      image: prepared.normalized(image),
      tissue: TissueMask(width: 300, height: 260, filledWith: true))
    let inference = Inference(
      network: try model.network(engine: Engine(), path: ""),
      scoreNetwork: try model.scoreNetwork(engine: Engine(), path: ""), preparation: model.preparation,
      settings: model.inference)
    let maps = try inference.maps(of: [whole])[0]
    let expected = model.book.heatmap(.learned, of: whole, maps: maps)
    #expect(heat.count == expected.values.count)
    // Sums of patches are taken in the same order; what differs is where oneDNN splits a batch.
    #expect(zip(heat, expected.values).allSatisfy { abs($0 - $1) < 1e-3 })
    #expect(result.findings.width == 300 && result.findings.downsample == 1)
    #expect(result.layers.scan.width == 60 && result.layers.heatmap.values.max() == heat.max())
    let peaks = Heatmap(width: 300, height: 260, values: heat).regions(
      above: model.calibrations[.learned]!.regionThreshold(rate: 0.3), minimumArea: 12, pixelSize: nil)
    #expect(peaks.map(\.areaPixels) == result.findings.regions.map(\.areaPixels))
    #expect(peaks.map(\.peakX) == result.findings.regions.map(\.peakX))
    #expect(peaks.map(\.peakY) == result.findings.regions.map(\.peakY))
    #expect(abs(ScanScore(of: expected, in: whole).value - result.findings.score) < 1e-3)
  }

  /// The learned score neither looks across the edge of the tissue nor standardizes within the scan, so that a slide's
  /// heatmap is that of the same pixels held whole.
  @Test func `a scan has the same score whole and as a slide`() throws {
    let model = try TinyStudy.model.get()
    let image = Self.picture(width: 330, height: 280, seed: 8, lesion: true)
    let prepared = model.preparation.prepare(try model.preparation.survey(try slide(of: image)))
    let slide = try Scorer(model, path: "", score: .learned, engine: Engine()).analyze(
      prepared, rate: 0.3, longestEdge: 64, take: { _ in })

    let tissue = Normalization.tissue(of: [image])[0]
    #expect(tissue.share < 0.5, "less than half of the picture counts")
    // A slide measures depth from the middle of the outermost pixel.
    let whole = PreparedScan(
      image: prepared.normalized(image), tissue: tissue, depth: tissue.depth.map { max($0 - 0.5, 0) })
    let inference = Inference(
      network: try model.network(engine: Engine(), path: ""),
      scoreNetwork: try model.scoreNetwork(engine: Engine(), path: ""), preparation: model.preparation,
      settings: model.inference)
    let heat = model.book.heatmap(.learned, of: whole, maps: try inference.maps(of: [whole])[0])
    #expect(abs(ScanScore(of: heat, in: whole).value - slide.findings.score) < 1e-3)

    let sorted = zip(heat.values, tissue.values).filter(\.1).map { Double($0.0) }.sorted(by: >)
    let most = sorted.count * 3 / 1000
    #expect(abs(sorted.prefix(most).reduce(0, +) / Double(most) - slide.findings.score) < 0.011)
  }

  @Test func `a slide's texture is that of the same scan held whole, in the units of the study`() throws {
    let model = try TinyStudy.model.get()
    var preparation = model.preparation
    let scans = (1...8).map { TinyStudy.scan(seed: $0, edge: 160) }
    let masks = Normalization.tissue(of: scans)
    preparation.texture = TextureScale(
      of: zip(scans, masks).map { [TextureScale.Sample(original: $0, image: $0, tissue: $1)] }
    ) { _ in 1 }
    preparation.localTexture = LocalTexture(of: scans.flatMap { preparation.prepare([$0]) }.map(\.scan))
    #expect(preparation.localTexture != nil)
    let image = Self.picture(width: 330, height: 280, seed: 8)
    let prepared = preparation.prepare(try preparation.survey(try slide(of: image)))
    let units = try #require(prepared.fields.first?.sharedUnits)
    let inference = Inference(
      network: try model.network(engine: Engine(), path: ""), scoreNetwork: nil, preparation: preparation,
      settings: model.inference)
    let tissue = Normalization.tissue(of: [image])[0]
    let whole = PreparedScan(
      image: prepared.normalized(image), tissue: tissue, depth: tissue.depth.map { max($0 - 0.5, 0) },
      sharedUnits: units)
    let expected = try #require(try inference.maps(of: [whole])[0].texture)
    var compared = 0
    var farthest: Float = 0
    try SlideStream(prepared, by: inference).run {
      $0
    } take: { _, blocks in
      for block in blocks {
        let texture = block.core(of: try #require(block.maps.texture))
        for y in 0..<block.area.height {
          for x in 0..<block.area.width {
            let (column, row) = (block.area.x + x, block.area.y + y)
            guard tissue.depth[column, row] > 1 else { continue }
            farthest = max(farthest, abs(texture[x, y] - expected[column, row]))
            compared += 1
          }
        }
      }
    }
    #expect(farthest < 1e-3)
    #expect(compared > 1000)
  }

  @Test func `positions are in pixels of the scan at its full size`() throws {
    let model = try TinyStudy.model.get()
    var preparation = model.preparation
    preparation.reduction = 2
    var scaled = model
    scaled.preparation = preparation
    let image = Self.picture(width: 500, height: 400, seed: 3, lesion: true)
    try TIFFWriter.write(
      [image, image.reduced(by: 2)].map { TIFFWriter.Page($0, as: .float32) }, tileSize: 64,
      to: try folder.write([UInt8](), as: "study/case/slide.tif"))
    let study = try Study(path: folder.path + "/study")
    for level in [0, 1] {
      preparation.reduction = 2 - level
      preparation.level = level
      scaled.preparation = preparation
      var reading = preparation.reading()
      reading.largestWhole = 100
      guard case .slide(let slide) = try study.scans(of: study.cases[0], reading: reading)[0].content.get() else {
        throw ScanFault(
          NormaError(subject: "slide", found: "it was held whole", remedy: "See ScanReading.largestWhole"))
      }
      let prepared = preparation.prepare(try preparation.survey(slide))
      var count = 0
      let result = try Scorer(scaled, path: "", engine: Engine()).analyze(
        prepared, rate: 0.3, longestEdge: 100, take: { count += $0.heat.values.count })
      let region = try #require(result.findings.regions.first)
      #expect(abs(region.x + region.width / 2 - 200) <= 8, "level \(level): \(region)")
      #expect(abs(region.y + region.height / 2 - 200) <= 8)
      #expect(result.findings.downsample == 2 && count == 250 * 200)
      #expect(result.findings.width == 500 && result.findings.pixelSize == PixelSize(x: 2, y: 2))
      #expect(prepared.pixelSize == PixelSize(x: 4, y: 4))
    }
  }

  /// A level that is smaller than the slide by no whole number, and a grid that is smaller by another two.
  @Test(arguments: [1, 2]) func `a slide's peaks lead back to the pixels of its heatmap`(reduction: Int) throws {
    var model = try TinyStudy.model.get()
    (model.preparation.level, model.preparation.reduction) = (1, reduction)
    var image = Self.picture(width: 701, height: 503, seed: 3)
    for y in 230..<272 { for x in 260..<301 { image[x, y] += 120 } }
    try TIFFWriter.write(
      [image, image.reduced(by: 2)].map { TIFFWriter.Page($0, as: .float32) }, tileSize: 64,
      to: try folder.write([UInt8](), as: "study/case/slide.tif"))
    var reading = model.preparation.reading()
    reading.largestWhole = 100
    let study = try Study(path: folder.path + "/study")
    guard case .slide(let slide) = try study.scans(of: study.cases[0], reading: reading)[0].content.get() else {
      Issue.record("it was held whole")
      return
    }
    let prepared = model.preparation.prepare(try model.preparation.survey(slide))
    var heat: [Float] = []
    let found = try Scorer(model, path: "", engine: Engine()).analyze(
      prepared, rate: 0.3, longestEdge: 100, take: { heat += $0.heat.values }
    ).findings
    #expect(found.downsample == Double(reduction) * 701 / 351 && found.downsampleY == Double(reduction) * 503 / 252)
    #expect(!found.regions.isEmpty)
    for region in found.regions {
      let x = Region.heatmapPixel(of: try #require(region.peakX), downsample: found.downsample)
      let y = Region.heatmapPixel(of: try #require(region.peakY), downsample: found.downsampleY)
      #expect(Double(heat[y * prepared.width + x]) == region.peak)
    }
  }

  @Test func `a model learns from slides and is calibrated on whole ones`() throws {
    for (k, name) in TinyStudy.cases.enumerated() {
      try folder.write([Self.picture(width: 220, height: 200, seed: UInt64(k))], as: "\(name)/slide.tif")
    }
    var settings = TrainingSet.Settings()
    settings.largestWhole = 100
    settings.reduction = 1
    settings.level = 0
    let set = try TrainingSet(Study(path: folder.path), settings: settings)
    #expect(set.training.allSatisfy { $0.scans.isEmpty && $0.slides.count == 1 && !$0.views.isEmpty })
    var calibrated = 0
    let trainer = try TinyStudy.trainer(set)
    let model = try trainer.run(toolVersion: "1.0") { event in
      if case .calibrated(let done, _) = event { calibrated = done }
    }
    #expect(calibrated == set.heldOut.count)
    // Gradients of whole slides would take for ever.
    #expect(!model.book.available.contains(.restoration) && !model.book.available.contains(.divergenceGradient))
    for score in model.book.available { #expect(model.calibrations[score]!.caseScores.count == set.heldOut.count) }
    // A held-out slide, analyzed, has the score that it was calibrated with.
    let scorer = try Scorer(model, path: "", engine: Engine())
    for member in set.heldOut {
      let result = try scorer.analyze(
        member.slides[0], rate: 0.3, longestEdge: 100, take: { _ in })
      #expect(scorer.calibration.caseScores.contains { abs($0 - result.findings.score) < 1e-9 })
    }
    let ill = try slide(of: Self.picture(width: 220, height: 200, seed: 50, lesion: true))
    let found = try scorer.analyze(
      model.preparation.prepare(try model.preparation.survey(ill)), rate: 0.3, longestEdge: 100, take: { _ in })
    #expect(found.findings.score > scorer.calibration.caseScores.last!)
    #expect(!found.findings.regions.isEmpty)
  }

  @Test func `a slide without content or tissue has nothing to score, and says why`() throws {
    let model = try TinyStudy.model.get()
    var speck = Image(width: 200, height: 150, channels: 1, filledWith: 0)
    speck[80, 60] = 1
    let pictures: [(Image, NothingToScore?)] = [
      (Image(width: 200, height: 150, channels: 1, filledWith: 0), .constant),
      (Image(width: 200, height: 150, channels: 1, filledWith: 255), .constant),
      (Image(width: 200, height: 150, channels: 1, filledWith: .nan), .noData), (speck, .noTissue),
      (Self.picture(width: 220, height: 200, seed: 50), nil),
    ]
    for (picture, reason) in pictures {
      let prepared = model.preparation.prepare(try model.preparation.survey(try slide(of: picture)))
      #expect(prepared.nothingToScore == reason)
      #expect(prepared.fields.isEmpty == (reason != nil))
    }
  }

  @Test func `a slide that breaks off is a fault of that scan`() throws {
    let model = try TinyStudy.model.get()
    let image = Self.picture(width: 300, height: 300, seed: 6)
    let slide = try slide(of: image)
    let bytes = try folder.bytes(of: "study/case/slide.tif")
    // Its directory stands behind the pixels, so the pixels are what is destroyed.
    var broken = bytes
    for place in 8..<broken.count / 2 { broken[place] = 0 }
    try folder.write(broken, as: "study/case/slide.tif")
    #expect(throws: ScanFault.self) { try model.preparation.survey(slide) }
  }

  @Test(
    arguments: [
      (ScanReading(level: 2), "it has 1 level, level 2 was asked for; 0 is the largest. Choose another --level."),
      (
        ScanReading(micrometersPerPixel: 1),
        "it does not say how large its pixels are, 1.0 micrometers were asked for. Choose by --level and --reduction "
          + "instead, or export it with its pixel size."
      ),
      (
        ScanReading(limits: TIFFLimits(maximumScanPixels: 50)),
        "page 1: 20x20 pixels are declared; up to 50 are allowed. Raise the limit or crop the scan."
      ),
    ])
  func `a resolution that a scan does not have is a fault`(reading: ScanReading, sentence: String) throws {
    try folder.write([Image(width: 20, height: 20, channels: 1, filledWith: 1)], as: "study/case/scan.tif")
    let study = try Study(path: folder.path + "/study")
    guard case .failure(let fault) = study.scans(of: study.cases[0], reading: reading)[0].content else {
      Issue.record("no fault")
      return
    }
    #expect(fault.description.hasSuffix(sentence), "\(fault)")
  }

  @Test(
    arguments: [
      (2.0, 0.5, "its pixels are 2.0 micrometers wide, 0.5 were asked for. Ask for larger ones."),
      (
        1e-3, 1,
        "it says its pixels are 0.001 micrometers wide, less than a 64th of the 1.0 that were asked for. Check its pixel size "
          + "with norma inspect."
      ),
    ])
  func `a pixel size that cannot be reached is a fault`(size: Double, asked: Double, sentence: String) throws {
    var image = Image(width: 20, height: 20, channels: 1, filledWith: 1)
    image.pixelSize = PixelSize(x: size, y: size)
    try folder.write([image], as: "study/case/scan.tif")
    let study = try Study(path: folder.path + "/study")
    let scan = study.scans(of: study.cases[0], reading: ScanReading(micrometersPerPixel: asked))[0]
    guard case .failure(let fault) = scan.content else {
      Issue.record("no fault")
      return
    }
    #expect(fault.description.hasSuffix(sentence), "\(fault)")
  }

  @Test func `a local contrast sees scans whole`() {
    let preparation = Preparation(
      normalization: Normalization(method: .robust), reduction: 1, channels: 3, localContrast: 24)
    #expect(preparation.reading().largestWhole == TIFFLimits.default.maximumPixels)
  }

  @Test func `a calibration says which scans it does not speak of`() throws {
    let folder = try TemporaryFolder()
    for (k, name) in TinyStudy.cases.enumerated() {
      try folder.write([Self.picture(width: 120, height: 100, seed: UInt64(k))], as: "\(name)/slide.tif")
    }
    var settings = TrainingSet.Settings()
    settings.largestWhole = 100
    settings.reduction = 1
    let set = try TrainingSet(Study(path: folder.path), settings: settings)
    let ofSlides = try TinyStudy.trainer(set, TinyStudy.settings(epochs: 1)).run(toolVersion: "1.0") { _ in }
    let whole = try TinyStudy.model.get().calibrations[.ensemble]!
    let slides = ofSlides.calibrations[.ensemble]!
    #expect(whole.mismatch(slides: 0, others: 9) == nil && slides.mismatch(slides: 9, others: 0) == nil)
    #expect(
      whole.mismatch(slides: 1, others: 9)
        == "1 slide was scored by a model that was calibrated on scans that are held whole: p-values and flags say little. "
        + "Train on scans of one size.")
    #expect(slides.mismatch(slides: 1, others: 2)?.hasPrefix("2 scans that are held whole were scored") == true)
  }

  @Test func `a normalization that is learned leaves out slides without tissue`() throws {
    var settings = TrainingSet.Settings()
    settings.largestWhole = 100
    settings.normalization = Normalization(method: .histogram, scope: .wholeCase)
    try folder.write([Image(width: 120, height: 100, channels: 1, filledWith: 0)], as: "a/blank.tif")
    #expect(throws: NormaError.self) { try TrainingSet(Study(path: folder.path), settings: settings) }
    for (k, name) in ["b", "c", "d"].enumerated() {
      try folder.write([Self.picture(width: 120, height: 100, seed: UInt64(k))], as: "\(name)/slide.tif")
    }
    let set = try TrainingSet(Study(path: folder.path), settings: settings)
    #expect((set.training + set.heldOut).map(\.name).sorted() == ["b", "c", "d"])
  }

  @Test(arguments: [(0.5, 0), (1.0, 0), (1.9, 0), (2.0, 1), (7.8, 1), (8.1, 2), (100, 2)])
  func `the smallest level that is fine enough is read`(micrometers: Double, level: Int) throws {
    var image = Self.picture(width: 512, height: 512, seed: 1)
    image.pixelSize = PixelSize(x: 0.5, y: 0.5)
    try TIFFWriter.write(
      [1, 4, 16].map { TIFFWriter.Page(image.reduced(by: $0), as: .uint8) }, tileSize: 32,
      to: try folder.write([UInt8](), as: "study/case/scan.tif"))
    let study = try Study(path: folder.path + "/study")
    let scan = study.scans(of: study.cases[0], reading: ScanReading(micrometersPerPixel: micrometers))[0]
    #expect(scan.image?.width == [512, 128, 32][level])
    #expect((scan.base == nil) == (level == 0))
  }
}
