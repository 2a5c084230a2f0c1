import Anomaly
import ArgumentParser
import Foundation
import Logging
import Reporting

struct DemoCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo", abstract: "Try everything on a small study of phantoms that it makes itself.",
    discussion: """
      Makes heads with and without lesions, learns the healthy ones, analyzes the patients and compares the heatmaps with
      the planted lesions. Nobody's scan is needed; the same seed gives the same study.
      """)

  @Option(name: .shortAndLong, help: "Folder of the report.")
  var output = "Reports/demo"

  @Option(help: "Folder of the phantom study; the model is written there too.")
  var study = "Studies/demo"

  @Option(help: "Seed of the phantoms and of the training.")
  var seed: UInt64 = 0

  @Option(help: "Time to train, in minutes.")
  var minutes = 4.0

  @OptionGroup var log: LogOptions

  func validate() throws {
    guard minutes > 0 else {
      throw ValidationError("--minutes is \(minutes); a number above 0 is expected.")
    }
  }

  func run() throws {
    var line = ProgressLine()
    let start = Date()
    let phantoms = PhantomStudy(seed: seed)
    try phantoms.write(to: study) { done, all in
      line.update("phantom \(done) of \(all)", fraction: Double(done) / Double(all), isLast: done == all)
    }
    Terminal.endLine()

    let model = study + "/healthy.safetensors"
    if try hasModel(model) {
      Logger.norma.notice("\(model) is kept: it was trained on these phantoms as asked for; delete it to train again")
    } else {
      // The same defaults as on the command line: a demo with settings of its own would promise too much.
      var training = try TrainingOptions.parse([])
      training.minutes = minutes
      training.seed = seed
      let trained = try training.train(
        study: "\(study)/\(PhantomStudy.Group.healthy)", output: model, resume: false, line: &line)
      print(TrainingOptions.summary(trained.model, output: model), terminator: "\n\n")
    }

    let outcome = try Analysis(
      study: "\(study)/\(PhantomStudy.Group.patients)", model: model, output: output, falsePositiveRate: 0.05
    ).run(line: &line)
    print(outcome.summary, terminator: "\n\n")

    let masks = study + "/masks"
    let evaluation = try EvaluateCommand.parse([output, "--masks", masks])
    try evaluation.run()
    print(
      """

      Done in \(Terminal.duration(Date().timeIntervalSince(start))). The report, for any browser:
        \(URL(fileURLWithPath: output).standardizedFileURL.path)/index.html
      Queries, examples:
        norma cases \(output) --flagged
        norma cases \(output) --sort p_value --format csv
        sqlite3 -box \(output)/cases.sqlite 'SELECT name, score, p_value FROM flagged_cases'
      The comparison above, again: norma evaluate \(output) --masks \(masks)
      """)
    if outcome.failedScans > 0 { throw ExitCode(ExitStatus.failed) }
  }

  /// Whether an earlier demo left the model that this one would train, so that its analysis can be gone on with.
  private func hasModel(_ path: String) throws -> Bool {
    guard FileManager.default.fileExists(atPath: path) else { return false }
    let record = try Model(path: path).record
    guard record.seed == seed, record.toolVersion == Norma.version, abs(record.minutes - minutes) < 0.1 * minutes
    else { return false }
    let healthy = try Study(path: "\(study)/\(PhantomStudy.Group.healthy)")
    return try TrainingSet(healthy, settings: TrainingSet.Settings()).digest == record.trainingSetSHA256
  }
}
