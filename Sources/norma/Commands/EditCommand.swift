import Anomaly
import ArgumentParser
import Compute
import Files
import Foundation
import Generation
import Imaging

struct EditCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "edit", abstract: "Change a scan in a model's latent space, or restore it to the nearest healthy one.",
    discussion: """
      Writes edited.tif in normalized intensities, and sheet.png: the scan, its reconstruction, the edited scan, and what
      the edit changed of the reconstruction (gray where nothing). With --restore: the scan, its reconstruction, its nearest
      healthy version, and how that differs from the scan.
      """)

  @OptionGroup var options: GenerationOptions

  var log: LogOptions { options.log }

  @Argument(help: "Scan to edit.")
  var scan: String

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A latent dimension and by how many standard deviations of the prior to move it everywhere, such as 7=+1.5; may be "
        + "repeated.", valueName: "number=amount"))
  var dimension: [Amount] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "An attribute that norma attribute learned, and how much of it to add; 1 goes from one group to the other.",
      valueName: "name=amount"))
  var attribute: [Amount] = []

  @Flag(
    help: """
      Show the nearest healthy version instead: gradient steps on the latents, with the model's own likelihood and prior, \
      in which what the model cannot explain as healthy has no say.
      """)
  var restore = false

  @Option(name: .shortAndLong, help: "Folder to write to.")
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
    let (model, generator) = try options.open()
    let scan = try GridScan(self.scan, for: model)
    let (width, height) = (scan.image.width, scan.image.height)
    let coder = ScanCoder(generator, overlap: model.inference.overlap)
    let code = try coder.encode(scan.image)
    let reconstruction = try coder.decode(code, width: width, height: height)
    let edited: Image
    let words: String
    let before: Image
    var cost = ""
    if restore {
      let restored = try coder.restore(scan.image, by: LatentRestoration(model))
      edited = try coder.decode(restored.code, width: width, height: height)
      (before, words) = (scan.image, "restored")
      cost = String(
        format: "\ncost     %.0f nats a patch, of %.0f before the first step", restored.after, restored.before)
    } else {
      let shifted = try shift(code, of: model)
      edited = try coder.decode(shifted, width: width, height: height)
      before = reconstruction
      words =
        (dimension.map { "dimension \($0)" } + attribute.map { "attribute \($0)" }).joined(separator: ", ")
    }
    var difference = edited
    var change = 0.0
    for i in difference.samples.indices {
      let d = edited.samples[i] - before.samples[i]
      if !d.isNaN { change += Double(d * d) }
      difference.samples[i] = 0.5 + d
    }
    try GenerationOptions.makeFolder(output)
    try TIFFWriter.write(
      edited, as: .float32, description: options.label("edit", words), to: "\(output)/edited.tif")
    try PatchSheet(rows: [[scan.image, reconstruction, edited, difference]], emphasis: model.pictureEmphasis)
      .write(to: "\(output)/sheet.png")
    change = (change / Double(max(difference.samples.count, 1))).squareRoot()
    print(
      "edited   \(output)/edited.tif, \(words)",
      String(format: "change   %.4f root mean square, in normalized intensity", change)
        + (change < Traversal.visibleChange ? ": nothing that could be seen" : "")
        + cost, separator: "\n")
  }

  private func shift(_ code: LatentCode, of model: Model) throws -> LatentCode {
    var result = code
    for amount in dimension {
      guard let number = Int(amount.name) else {
        throw NormaError(
          subject: "--dimension \(amount)", found: "\(amount.name) is no number",
          remedy: "Give a dimension's number, such as 7=+1.5")
      }
      let chosen = try ChosenDimensions.numbers([number]).choose(from: model, count: 1, path: options.model)
      result = result.moved(chosen[0], by: Float(amount.value), of: model.architecture)
    }
    let known = attribute.isEmpty ? [:] : try AttributeFile.read(for: options.model, model)
    for amount in attribute {
      guard let found = known[amount.name] else {
        let names = known.keys.sorted()
        throw NormaError(
          subject: options.model,
          found: "it has no attribute '\(amount.name)'"
            + (names.isEmpty ? "" : ", only \(names.joined(separator: ", "))"),
          remedy: "Learn it with norma attribute \(options.model) STUDY-A STUDY-B --name \(amount.name)")
      }
      result = result.shifted(by: found.shift(by: amount.value))
    }
    return result
  }
}

/// `name=amount` on the command line.
struct Amount: ExpressibleByArgument, CustomStringConvertible {
  let name: String
  let value: Double

  init?(argument: String) {
    guard let sign = argument.lastIndex(of: "="), let value = Double(argument[argument.index(after: sign)...]),
      value.isFinite, sign != argument.startIndex
    else { return nil }
    name = String(argument[..<sign])
    self.value = value
  }

  var description: String { "\(name)=\(value >= 0 ? "+" : "")\(value)" }
}
