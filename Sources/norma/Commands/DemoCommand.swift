import ArgumentParser
import Foundation
import Reporting
import Threads
import Workflows

struct DemoCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo", abstract: "Try everything on a small study of phantoms that it makes itself.",
    discussion: CommandHelp.text(
      """
      Makes heads with and without lesions, learns the healthy ones, analyzes the patients and compares the heatmaps with
      the planted lesions. Nobody's scan is needed; the same seed gives the same study.
      """, example: "norma demo --study Studies/demo --output Reports/demo"))

  @Option(name: .shortAndLong, help: "Folder of the report.", completion: .directory)
  var output = "Reports/demo"

  @Option(help: "Folder of the phantom study; the model is written there too.", completion: .directory)
  var study = "Studies/demo"

  @Option(help: "Seed of the phantoms and of the training.")
  var seed: UInt64 = 0

  @Option(help: "Time to train, in minutes.")
  var minutes = 4.0

  @OptionGroup(title: "Messages") var log: LogOptions

  func validate() throws {
    guard minutes > 0 else {
      throw ValidationError("--minutes is \(minutes); a number above 0 is expected.")
    }
  }

  func run() throws {
    Interruption.listen()
    let start = Date()
    var settings = Demo.Settings(study: study, output: output)
    settings.seed = seed
    settings.minutes = minutes
    let console = Console()
    let demo = Demo(settings, observe: console.show)
    var isComplete = true
    try demo.run { step in
      switch step {
      case .trained(let trained): console.print(trained.summary, terminator: "\n\n")
      case .analyzed(let analyzed):
        isComplete = analyzed.isComplete
        console.print(analyzed.summary, terminator: "\n\n")
      case .evaluated(let evaluated): console.show(evaluated)
      }
    }
    console.print(
      """

      Done in \(PageText.duration(Date().timeIntervalSince(start))). The report, for any browser:
        \(URL(fileURLWithPath: output).standardizedFileURL.path)/index.html
      Queries, examples:
        norma cases \(output) --flagged
        norma cases \(output) --sort p_value --format csv
        sqlite3 -box \(output)/cases.sqlite 'SELECT name, score, p_value FROM flagged_cases'
      The comparison above, again: norma evaluate \(output) --masks \(demo.masks)
      """)
    if !isComplete { throw ExitCode(ExitStatus.failed) }
  }
}
