import Anomaly
import ArgumentParser
import Compute

struct TrainCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Learn healthy tissue from a study folder.",
    discussion: """
      STUDY/CASE/*.tif: a folder is a case, its files are its scans. STUDY/*.tif: a file is a case. A part of the cases
      is held out, to choose the checkpoint and to calibrate scores.
      """)

  @Argument(help: ArgumentHelp("Folder of healthy scans.", valueName: "study"))
  var study: String

  @Option(name: .shortAndLong, help: "Model file to write (safetensors).")
  var output: String

  @OptionGroup var training: TrainingOptions

  @Flag(help: "Go on from the last checkpoint of the same output.")
  var resume = false

  @OptionGroup var log: LogOptions

  func run() throws {
    Interruption.listen()
    training.memory.apply()
    var line = ProgressLine()
    let trained = try training.train(study: study, output: output, resume: resume, line: &line)
    print(TrainingOptions.summary(trained.model, output: output))
    if !trained.faults.isEmpty { throw ExitCode(ExitStatus.failed) }
  }
}
