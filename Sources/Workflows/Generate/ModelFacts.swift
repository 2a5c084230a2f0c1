import Anomaly
import Compute

/// What a model file holds, as data for other programs.
package struct ModelFacts: Encodable, Sendable {
  private let path: String
  private let sha256: String?
  private let madeBy: String
  private let trainingCases: Int
  private let heldOutCases: Int
  private let trainingSetSha256: String
  private let seed: UInt64
  private let precision: String
  private let minutes: Double
  private let steps: Int
  private let stepsNeeded: Int
  private let scoreSteps: Int
  private let channels: Int
  private let patchSize: Int
  private let parameters: Int
  private let latents: Int
  private let activeLatents: Int
  private let nats: Double
  private let explained: Double?
  private let planted: Double?
  private let plantedIntensity: Double
  private let ensemble: [String: Float]
  private let warnings: [String]

  init(_ model: Model, path: String) {
    let record = model.record
    self.path = path
    sha256 = Study.digest(ofFile: path)
    madeBy = "norma \(record.toolVersion), \(record.compute)"
    trainingCases = record.trainingCases
    heldOutCases = record.heldOutCases.count
    trainingSetSha256 = record.trainingSetSHA256
    seed = record.seed
    precision = (record.precision ?? .float32).rawValue
    minutes = record.minutes
    steps = record.steps
    stepsNeeded = record.knowledge.steps.needed
    scoreSteps = record.scoreSteps
    channels = model.preparation.channels
    patchSize = model.architecture.patchSize
    parameters = model.weights.values.reduce(0) { $0 + $1.values.count }
    latents = model.latentDimensions.count
    activeLatents = model.latentDimensions.count(where: \.isActive)
    nats = record.divergences.joined().reduce(0, +)
    explained = record.knowledge.explained.overall
    planted = model.book.planted[.ensemble]
    plantedIntensity = record.knowledge.planted.intensity
    ensemble = Dictionary(uniqueKeysWithValues: model.book.weights.map { ($0.key.rawValue, $0.value) })
    warnings = record.allWarnings
  }
}
