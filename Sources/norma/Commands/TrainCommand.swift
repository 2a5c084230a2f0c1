import Anomaly
import ArgumentParser
import Compute
import Files
import Foundation
import Reporting
import Threads
import Workflows

struct TrainCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Learn healthy tissue from a study folder.",
    discussion: CommandHelp.text(
      """
      STUDY/CASE/*.tif: a folder is a case, its files are its scans. STUDY/*.tif: a file is a case. A part of the cases
      is held out, to choose the checkpoint and to calibrate scores.

      Started by Open MPI's mpirun or by srun --mpi=pmix, several processes share every batch: mpirun -n 2 norma train ...
      """, example: "norma train STUDY/healthy --output healthy.safetensors"))

  @Argument(help: ArgumentHelp("Folder of healthy scans.", valueName: "study"), completion: .directory)
  var study: String

  @Option(
    name: .shortAndLong, help: "Model file to write (safetensors).", completion: .model)
  var output: String

  @OptionGroup(title: "Choosing scans") var selection: SelectionOptions

  @OptionGroup var training: TrainingOptions

  @Flag(help: "Go on from the last checkpoint of the same output.")
  var resume = false

  @OptionGroup(title: "Messages") var log: LogOptions

  func run() throws {
    Interruption.listen()
    training.memory.apply()
    let ranks = try Distribution.join(output: output)
    defer { ranks?.leave() }
    var settings = training.settings(study: study, output: output)
    settings.resumes = resume
    settings.selection = try selection.chosen()
    let console = Console()
    do {
      guard let trained = try Train(settings, ranks: ranks, observe: console.show).run() else { return }
      console.print(trained.summary)
      if !trained.faults.isEmpty { throw ExitCode(ExitStatus.failed) }
    } catch let end as Distribution.Elsewhere {
      throw ExitCode(end.isUsage ? ExitStatus.usage : ExitStatus.failed)
    }
  }
}

extension Train.Outcome {
  /// Summary of the trained model, as lines of text.
  var summary: String {
    let r = model.record
    let lines =
      [
        "model           \(output)",
        String(
          format: "trained         %.1f epochs, %@, %@; the score %@", r.epochs, Count.of(r.steps, "step"),
          PageText.duration(r.minutes * 60), Count.of(r.scoreSteps, "step")),
        "cases           \(r.trainingCases) for training, \(r.heldOutCases.count) held out",
        "patches         \(model.architecture.patchSize) pixels, \(Count.of(model.architecture.channels, "channel")), "
          + "scans \(model.preparation.gridDescription)",
        "planted lesions " + model.book.plantedSummary,
        "slices          \(model.book.slicesSummary)",
        "channels        \(model.expectationSummary ?? "not predicted from each other")",
        "whole scans     \(model.textureSummary ?? "texture is not measured")",
        "features        \(model.featureSummary)",
        "knowledge       \(r.knowledge.summary)",
        String(format: "latents         %.0f nats a patch", r.divergences.joined().reduce(0, +)),
        "compute         \(r.compute), \((r.precision ?? .float32).rawValue), \(Count.of(r.threads, "thread"))"
          + (processes > 1 ? " in the first of \(Count.of(processes, "process", "processes"))" : ""),
      ] + r.allWarnings.map { "warning         \($0)" } + [
        "next            norma analyze STUDY --model \(ShellWord.quoted(output))"
      ]
    return lines.joined(separator: "\n")
  }
}
