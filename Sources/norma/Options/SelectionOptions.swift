import Anomaly
import ArgumentParser

/// Options for which files and cases of a study are taken; shared by `train` and `analyze`.
struct SelectionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Leave out what a pattern of * and ? fits: a path in the study, a folder or file of it, or a case, such as "
        + "'*_mask.tif'. May be given several times.", valueName: "pattern"))
  var exclude: [String] = []

  @Option(
    help: ArgumentHelp(
      "Take files that such a pattern fits as scans, although they look like masks or labels.", valueName: "pattern"))
  var include: [String] = []

  @Option(
    help: ArgumentHelp("Take only the cases that a text file names, one a line.", valueName: "file"),
    completion: .file())
  var cases: String?

  func chosen() throws -> StudySelection {
    StudySelection(
      excluded: exclude, included: include, cases: try cases.map { try StudySelection.names(inFile: $0) })
  }
}
