import Anomaly
import Compute
import Imaging
import Testing

/// Results of an older norma count as current while the algorithm number is the same, so that the number has to be
/// raised when scores change.
struct AlgorithmTests {
  /// Scores of a scan by every score of a model, in the order of their names, by the algorithm number that gave them. A
  /// change of scores takes a new number in `Scorer.algorithm` and a new line here.
  private static let known: [Int: [Double]] = [
    1: [2.349, 1.898, 2.460, 2.243, 2.413, 2.089, 2.349, 1.245, 1.883],
    2: [2.390, 1.906, 2.507, 2.275, 2.460, 2.184, 2.387, 1.391, 1.916],
    3: [2.390, 1.906, 2.507, 2.275, 2.460, 2.184, 2.387, 1.391, 1.916],
    4: [2.390, 1.906, 2.507, 2.275, 2.460, 2.184, 2.387, 1.391, 1.916],
    5: [2.390, 1.906, 2.507, 2.275, 2.461, 2.184, 2.387, 1.381, 1.916],
  ]
  /// Texture distances of two scans, by the algorithm number.
  private static let knownTextures: [Int: [Double]] = [3: [6.378, 16.381], 4: [6.378, 16.381], 5: [6.378, 16.381]]

  /// What processors and versions of oneDNN may differ by after a short training in f32: 0.026 was met on Debian 13.
  private static let tolerance = 0.04

  @Test func `scores of a fixed phantom change only together with the algorithm number`() throws {
    let folder = try TemporaryFolder()
    try TinyStudy.write(to: folder)
    let set = try TinyStudy.trainingSet(in: folder)
    let engine = try Engine(precision: .float32)
    let trainer = try Trainer(
      set, architecture: TinyStudy.architecture, settings: TinyStudy.settings(epochs: 1), engine: engine)
    let model = try trainer.run(toolVersion: "1.0") { _ in }
    var scan = TinyStudy.scan(seed: 99)
    for y in 18..<28 { for x in 20..<30 { scan[x, y, 0] += 15 } }
    let found = try model.book.available.sorted { $0.rawValue < $1.rawValue }.map { score in
      let scorer = try Scorer(model, path: "", score: score, engine: engine)
      let prepared = model.preparation.prepare([scan])
      return try scorer.analyze(ScanGroup([scan], prepared: prepared), rate: 0.3)[0].findings.score
    }
    let expected = try #require(
      Self.known[Scorer.algorithm], "no scores are known for algorithm \(Scorer.algorithm); these were found: \(found)")
    try #require(expected.count == found.count, "these were found: \(found)")
    for (a, b) in zip(found, expected) {
      #expect(abs(a - b) < Self.tolerance * max(1, abs(b)), "\(found) where \(expected) was expected")
    }
  }

  @Test func `the texture of a fixed phantom changes only together with the algorithm number`() throws {
    let texture = TinyTexture()
    var changed = TinyStudy.scan(seed: 99)
    for i in changed.samples.indices where i % 3 == 0 { changed.samples[i] *= 1.2 }
    let found = [TinyStudy.scan(seed: 99), changed].map(texture.distance)
    let expected = try #require(
      Self.knownTextures[Scorer.algorithm], "no textures are known for algorithm \(Scorer.algorithm): \(found)")
    for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-3 * b, "\(found)") }
  }
}
