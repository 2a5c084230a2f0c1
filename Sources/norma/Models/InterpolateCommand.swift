import ArgumentParser
import Files
import Workflows

struct InterpolateCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "interpolate", abstract: "Show what a model believes to lie between two scans.",
    discussion: CommandHelp.text(
      "Writes a TIFF a step, in normalized intensities, and sheet.png with all of them, the scans at the ends.",
      example: "norma interpolate healthy.safetensors FIRST.tif SECOND.tif --output OUT"))

  @OptionGroup var options: GenerationOptions

  var log: LogOptions { options.log }

  @Argument(help: "Two scans of the same size on the model's grid.", completion: .file())
  var scans: [String]

  @Option(help: "Pictures, both ends included.")
  var steps = 8

  @Flag(help: "Go straight through latent space instead of along an arc.")
  var linear = false

  @Option(name: .shortAndLong, help: "Folder to write to.", completion: .directory)
  var output: String

  func validate() throws {
    guard scans.count == 2 else {
      throw ValidationError("\(Count.of(scans.count, "scan is", "scans are")) given; two are expected.")
    }
    guard (2...256).contains(steps) else { throw ValidationError("--steps is \(steps); 2 to 256 is expected.") }
  }

  func run() throws {
    try Interpolate(try options.open(), scans: scans, steps: steps, isLinear: linear, output: output).run()
    Console().print(
      "steps    \(Count.of(steps, "picture")) in \(output); sheet.png has the scans themselves at its ends")
  }
}
