import ArgumentParser
import Files
import Workflows

struct ModelCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "model", abstract: "Say what a model file holds; compare two; write a page of it.",
    discussion: CommandHelp.text(
      """
      The page shows how training went, what every latent dimension carries, the calibration, draws from the prior and
      what the most informative dimensions move.
      """, example: "norma model healthy.safetensors --output OUT"))

  @Argument(help: "Model files that `norma train` wrote, one or two.", completion: .model)
  var models: [String]

  @Option(name: .shortAndLong, help: "Folder for the page. Without it only words are printed.", completion: .directory)
  var output: String?

  @Flag(help: "Print JSON.")
  var json = false

  @Option(help: "Seed of the pictures.")
  var seed: UInt64 = 0

  @OptionGroup(title: "Messages") var log: LogOptions

  func validate() throws {
    guard (1...2).contains(models.count) else {
      throw ValidationError("\(Count.of(models.count, "model is", "models are")) given; one or two are expected.")
    }
  }

  func run() throws {
    let console = Console()
    let described = try DescribeModels(models)
    console.print(json ? try ReadableJSON.text(described.facts) : described.text)
    guard let output else { return }
    try described.writePage(to: output, seed: seed)
    let page = "\(output)/index.html"
    if json { console.show(.notice("page \(page)")) } else { console.print("page                      \(page)") }
  }
}
