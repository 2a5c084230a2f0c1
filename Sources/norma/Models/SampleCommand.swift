import ArgumentParser
import Files
import Foundation
import Workflows

struct SampleCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample", abstract: "Draw patches that a model believes to be healthy.",
    discussion: CommandHelp.text(
      """
      Writes a TIFF a patch, in normalized intensities, and sheet.png with all of them. Given the healthy study it was
      trained on, it measures how like real patches they are; the numbers stand beside those of real training patches,
      which are the best there can be.
      """, example: "norma sample healthy.safetensors --count 64 --output OUT"))

  @OptionGroup var options: GenerationOptions

  var log: LogOptions { options.log }

  @Option(help: "Patches to draw.")
  var count = 64

  @Option(help: "Standard deviation of what is drawn; below 1 patches are more usual and more alike.")
  var temperature: Float = 1

  @Option(help: "prior (the model's own belief) or posterior (around patches of --study).")
  var from = Sample.Source.prior

  @Option(help: "The healthy study: what to compare with, and where posteriors come from.", completion: .directory)
  var study: String?

  @Option(name: .shortAndLong, help: "Folder to write to.", completion: .directory)
  var output: String

  func validate() throws {
    guard (1...10_000).contains(count) else { throw ValidationError("--count is \(count); 1 to 10000 is expected.") }
    guard temperature >= 0, temperature <= 10 else {
      throw ValidationError("--temperature is \(temperature); 0 to 10 is expected.")
    }
    if from == .posterior, study == nil {
      throw ValidationError("--from posterior needs --study, the scans around which to draw.")
    }
  }

  func run() throws {
    var settings = Sample.Settings(output: output)
    settings.count = count
    settings.temperature = temperature
    settings.source = from
    settings.study = study
    let console = Console()
    let drawn = try Sample(try options.open(), settings, observe: console.show).run()
    let patches = Count.of(count, "patch", "patches")
    console.print("samples  \(patches) of \(drawn.edge) pixels in \(output), all on sheet.png")
    if let comparison = drawn.comparison { console.print(comparison.table) }
  }
}

extension Sample.Source: ExpressibleByArgument {}

extension Sample.Comparison {
  fileprivate var table: String {
    func row(_ name: String, _ values: String...) -> String {
      name.padding(toLength: 28, withPad: " ", startingAt: 0)
        + values.map { $0.padding(toLength: 12, withPad: " ", startingAt: 0) }.joined()
    }
    func number(_ value: Double?) -> String { value.map { String(format: "%.3f", $0) } ?? "-" }
    return [
      row("against held-out patches", "samples", "training"),
      row("Fréchet distance", number(samples.frechetDistance), number(training.frechetDistance)),
      row("kernel distance", number(samples.kernelDistance), number(training.kernelDistance)),
      row("precision", number(samples.precision), number(training.precision)),
      row("recall", number(samples.recall), number(training.recall)),
      "nearest training patch: samples \(number(samples.nearestTraining)), held-out patches "
        + number(heldOutNearestTraining),
    ].joined(separator: "\n")
  }
}
