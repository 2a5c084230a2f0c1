import Anomaly
import Compute
import Imaging
import Numerics
import Testing

struct RestorationTests {
  private let set: TrainingSet
  private let network: VAE
  private let engine: Engine
  private var spread: [Float] = [0]
  private let objective = Objective(stages: 2)

  /// Restoring needs a model that knows healthy tissue: 600 steps make one, in about a second.
  init() throws {
    let folder = try TemporaryFolder()
    try TinyStudy.write(to: folder)
    set = try TinyStudy.trainingSet(in: folder)
    engine = try Engine()
    network = VAE(TinyStudy.architecture, seed: 3, engine: engine)
    let source = PatchSource(set.training.flatMap(\.scans), edge: TinyStudy.edge, channels: 1, range: 0...1.5)
    let shape = Shape(4, TinyStudy.edge, TinyStudy.edge, 1)
    let step = try TrainingStep(
      network: network, adam: Adam(network.parameters), objective: objective, shape: shape)
    var random = RandomGenerator(seed: 5)
    for k in 0..<600 as Range<UInt64> {
      source.fill(clean: step.clean, corrupted: step.corrupted, using: &random)
      _ = try step.run(learningRate: 2e-3, seed: k, spread: &spread)
    }
  }

  private func restore(_ scan: Tensor) throws -> [Float] {
    let workspace = try Restoration.Workspace(scan.shape, network: network)
    try Restoration(objective: objective, spread: spread, range: 0...1.5).restore(scan, by: network, in: workspace)
    return Array(workspace.restored.values)
  }

  /// A healthy scan, and the same with a square shifted by `contrast`; normalized, `[1, 48, 48, 1]`.
  private func scans(contrast: Float = 0.4) throws -> (healthy: Tensor, lesion: Tensor, square: [Int]) {
    let edge = TinyStudy.edge
    let image = set.preparation.prepare([TinyStudy.scan(seed: 91)])[0].scan.image
    let (healthy, lesion) = (
      try Tensor(Shape(1, edge, edge, 1), engine: engine), try Tensor(Shape(1, edge, edge, 1), engine: engine)
    )
    _ = healthy.values.update(fromContentsOf: image.samples)
    lesion.copy(from: healthy)
    let square = (0..<edge * edge).filter { (20..<28).contains($0 % edge) && (20..<28).contains($0 / edge) }
    for i in square { lesion.values[i] = max(lesion.values[i] + contrast, 0) }
    return (healthy, lesion, square)
  }

  @Test(arguments: [0.4, -0.4] as [Float])
  func `a lesion is brought towards healthy tissue, and more than the tissue around it`(contrast: Float) throws {
    let (healthy, lesion, square) = try scans(contrast: contrast)
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
    func loss(_ x: Tensor) throws -> Double {
      var none: RandomGenerator?
      let y = try network.forward(x, sampling: &none)
      return objective.heldOutLoss(
        of: x, reconstruction: y, scales: nil, divergences: network.divergences, spread: spread)
    }
    #expect(try loss(restored) < loss(lesion))
  }

  /// Along the gradient itself the objective rises by the gradient's square norm.
  @Test(arguments: [
    (Likelihood.gaussian, Objective.Variance.channel), (.gaussian, .pixel), (.bernoulli, .channel),
  ])
  func `the slope is that of likelihood and divergence`(
    likelihood: Likelihood, variance: Objective.Variance
  ) throws {
    var objective = Objective(stages: 2)
    (objective.likelihood, objective.variance) = (likelihood, variance)
    objective.divergenceWeights = [0.5, 2]
    var architecture = TinyStudy.architecture
    architecture.suit(objective)
    let network = VAE(architecture, seed: 9, engine: engine)
    let (_, x, _) = try scans()
    for i in x.values.indices { x.values[i] = 0.1 + 0.8 * min(x.values[i], 1) }
    func cost() throws -> Double {
      var none: RandomGenerator?
      let y = try network.forward(x, sampling: &none)
      let nats = x.values.indices.reduce(0.0) {
        $0
          + Double(
            likelihood.cost(
              of: x.values[$1], reconstruction: y.values[$1], spread: network.scales?.values[$1] ?? 0.1
            ).nats)
      }
      return zip(network.divergences, objective.divergenceWeights).reduce(nats) {
        $0 + Double($1.1) * $1.0.reduce(0, +)
      }
    }
    let workspace = try Restoration.Workspace(x.shape, network: network)
    try Restoration(objective: objective, spread: [0.1], range: 0...1.5).fillSlope(at: x, by: network, in: workspace)
    let slope = Array(workspace.slope.values)
    let norm = slope.reduce(0) { $0 + $1 * $1 }.squareRoot()
    // The objective bends: at four times this length differences are off by sixteen times as much.
    let step: Float = 0.005
    func cost(moved: Float) throws -> Double {
      for i in slope.indices { x.values[i] += moved * slope[i] / norm }
      defer { for i in slope.indices { x.values[i] -= moved * slope[i] / norm } }
      return try cost()
    }
    let measured = try (cost(moved: step) - cost(moved: -step)) / Double(2 * step)
    #expect(abs(measured / Double(norm) - 1) < 0.005, "\(measured) measured, \(norm) computed")
  }

  @Test func `the same scan is restored to the same bits`() throws {
    let (_, lesion, _) = try scans()
    #expect(try restore(lesion) == restore(lesion))
  }
}
