import Files
import Foundation

/// How pages and folders of a report come onto the disk; their paths are relative to it.
extension ReportFolder {
  /// Makes a folder where there is none.
  ///
  /// - Throws: `NormaError` where a file is in its place, or it cannot be made.
  func makeFolder(_ relative: String) throws(NormaError) { try Self.make(file(relative)) }

  /// Makes the folder that holds the index, where there is none; throws as `makeFolder` does.
  func makeIndexFolder() throws(NormaError) { try Self.make(indexFolder) }

  /// Writes a file aside and renames it, so that nobody reads half of it.
  ///
  /// Not synced: the files of a case are brought onto the disk together.
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
