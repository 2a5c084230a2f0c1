import ArgumentParser
import Foundation
import Workflows

struct EditCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "edit", abstract: "Change a scan in a model's latent space, or restore it to the nearest healthy one.",
    discussion: CommandHelp.text(
      """
      Writes edited.tif in normalized intensities, and sheet.png: the scan, its reconstruction, the edited scan, and what
      the edit changed of the reconstruction (gray where nothing, lighter where it became brighter). With --restore: the
      scan, its reconstruction, its nearest healthy version, and the scan minus that, as in a report: lighter where the
      scan is brighter than expected.
      """, example: "norma edit healthy.safetensors SCAN.tif --restore --output OUT"))

  @OptionGroup var options: GenerationOptions

  var log: LogOptions { options.log }

  @Argument(help: "Scan to edit.", completion: .file())
  var scan: String

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A latent dimension and by how many standard deviations of the prior to move it everywhere, such as 7=+1.5; may be "
        + "repeated.", valueName: "number=amount"))
  var dimension: [NamedAmount] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "An attribute that norma attribute learned, and how much of it to add; 1 goes from one group to the other.",
      valueName: "name=amount"))
  var attribute: [NamedAmount] = []

  @Flag(
    help: """
      Show the nearest healthy version instead: gradient steps on the latents, with the model's own likelihood and prior, \
      in which what the model cannot explain as healthy has no say.
      """)
  var restore = false

  @Option(name: .shortAndLong, help: "Folder to write to.", completion: .directory)
  var output: String

  func validate() throws {
    if restore, !(dimension + attribute).isEmpty {
      throw ValidationError("Give --restore or what to change, not both.")
    }
    if !restore, (dimension + attribute).isEmpty {
      throw ValidationError("Give --dimension, --attribute or --restore.")
    }
  }

  func run() throws {
    let change: Edit.Change = restore ? .restore : .shift(dimensions: dimension, attributes: attribute)
    let edited = try Edit(try options.open(), scan: scan, output: output).run(change)
    Console().print(
      "edited   \(edited.file), \(edited.words)",
      String(format: "change   %.4f root mean square, in normalized intensity", edited.change)
        + (edited.isVisible ? "" : ": nothing that could be seen")
        + (edited.cost.map {
          String(format: "\ncost     %.0f nats a patch, of %.0f before the first step", $0.after, $0.before)
        } ?? ""))
  }
}

extension NamedAmount: ExpressibleByArgument {
  package init?(argument: String) { self.init(argument) }
}
