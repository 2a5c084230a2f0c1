import Anomaly
import ArgumentParser
import Compute
import Files
import Foundation
import Generation
import Imaging

struct InterpolateCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "interpolate", abstract: "Show what a model believes to lie between two scans.",
    discussion:
      "Writes a TIFF a step, in normalized intensities, and sheet.png with all of them, the scans at the ends.")

  @OptionGroup var options: GenerationOptions

  var log: LogOptions { options.log }

  @Argument(help: "Two scans of the same size on the model's grid.")
  var scans: [String]

  @Option(help: "Pictures, both ends included.")
  var steps = 8

  @Flag(help: "Go straight through latent space instead of along an arc.")
  var linear = false

  @Option(name: .shortAndLong, help: "Folder to write to.")
  var output: String

  func validate() throws {
    guard scans.count == 2 else {
      throw ValidationError("\(scans.count) scan\(scans.count == 1 ? " is" : "s are") given; two are expected.")
    }
    guard (2...256).contains(steps) else { throw ValidationError("--steps is \(steps); 2 to 256 is expected.") }
  }

  func run() throws {
    let (model, generator) = try options.open()
    let ends = try scans.map { try GridScan($0, for: model).image }
    let (width, height) = (ends[0].width, ends[0].height)
    guard ends[1].width == width, ends[1].height == height else {
      throw NormaError(
        subject: scans[1],
        found: "on the model's grid it has \(ends[1].width)x\(ends[1].height) pixels, \(scans[0]) has "
          + "\(width)x\(height)", remedy: "Give scans of the same size")
    }
    let coder = ScanCoder(generator, overlap: model.inference.overlap)
    let codes = try ends.map { try coder.encode($0) }
    let pictures = try (0..<steps).map { step in
      try coder.decode(
        codes[0].interpolated(to: codes[1], share: Float(step) / Float(steps - 1), isSpherical: !linear), width: width,
        height: height)
    }
    try GenerationOptions.makeFolder(output)
    for (k, picture) in pictures.enumerated() {
      let share = String(format: "%.3f", Double(k) / Double(steps - 1))
      try TIFFWriter.write(
        picture, as: .float32, description: options.label("interpolate", "\(share) of the way"),
        to: "\(output)/step-\(k + 1).tif")
    }
    try PatchSheet(rows: [[ends[0]] + pictures + [ends[1]]], emphasis: model.pictureEmphasis)
      .write(to: "\(output)/sheet.png")
    print("steps    \(steps) pictures in \(output); sheet.png has the scans themselves at its ends")
  }
}
