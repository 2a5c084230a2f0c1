import ArgumentParser
import Files
import Workflows

struct AugmentCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "augment", abstract: "Make new healthy scans of a study, to train on where there are few.",
    discussion: CommandHelp.text(
      """
      Every scan gives as many new ones as --factor says, drawn around its latents or between those of it and another of the
      same size. They have the study's folders and the scans' size, bit depth and pixel size; their description tag says that
      they are synthetic, and norma train leaves them out unless --include-synthetic asks for them. Details smaller than a
      pixel of the model's grid are lost.
      """, example: "norma augment healthy.safetensors STUDY/healthy --output STUDY/more"))

  @OptionGroup var options: GenerationOptions

  var log: LogOptions { options.log }

  @Argument(help: ArgumentHelp("Folder of healthy scans.", valueName: "study"), completion: .directory)
  var study: String

  @Option(help: "New scans for each.")
  var factor = 4

  @Option(name: .shortAndLong, help: "Folder to write to, which must not be the study.", completion: .directory)
  var output: String

  func validate() throws {
    guard (1...1000).contains(factor) else { throw ValidationError("--factor is \(factor); 1 to 1000 is expected.") }
  }

  func run() throws {
    let console = Console()
    let made = try Augment(
      try options.open(), study: study, factor: factor, output: output, observe: console.show
    ).run()
    console.print(
      "synthetic  \(Count.of(made.written, "scan")) in \(output)"
        + (made.leftOut > 0 ? ", \(Count.of(made.leftOut, "scan")) left out" : ""))
    if made.leftOut > 0 { throw ExitCode(ExitStatus.failed) }
  }
}
