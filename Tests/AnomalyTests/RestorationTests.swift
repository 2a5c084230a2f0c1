import Anomaly
import Compute
import Imaging
import Testing

struct RestorationTests {
  private let model: Model
  private let engine: Engine

  init() throws {
    model = try TinyStudy.model.get()
    engine = try Engine()
  }

  private func restore(_ scan: Tensor) throws -> [Float] {
    let restoration = Restoration(objective: model.record.objective, spread: try #require(model.record.spread))
    let workspace = try Restoration.Workspace(scan.shape, engine: engine)
    try restoration.restore(scan, by: model.network(engine: engine, path: ""), in: workspace)
    return Array(workspace.restored.values)
  }

  /// A healthy scan, and the same with a bright square; normalized, `[1, 48, 48, 1]`.
  private func scans() throws -> (healthy: Tensor, lesion: Tensor, square: [Int]) {
    let edge = TinyStudy.edge
    let image = model.preparation.prepare([TinyStudy.scan(seed: 91)])[0].scan.image
    let (healthy, lesion) = (
      try Tensor(Shape(1, edge, edge, 1), engine: engine), try Tensor(Shape(1, edge, edge, 1), engine: engine)
    )
    _ = healthy.values.update(fromContentsOf: image.samples)
    lesion.copy(from: healthy)
    let square = (0..<edge * edge).filter { (20..<28).contains($0 % edge) && (20..<28).contains($0 / edge) }
    for i in square { lesion.values[i] += 0.5 }
    return (healthy, lesion, square)
  }

  @Test func `a lesion is brought towards healthy tissue, and more than the tissue around it`() throws {
    let (healthy, lesion, square) = try scans()
    let restored = try restore(lesion)
    let inside = Set(square)
    let around = healthy.values.indices.filter { !inside.contains($0) && healthy.values[$0] > 0.2 }
    func mean(_ places: [Int], _ a: (Int) -> Float) -> Float { places.reduce(0) { $0 + a($1) } / Float(places.count) }
    let before = mean(square) { abs(lesion.values[$0] - healthy.values[$0]) }
    let after = mean(square) { abs(restored[$0] - healthy.values[$0]) }
    #expect(after < 0.8 * before, "\(after) of \(before) is left")
    func change(_ places: [Int]) -> Float { mean(places) { abs(restored[$0] - lesion.values[$0]) } }
    #expect(change(square) > 2 * change(around))
    #expect(restored.allSatisfy { (0...1.5).contains($0) })
  }

  @Test func `a restored scan is likelier under the model than the scan was`() throws {
    let (_, lesion, _) = try scans()
    let restored = try Tensor(lesion.shape, engine: engine)
    _ = restored.values.update(fromContentsOf: try restore(lesion))
    let network = try model.network(engine: engine, path: "")
    let spread = try #require(model.record.spread)
    func loss(_ x: Tensor) throws -> Double {
      var none: RandomGenerator?
      let y = try network.forward(x, sampling: &none)
      return model.record.objective.heldOutLoss(
        of: x, reconstruction: y, scales: nil, divergences: network.divergences, spread: spread)
    }
    #expect(try loss(restored) < loss(lesion))
  }

  @Test func `the same scan is restored to the same bits`() throws {
    let (_, lesion, _) = try scans()
    #expect(try restore(lesion) == restore(lesion))
  }
}
