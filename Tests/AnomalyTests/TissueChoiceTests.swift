import Anomaly
import Imaging
import Numerics
import Testing

/// What counts as tissue, and the units that scans share, as a training study decides them.
struct TissueChoiceTests {
  /// Scans of `TinyStudy` on a background of some brightness and structure.
  private static func set(
    background: Float, structure: Float, chooses: Bool = true
  ) throws -> (set: TrainingSet, folder: TemporaryFolder) {
    let folder = try TemporaryFolder()
    for (k, name) in TinyStudy.cases.enumerated() {
      var scan = TinyStudy.scan(seed: UInt64(k + 1))
      var random = RandomGenerator(seed: UInt64(100 + k))
      let field = NoiseField.smooth(cells: 6, edge: scan.width, using: &random)
      for i in scan.samples.indices where scan.samples[i] == 0 {
        scan.samples[i] = max(background + structure * field[i], 0)
      }
      try folder.write([scan], as: "\(name)/1.tif")
    }
    var settings = TrainingSet.Settings()
    settings.choosesTissue = chooses
    return (try TrainingSet(Study(path: folder.path), settings: settings), folder)
  }

  @Test(arguments: [(Float(0), Float(0)), (20, 0.5)])
  func `an empty background is no tissue`(background: Float, structure: Float) throws {
    let set = try Self.set(background: background, structure: structure).set
    #expect(set.preparation.tissueAppearance == .bright && set.tissueNote == nil)
    #expect(set.training.flatMap(\.scans).allSatisfy { $0.tissue.share < 0.8 })
  }

  @Test func `dark parts that vary as bright ones do are tissue, and it is said why`() throws {
    let set = try Self.set(background: 20, structure: 8).set
    #expect(set.preparation.tissueAppearance == .everywhere)
    let note = try #require(set.tissueNote)
    #expect(note.hasPrefix("every pixel counts as tissue: what is darker varies "), "\(note)")
    #expect((set.training + set.heldOut).flatMap(\.scans).allSatisfy { $0.tissue.share == 1 })
    let scan = TinyStudy.scan(seed: 50)
    #expect(set.preparation.prepare([scan])[0].scan.tissue.share == 1)
  }

  @Test func `what the user says of tissue is not changed`() throws {
    let set = try Self.set(background: 20, structure: 8, chooses: false).set
    #expect(set.preparation.tissueAppearance == .bright && set.tissueNote == nil)
  }

  @Test func `pixels without data are no tissue`() {
    var image = TinyStudy.scan(seed: 1, channels: 2)
    image.samples[7] = .nan
    let mask = Normalization.tissue(of: [image], appearing: .everywhere)[0]
    #expect(mask.values.indices.filter { !mask.values[$0] } == [3])
    // Where another channel shows tissue, this one need not have data.
    #expect(Normalization.tissue(of: [image], channels: [0], appearing: .everywhere)[0].share == 1)
  }

  @Test func `channels without any signal say nothing of the background`() throws {
    let folder = try TemporaryFolder()
    for (k, name) in TinyStudy.cases.enumerated() {
      var scan = TinyStudy.scan(seed: UInt64(k + 1), channels: 3)
      for i in scan.samples.indices where i % 3 != 1 { scan.samples[i] = 0 }
      try folder.write([scan], as: "\(name)/1.tif")
    }
    var settings = TrainingSet.Settings()
    settings.choosesTissue = true
    #expect(try TrainingSet(Study(path: folder.path), settings: settings).tissueNote == nil)
  }

  /// Eight healthy cases, all brighter than the one that is prepared.
  @Test func `shared units are those of the study's tissue, whatever a scan's own normalization is`() throws {
    let scans = (1...8).map { TinyStudy.scan(seed: $0) }
    let masks = Normalization.tissue(of: scans)
    let scale = TextureScale(
      of: zip(scans, masks).map { [TextureScale.Sample(original: $0, image: $0, tissue: $1)] }
    ) { _ in 1 }
    let study = try #require(scale.study)[0]
    var preparation = Preparation(
      normalization: Normalization(method: .robust, scope: .scan), reduction: 1, channels: 1)
    preparation.texture = scale
    var darker = TinyStudy.scan(seed: 20)
    for i in darker.samples.indices { darker.samples[i] *= 0.9 }
    let prepared = preparation.prepare([darker])[0].scan
    let units = try #require(prepared.sharedUnits)
    var compared = 0
    for i in darker.samples.indices where prepared.tissue.values[i] {
      // Normalization clips at 0 and 1.5.
      guard (0.01..<1.49).contains(prepared.image.samples[i]) else { continue }
      let shared = prepared.image.samples[i] * units.gains[0] + units.offsets[0]
      #expect(abs(shared - (darker.samples[i] - study.center) / study.spread) < 1e-2)
      compared += 1
    }
    #expect(compared > 100)
    preparation.localContrast = 8
    #expect(preparation.prepare([darker])[0].scan.sharedUnits == nil)
    preparation.localContrast = nil
    preparation.texture = nil
    #expect(preparation.prepare([darker])[0].scan.sharedUnits == nil)
  }
}
