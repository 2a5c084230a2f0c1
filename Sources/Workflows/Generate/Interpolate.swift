import Anomaly
import Files
import Foundation
import Generation
import Imaging

/// Shows the pictures that a model finds between two scans.
package struct Interpolate {
  private let open: GenerativeModel
  private let scans: [String]
  private let steps: Int
  private let isLinear: Bool
  private let output: String

  /// - Parameters:
  ///   - scans: files of two scans, of the same size on the model's grid.
  ///   - steps: number of pictures, both ends included.
  ///   - isLinear: whether to go straight through latent space instead of along an arc.
  ///   - output: folder to write to.
  package init(_ open: GenerativeModel, scans: [String], steps: Int, isLinear: Bool, output: String) {
    self.open = open
    self.scans = scans
    self.steps = steps
    self.isLinear = isLinear
    self.output = output
  }

  /// - Throws: `NormaError` where the scans differ in size or cannot be read.
  package func run() throws {
    let (model, generator) = (open.model, open.generator)
    let ends = try scans.map { try open.scan($0).image }
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
        codes[0].interpolated(to: codes[1], share: Float(step) / Float(steps - 1), isSpherical: !isLinear),
        width: width,
        height: height)
    }
    try OutputFolder.make(output)
    for (k, picture) in pictures.enumerated() {
      let share = String(format: "%.3f", Double(k) / Double(steps - 1))
      try TIFFWriter.write(
        picture, as: .float32, description: open.label("interpolate", "\(share) of the way"),
        to: "\(output)/step-\(k + 1).tif")
    }
    try PatchSheet(rows: [[ends[0]] + pictures + [ends[1]]], emphasis: model.pictureEmphasis)
      .write(to: "\(output)/sheet.png")
  }
}
