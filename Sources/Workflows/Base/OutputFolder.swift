import Files
import Foundation

/// Folders that workflows write next to reports and models.
enum OutputFolder {
  static func make(_ path: String) throws(NormaError) {
    do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
      throw NormaError(
        .system, subject: path, found: "the folder cannot be made (\(error.localizedDescription))",
        remedy: "Choose another --output")
    }
  }
}
