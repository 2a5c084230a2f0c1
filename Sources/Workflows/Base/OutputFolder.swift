import Files
import Foundation

/// Folders and JSON files that workflows write next to reports and models.
enum OutputFolder {
  static func make(_ path: String) throws(NormaError) {
    do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
      throw NormaError(
        .system, subject: path, found: "the folder cannot be made (\(error.localizedDescription))",
        remedy: "Choose another --output")
    }
  }

  /// Writes JSON with sorted keys in snake case.
  static func write(_ value: some Encodable, to path: String) throws {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try AtomicFile.write(Array(try encoder.encode(value)), to: path)
  }
}
