import Files
import Foundation

/// Writes pages and folders of a report. Paths are relative to the report.
extension ReportFolder {
  /// Makes a folder if it does not exist.
  ///
  /// - Throws: `NormaError` if a file has the folder's path or the folder cannot be made.
  func makeFolder(_ relative: String) throws(NormaError) { try Self.make(file(relative)) }

  /// Makes the folder of the index if it does not exist. Throws like `makeFolder`.
  func makeIndexFolder() throws(NormaError) { try Self.make(indexFolder) }

  /// Writes a file under a temporary name and renames it, so that nobody reads an incomplete file.
  ///
  /// The file is not synced: the files of a case are synced together.
  func write(_ data: Data, to relative: String) throws(NormaError) {
    let path = file(relative)
    do { try AtomicFile.write(Array(data), to: path, isSynced: false) } catch { throw .writing(path, error) }
  }

  private static func make(_ path: String) throws(NormaError) {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) {
      guard isFolder.boolValue else {
        throw NormaError(
          subject: path, found: "a file, not a folder",
          remedy: "Choose another folder with --output or remove the file")
      }
      return
    }
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch { throw .writing(path, error) }
  }
}
