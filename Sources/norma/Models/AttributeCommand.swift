import ArgumentParser
import Files
import Foundation
import Workflows

struct AttributeCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "attribute", abstract: "Learn the direction in latent space from one group of scans to another.",
    discussion: CommandHelp.text(
      "It is kept beside the model, in MODEL.attributes.json, for norma edit --attribute.",
      example: "norma attribute healthy.safetensors STUDY/old STUDY/young --name age"))

  @OptionGroup var options: GenerationOptions

  var log: LogOptions { options.log }

  @Argument(help: "Two studies: scans without the attribute, scans with it.", completion: .directory)
  var studies: [String]

  @Option(help: "What to call it.")
  var name: String

  func validate() throws {
    guard studies.count == 2 else {
      throw ValidationError("\(Count.of(studies.count, "study is", "studies are")) given; two are expected.")
    }
    guard !name.isEmpty, !name.contains("=") else {
      throw ValidationError("--name is '\(name)'; words without '=' are expected.")
    }
  }

  func run() throws {
    let console = Console()
    let learned = try LearnAttribute(
      try options.open(), studies: studies, name: name, observe: console.show
    ).run()
    let attribute = learned.attribute
    console.print(
      "attribute  \(name), from \(Count.of(attribute.patches[0], "patch", "patches")) to \(attribute.patches[1])",
      String(format: "apart      %.1f standard deviations along the linear discriminant", attribute.separation),
      "kept       \(learned.file)")
  }
}
