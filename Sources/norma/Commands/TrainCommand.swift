import Anomaly
import ArgumentParser
import Compute
import Threads

struct TrainCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Learn healthy tissue from a study folder.",
    discussion: """
      STUDY/CASE/*.tif: a folder is a case, its files are its scans. STUDY/*.tif: a file is a case. A part of the cases
      is held out, to choose the checkpoint and to calibrate scores.

      Started by Open MPI's mpirun or by srun --mpi=pmix, several processes share every batch: mpirun -n 2 norma train ...
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
    let ranks = try Distribution.join(output: output)
    defer { ranks?.leave() }
    do { try run(in: ranks) } catch let end as Distribution.Elsewhere { throw ExitCode(end.status) }
  }

  private func run(in ranks: Ranks?) throws {
    if let ranks, !ranks.isFirst { return try training.assist(study: study, output: output, ranks: ranks) }
    var line = ProgressLine()
    let trained = try training.train(study: study, output: output, resume: resume, ranks: ranks, line: &line)
    print(TrainingOptions.summary(trained.model, output: output, processes: ranks?.count ?? 1))
    if !trained.faults.isEmpty { throw ExitCode(ExitStatus.failed) }
  }
}
