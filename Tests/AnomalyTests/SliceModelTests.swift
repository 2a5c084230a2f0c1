import Anomaly
import Compute
import Imaging
import Numerics
import Testing

/// A model of stacks of slices with two channels, whose second channel follows the first.
struct SliceModelTests {
  private static let edge = TinyStudy.edge

  private static func slices(_ count: Int, seed: UInt64) -> [Image] {
    var random = RandomGenerator(seed: seed)
    let fields = (0...count / 3 + 1).map { _ in NoiseField.smooth(cells: 5, edge: edge, using: &random) }
    return (0..<count).map { k in
      let (first, share) = (k / 3, Float(k % 3) / 3)
      var image = Image(width: edge, height: edge, channels: 2)
      for i in 0..<edge * edge where isTissue(i % edge, i / edge) {
        let value = (1 - share) * fields[first][i] + share * fields[first + 1][i]
        image.samples[2 * i] = 100 + 8 * value + random.normal()
        image.samples[2 * i + 1] = 80 + 3 * value * value + random.normal()
      }
      return image
    }
  }

  /// Whether a pixel lies in the disk of tissue.
  private static func isTissue(_ x: Int, _ y: Int) -> Bool {
    let (x, y) = (x - edge / 2, y - edge / 2)
    return x * x + y * y < 20 * 20
  }

  private static let model = Result {
    let folder = try TemporaryFolder()
    for (number, name) in TinyStudy.cases.enumerated() {
      for (k, slice) in slices(16, seed: UInt64(number + 1)).enumerated() {
        try folder.write([slice], as: "\(name)/slice_\(k + 1).tif")
      }
    }
    let set = try TrainingSet(Study(path: folder.path), settings: TrainingSet.Settings())
    var architecture = TinyStudy.architecture
    architecture.channels = 2
    return try Trainer(
      set, architecture: architecture, settings: TinyStudy.settings(epochs: 1), engine: Engine()
    ).run(toolVersion: "1.0") { _ in }
  }

  @Test func `a model of slices with two channels knows both`() throws {
    let model = try Self.model.get()
    #expect(model.book.slicesSummary.contains("neighbours"), "\(model.book.slicesSummary)")
    #expect(model.book.available.contains(.crossChannel) && model.calibrations[.crossChannel] != nil)
    #expect(model.expectationSummary != nil)
    #expect(model.book.available.contains(.texture) && model.calibrations[.texture] != nil)
    // Slices are judged by their worst place alone.
    #expect(model.texture == nil && model.preparation.texture == nil)
    let folder = try TemporaryFolder()
    try model.save(to: folder.path + "/model.safetensors")
    let read = try Model(path: folder.path + "/model.safetensors")
    #expect(read.book == model.book && read.preparation == model.preparation)
  }

  /// A case of 20 slices is scored in groups of 16 and 4; the slices at the border need those of the other group. The
  /// eighth slice is blank, so that the two beside it are no neighbours.
  @Test func `the slices of a case are scored alike in groups and at once`() throws {
    let model = try Self.model.get()
    let folder = try TemporaryFolder()
    for (k, slice) in Self.slices(20, seed: 90).enumerated() {
      let image = k == 7 ? Image(width: Self.edge, height: Self.edge, channels: 2) : slice
      try folder.write([image], as: "study/case/slice_\(k + 1).tif")
    }
    let study = try Study(path: folder.path + "/study")
    let scorer = try Scorer(model, path: "", engine: Engine())
    let reading = ScanReading(channels: 2)
    let pictures = CasePictures(of: study.cases[0], in: study, reading: reading, for: scorer, budget: .unlimited)
    var grouped: [[UInt32]] = []
    var groups = 0
    try pictures.forEachGroup { group in
      groups += 1
      grouped += try scorer.analyze(group, rate: 0.3).map { $0.layers.heatmap.values.map(\.bitPattern) }
    }
    #expect(groups == 2 && grouped.count == 19)
    let sources = study.scans(of: study.cases[0], reading: reading)
    let images = sources.compactMap(\.image)
    let whole = try scorer.heatmaps(
      by: [.ensemble], of: images, prepared: model.preparation.prepare(images).at(sources.slicePlaces)
    ).map { $0[.ensemble]!.heatmap.values.map(\.bitPattern) }
    let full = whole.indices.filter { $0 != 7 }.map { whole[$0] }
    #expect(full == grouped)

    // By itself a slice has another heatmap than among its neighbours.
    let alone = try scorer.heatmaps(
      by: [.ensemble], of: [images[3]], prepared: model.preparation.prepare([images[3]]))
    #expect(alone[0][.ensemble]!.heatmap.values.map(\.bitPattern) != whole[3])
  }
}
