import Anomaly
import Foundation
import Reporting
import Threads

/// Tries everything on a small study of phantoms: makes the study, trains on it, analyzes it and compares the result
/// with the planted lesions.
package struct Demo {
  package struct Settings: Sendable {
    /// Folder of the phantom study; the model is written there too.
    package var study: String
    /// Folder of the report.
    package var output: String
    package var seed: UInt64 = 0
    /// Training time in minutes.
    package var minutes = 4.0

    package init(study: String, output: String) {
      self.study = study
      self.output = output
    }
  }

  /// A finished step of the demo with its outcome.
  package enum Step {
    case trained(Train.Outcome)
    case analyzed(Analyze.Outcome)
    case evaluated(Evaluate.Outcome)
  }

  private let settings: Settings
  private let observe: WorkflowObserver

  package init(_ settings: Settings, observe: @escaping WorkflowObserver = { _ in }) {
    self.settings = settings
    self.observe = observe
  }

  /// Folder of the phantoms' masks.
  package var masks: String { settings.study + "/masks" }

  /// - Parameter done: called after every finished step.
  /// - Throws: `Stopped` where the user stopped it; the next run continues from there.
  package func run(done: (Step) throws -> Void) throws {
    try PhantomStudy(seed: settings.seed).write(to: settings.study) { count, all in
      observe(.progress("phantom \(count) of \(all)", Double(count) / Double(all), isLast: count == all))
    }
    try Interruption.check()
    let model = settings.study + "/healthy.safetensors"
    if try hasModel(model) {
      observe(
        .notice("\(model) is kept: it was trained on these phantoms as asked for; delete it to train again"))
    } else {
      // The settings are the defaults of the command line, because a demo with special settings would promise too much.
      var training = Train.Settings(study: "\(settings.study)/\(PhantomStudy.Group.healthy)", output: model)
      training.budget = .minutes(settings.minutes)
      training.seed = settings.seed
      if let trained = try Train(training, observe: observe).run() { try done(.trained(trained)) }
    }
    var analysis = Analyze.Settings(
      study: "\(settings.study)/\(PhantomStudy.Group.patients)", model: model, output: settings.output)
    // A demo that trains again replaces its own report, and no other.
    analysis.startsAnew = try ReportFolder(settings.output).isFree(forStudyAt: analysis.study)
    try done(.analyzed(try Analyze(analysis, observe: observe).run()))
    let evaluation = Evaluate.Settings(report: settings.output, masks: masks)
    try done(.evaluated(try Evaluate(evaluation).run()))
  }

  /// Whether an earlier demo left the model that this demo would train, so that its analysis can continue.
  private func hasModel(_ path: String) throws -> Bool {
    guard FileManager.default.fileExists(atPath: path) else { return false }
    let record = try Model(path: path).record
    guard record.seed == settings.seed, record.toolVersion == ToolVersion.current, record.algorithm == Scorer.algorithm,
      abs(record.minutes - settings.minutes) < 0.1 * settings.minutes
    else { return false }
    let healthy = try Study(path: "\(settings.study)/\(PhantomStudy.Group.healthy)")
    return try TrainingSet(healthy, settings: TrainingSet.Settings()).digest == record.trainingSetSHA256
  }
}
