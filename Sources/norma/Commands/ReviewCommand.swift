import ArgumentParser

/// Commands for reviewers' verdicts on the cases of a report.
struct ReviewCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "review", abstract: "Keep what reviewers said of the cases of a report.",
    subcommands: [ReviewImportCommand.self])
}
