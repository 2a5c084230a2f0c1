import ArgumentParser
import Files
import Foundation
import Workflows

struct TraverseCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "traverse", abstract: "Show what each latent dimension of a model does.",
    discussion: CommandHelp.text(
      """
      Every dimension is moved from -3 to +3 standard deviations of the prior while the others stay: a row of strips.png.
      What follows is said in words: properties of a patch whose change goes with the step, over 16 starting points.
      """, example: "norma traverse healthy.safetensors --output OUT"))

  @OptionGroup var options: GenerationOptions

  var log: LogOptions { options.log }

  @Argument(
    help: ArgumentHelp("Scan to start from. By default the prior's mean.", valueName: "scan"), completion: .file())
  var scan: String?

  @Option(help: "Upper left corner of the patch, on the model's grid. By default the scan's middle.")
  var at: PatchPlace?

  @Option(help: "Numbers of dimensions such as 3,7, or top for the most informative.")
  var dimensions = ChosenDimensions.top

  @Option(help: "How many of them for top.")
  var count = 8

  @Option(name: .shortAndLong, help: "Folder to write to.", completion: .directory)
  var output: String

  func validate() throws {
    guard (1...1000).contains(count) else { throw ValidationError("--count is \(count); 1 to 1000 is expected.") }
    if at != nil, scan == nil { throw ValidationError("--at needs a scan.") }
  }

  func run() throws {
    let traversals = try Traverse(
      try options.open(), scan: scan, at: at.map { ($0.x, $0.y) }, dimensions: dimensions, count: count, output: output
    ).run()
    let console = Console()
    console.print(
      "strips   \(Count.of(traversals.count, "dimension")) from -3 to +3, one a row of \(output)/strips.png")
    for traversal in traversals {
      let d = traversal.dimension
      console.print(
        String(format: "%4d  stage %d, cells of %d pixels, %.1f nats  ", d.number, d.stage, d.cell, d.divergence)
          + traversal.name)
    }
  }
}

extension ChosenDimensions: ExpressibleByArgument {
  package init?(argument: String) { self.init(argument) }

  package var defaultValueDescription: String { "top" }
}
