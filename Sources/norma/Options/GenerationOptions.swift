import Anomaly
import ArgumentParser
import Compute
import Files
import Foundation
import Generation
import Imaging

/// What the commands that generate pictures share.
struct GenerationOptions: ParsableArguments {
  @Argument(help: ArgumentHelp("Model file that `norma train` wrote.", valueName: "model"))
  var model: String

  @Option(help: "Seed of all random numbers.")
  var seed: UInt64 = 0

  @OptionGroup var log: LogOptions

  /// The model with its generator.
  func open() throws -> (model: Model, generator: PatchGenerator) {
    let model = try Model(path: self.model)
    let engine = try Engine(precision: model.precision)
    return (model, try PatchGenerator(model, path: self.model, engine: engine))
  }

  /// Words that tell a generated picture from a scan, for its description tag.
  func label(_ command: String, _ words: String) -> String {
    SyntheticLabel.prefix + details(command) + ", " + words
  }

  /// What made a picture, and of which model; reads the whole model file.
  func details(_ command: String) -> String {
    "norma \(Norma.version) \(command), seed \(seed), model SHA-256 \(Study.digest(ofFile: model) ?? "unknown")"
  }
}

/// A scan on a model's grid, small enough to be held.
struct GridScan {
  let image: Image
  let prepared: PreparedImage

  /// - Parameter path: of the scan's file; of a stack the first page is taken.
  /// - Throws: `NormaError` or `ScanFault` where the model cannot look at it.
  init(_ path: String, for model: Model) throws {
    let folder = FilePath.folder(of: path)
    let file = FilePath.name(of: path)
    guard FileManager.default.fileExists(atPath: path) else {
      throw NormaError(subject: path, found: "there is no such file", remedy: "Give a TIFF scan")
    }
    // A scan is read as a study's only one would be.
    let sources = Study(path: folder.isEmpty ? "." : folder, cases: [.init(name: file, files: [file])])
      .scans(of: .init(name: file, files: [file]), reading: model.preparation.reading())
    guard let first = sources.first else {
      throw NormaError(subject: path, found: "it holds no scan", remedy: "Give a TIFF scan")
    }
    switch first.content {
    case .success(.image(let image)):
      prepared = model.preparation.prepare([image])[0]
      self.image = prepared.scan.image
    case .success(.slide(let slide)):
      throw NormaError(
        subject: path,
        found: "it has \(slide.level.width)x\(slide.level.height) pixels, which is too many to be held",
        remedy: "Cut the part out that you want to look at")
    case .failure(let fault): throw fault
    }
  }

  /// The part of a scan that a patch covers.
  func patch(at place: PatchPlace?, edge: Int, path: String) throws -> Image {
    let x = place?.x ?? max(0, (image.width - edge) / 2)
    let y = place?.y ?? max(0, (image.height - edge) / 2)
    guard (0..<image.width).contains(x), (0..<image.height).contains(y) else {
      throw NormaError(
        subject: path,
        found: "--at \(x),\(y) lies outside; on the model's grid the scan has \(image.width)x\(image.height) pixels",
        remedy: "Give a place within it")
    }
    return image.patch(atX: min(x, max(0, image.width - edge)), y: min(y, max(0, image.height - edge)), edge: edge)
  }
}

/// The upper left corner of a patch, `X,Y` in pixels of the model's grid.
struct PatchPlace: ExpressibleByArgument, Equatable {
  let x: Int
  let y: Int

  init?(argument: String) {
    let numbers = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count == 2, let x = numbers[0], let y = numbers[1], x >= 0, y >= 0 else { return nil }
    (self.x, self.y) = (x, y)
  }
}

extension GenerationOptions {
  static func makeFolder(_ path: String) throws {
    do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
      throw NormaError(
        .system, subject: path, found: "the folder cannot be made (\(error.localizedDescription))",
        remedy: "Choose another --output")
    }
  }

  static func writeJSON(_ value: some Encodable, to path: String) throws {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try AtomicFile.write(Array(try encoder.encode(value)), to: path)
  }
}
