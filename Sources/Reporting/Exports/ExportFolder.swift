import Anomaly
import Files
import Foundation
import Imaging

/// The folder of an export. Its files are `DIR/CASE/SCAN.ending`, with the same names as in the report.
///
/// Whatever the names of cases and scans are, no file is outside the folder and no two scans get the same file.
final class ExportFolder {
  let path: String
  /// The case that each folder belongs to.
  private var folders: [String: String] = [:]
  /// The files of the latest case.
  private var files: (caseName: String, taken: Set<String>) = ("", [])
  /// What was written into folders of cases, and its endings.
  private var written: (files: Set<String>, endings: Set<String>) = ([], [])

  /// Makes the folder if it does not exist.
  ///
  /// - Throws: `NormaError` if the folder cannot be made, or if the export could replace the report's own files.
  init(_ path: String, of report: ReportFolder) throws(NormaError) {
    self.path = path
    // The folder itself may be a link, which is the user's own choice.
    try Self.make(Self.isFolder(path) == true ? Self.resolved(path) : path)
    let (target, own) = (Self.resolved(path), Self.resolved(report.path))
    guard target != own, !["cases", "assets"].contains(where: { (target + "/").hasPrefix("\(own)/\($0)/") }) else {
      throw NormaError(
        subject: path, found: "the report keeps its own files there", remedy: "Choose another folder with --output")
    }
  }

  /// The path of a file beside the folders of cases.
  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a new file of a case, and makes the case's folder if needed.
  ///
  /// If the new file cannot be written, an older file with that name is removed, so that it does not look current.
  ///
  /// - Parameter ending: the file's ending, with its dot.
  func write(
    named name: String, ending: String, ofCase caseName: String, _ write: (_ path: String) throws -> Void
  ) throws {
    let path = try file(named: name, ending: ending, ofCase: caseName)
    do { try write(path) } catch {
      try? FileManager.default.removeItem(atPath: path)
      throw error
    }
    written.files.insert(path)
    written.endings.insert(ending)
  }

  /// A sentence on the files of the kinds that were written which an earlier export left, of cases or scans that this one
  /// does not have; `nil` without any.
  func leftovers() throws(NormaError) -> String? {
    let walk = try FolderWalk(of: path) { ReportMarker.isReport($0) ? "a report" : nil }
    let others = walk.files.map(\.path).filter { file in
      written.endings.contains { file.hasSuffix($0) } && !written.files.contains("\(path)/\(file)")
    }
    guard !others.isEmpty else { return nil }
    return
      "\(path): \(Count.of(others.count, "file is", "files are")) of no scan of this export, and may be of an earlier one: "
      + "\(NameList.text(others))."
  }

  private func file(named name: String, ending: String, ofCase caseName: String) throws(NormaError) -> String {
    let folder = try folder(ofCase: caseName)
    if files.caseName != caseName { files = (caseName, []) }
    var candidate = "\(folder)/\(ReportFolder.component(name))\(ending)"
    var number = 2
    while files.taken.contains(candidate) || Self.isFolder(candidate) == true {
      candidate = "\(folder)/\(ReportFolder.component("\(name)~\(number)"))\(ending)"
      number += 1
    }
    files.taken.insert(candidate)
    return candidate
  }

  private func folder(ofCase name: String) throws(NormaError) -> String {
    var relative = String(ReportFolder(path).folder(ofCase: name).dropFirst("cases/".count))
    var number = 2
    while folders[relative, default: name] != name || isBlocked(relative) {
      // A case whose folder collides with another gets a name without slashes, because only a slash can make one case's
      // folder collide with another case's file.
      relative = ReportFolder.component("\(name)~\(number)")
      number += 1
    }
    folders[relative] = name
    var folder = path
    for part in FilePath.parts(of: relative) {
      folder += "/" + part
      try Self.make(folder)
    }
    return "\(path)/\(relative)"
  }

  /// Whether a file has the path of a folder that is needed.
  private func isBlocked(_ relative: String) -> Bool {
    var folder = path
    return FilePath.parts(of: relative).contains { part in
      folder += "/" + part
      return Self.isFolder(folder) == false
    }
  }

  /// Whether the path is a folder; `nil` if nothing exists there.
  private static func isFolder(_ path: String) -> Bool? {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) ? isFolder.boolValue : nil
  }

  private static func resolved(_ path: String) -> String {
    URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path
  }

  private static func make(_ path: String) throws(NormaError) {
    guard (try? FileManager.default.destinationOfSymbolicLink(atPath: path)) == nil else {
      throw NormaError(
        subject: path, found: "it is a link, through which norma would write outside of the folder",
        remedy: "Remove it, or choose another folder with --output")
    }
    switch isFolder(path) {
    case true: return
    case false:
      throw NormaError(
        subject: path, found: "a file, not a folder", remedy: "Choose another folder with --output or remove the file")
    default:
      do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
        throw NormaError(
          subject: path, found: NormaError.writing(path, error).found,
          remedy: "Choose another folder with --output or check the rights of the one it lies in")
      }
    }
  }
}
