import Anomaly
import Compute
import Files
import Foundation

/// The settings and tools of a run, as data. The text for people is made from this data, and no program reads that
/// text.
package struct RunRecord: Codable, Sendable, Equatable {
  package var toolVersion: String
  /// Folder of the study, as given on the command line.
  package var study: String
  /// Absolute path of the study, with links resolved; `nil` in reports of an older version of norma.
  package var studyFolder: String?
  /// Which files and cases of the study were taken; `nil` in reports of an older version of norma, which took all.
  package var selection: StudySelection?
  /// File of the model, as given on the command line.
  package var model: String
  /// Absolute path of that file, so that it is found from another folder; `nil` in reports of an older norma.
  package var absoluteModel: String?
  package var modelSHA256: String
  package var trainingCases: Int
  package var heldOutCases: Int
  package var trainingSteps: Int
  package var trainingSeed: UInt64
  package var trainingSetSHA256: String
  /// The model's account of what it has learned; `nil` in reports of an older version of norma.
  package var knowledge: ModelKnowledge?
  /// Normalization method and grid, in words.
  package var normalization: String
  package var score: Score
  /// Weights of the scores in the ensemble; empty for any other score.
  package var ensemble: [Score: Float]
  /// Direction of a lesion, one number per channel; `nil` if any direction counts.
  package var channelWeights: [Float]?
  package var polarity: EvidenceRule.Polarity
  package var precision: Precision
  /// Version of oneDNN and the instruction set that it chose.
  package var compute: String
  package var threads: Int
  /// The command line; `nil` if several command lines made the results.
  package var command: [String]?
  /// Start of the run, ISO 8601.
  package var startedAt: String
  package var seconds: Double?
  /// One line on how the study compares with the training study.
  package var domain: String?
  /// Sentences on the cases that were computed again because the settings or norma's scores had changed; `nil` if there
  /// were none.
  package var recomputed: [String]?
  /// How many shards were merged, and into how many the study was divided; `nil` if one run analyzed the whole study.
  package var shards: Shards?

  package struct Shards: Codable, Sendable, Equatable {
    package var found: Int
    package var count: Int
  }

  package init(
    toolVersion: String, study: String, model: String, modelSHA256: String, trained: Model, score: Score,
    precision: Precision, compute: String, threads: Int, command: [String], startedAt: String
  ) {
    let record = trained.record
    self.toolVersion = toolVersion
    self.study = study
    studyFolder = FilePath.resolved(study)
    self.model = model
    absoluteModel = URL(fileURLWithPath: model).standardizedFileURL.path
    self.modelSHA256 = modelSHA256
    trainingCases = record.trainingCases
    heldOutCases = record.heldOutCases.count
    trainingSteps = record.steps
    trainingSeed = record.seed
    trainingSetSHA256 = record.trainingSetSHA256
    knowledge = record.knowledge
    normalization = "\(trained.preparation.normalization.method), \(trained.preparation.gridDescription)"
    self.score = score
    ensemble = score == .ensemble ? trained.book.weights : [:]
    channelWeights = trained.book.rule.channelWeights
    polarity = trained.book.rule.polarity
    self.precision = precision
    self.compute = compute
    self.threads = threads
    self.command = command
    self.startedAt = startedAt
  }

  /// The record as lines for a reader.
  package var facts: [ProvenanceFact] {
    let weights = channelWeights.map { "channel weights \($0.map { "\($0)" }.joined(separator: ", "))" }
    let trained =
      "\(Count.of(trainingCases, "case")), \(heldOutCases) held out; \(Count.of(trainingSteps, "step")), "
      + "seed \(trainingSeed)"
    let lines: [(String, String?)] = [
      ("norma", toolVersion), ("Study", study),
      ("Taken of it", selection.flatMap { $0 == StudySelection() ? nil : $0.description }), ("Model file", model),
      ("Model SHA-256", modelSHA256), ("Trained on", trained), ("Learned", knowledge?.summary),
      ("Training set SHA-256", trainingSetSHA256), ("Normalization", normalization),
      ("Score", "\(members); \(weights ?? "any direction"), \(polarity.rawValue)"),
      ("Command", command?.joined(separator: " ")), ("Precision", precision.rawValue),
      ("Compute", "\(compute), \(Count.of(threads, "thread"))"),
      ("Shards", shards.map { "\($0.found) of \($0.count), merged" }), ("Started", startedAt),
      ("Computed again", recomputed?.joined(separator: " ")), ("Domain shift", domain),
      ("Duration", seconds.map { PageText.duration($0) }),
    ]
    return lines.compactMap { name, value in value.map { ProvenanceFact(name, $0) } }
  }

  /// The score in words; for an ensemble, its member scores and their weights.
  private var members: String {
    guard !ensemble.isEmpty else { return score.rawValue }
    let parts = ensemble.sorted { ($0.value, $1.key.rawValue) > ($1.value, $0.key.rawValue) }
    return "ensemble of "
      + parts.map { String(format: "%.0f %% %@", $0.value * 100, $0.key.rawValue) }.joined(separator: ", ")
  }
}
