import Files
import Foundation
import Imaging

/// A folder of scans, sorted into cases.
///
/// In `STUDY/CASE/*.tif`, a folder, at any depth, is a case and its files are its scans. In `STUDY/*.tif`, each file is
/// a case.
package struct Study: Sendable {
  package struct Case: Sendable, Equatable {
    /// Path of the folder relative to the study, or the file's name without its ending.
    package var name: String
    /// Paths of the scan files relative to the study, sorted.
    package var files: [String]

    package init(name: String, files: [String]) {
      self.name = name
      self.files = files
    }
  }

  package let path: String
  /// Sorted by name.
  package let cases: [Case]

  /// One sentence for each thing in the folder that is left out of the study; files that are not scans are not
  /// mentioned.
  package let notes: [String]
  /// Files whose paths are not UTF-8 text, so that they cannot be opened.
  let unopenable: Set<String>

  /// Makes a study of known cases, without looking at the folder.
  package init(path: String, cases: [Case]) { self.init(path: path, cases: cases, notes: [], unopenable: []) }

  private init(path: String, cases: [Case], notes: [String], unopenable: Set<String>) {
    self.path = path
    self.cases = cases
    self.notes = notes
    self.unopenable = unopenable
  }

  /// The same study with only the cases for which `isPart` returns `true`.
  package func part(_ isPart: (Case) -> Bool) -> Study {
    Study(path: path, cases: cases.filter(isPart), notes: notes, unopenable: unopenable)
  }

  package static let endings = ["tif", "tiff", "btf", "svs", "ndpi", "qptiff"]

  /// - Throws: `NormaError` where the folder cannot be read or holds no scan.
  package init(path: String) throws(NormaError) {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw NormaError(
        subject: path, found: "there is no such folder", remedy: "Give the folder that holds the study's TIFF scans")
    }
    guard isFolder.boolValue else {
      throw NormaError(
        subject: path, found: "this is a file, a folder of scans was expected", remedy: "Give the folder it lies in")
    }
    let walk = try FolderWalk(of: path)
    func isScan(_ file: FolderWalk.File) -> Bool {
      file.isLocked || Self.endings.contains(FilePath.ending(of: FilePath.name(of: file.path)).lowercased())
    }
    let scans = walk.files.filter(isScan)
    guard !scans.isEmpty else {
      let others = walk.files.count
      let found = others == 0 ? "the folder holds no files" : "it holds \(Count.of(others, "file")) and no scan"
      throw NormaError(
        subject: path, found: "\(found); files ending in .\(Self.endings.joined(separator: ", .")) were expected",
        remedy: "Give a folder with STUDY/CASE/*.tif or STUDY/*.tif")
    }
    self.path = path
    unopenable = Set(scans.filter { !$0.isText }.map(\.path))
    notes =
      walk.notes
      + walk.files.filter { $0.isDangling && !isScan($0) }.map {
        "\(path)/\($0.path): a link that leads nowhere. It is left out."
      }
    cases = Self.cases(of: scans.map(\.path))
  }

  /// - Parameter files: relative to the study.
  private static func cases(of files: [String]) -> [Case] {
    // Group by bytes: Swift takes names that differ only in how an accent is encoded as equal, the file system does
    // not.
    let folders = Dictionary(grouping: files) { Array(FilePath.folder(of: $0).utf8) }
    var cases: [Case] = []
    for (folder, files) in folders {
      if folder.isEmpty {
        for file in files {
          let stem = FilePath.withoutEnding(file)
          // Files keep their endings where two differ only in the ending, or where a file is named like a folder or
          // another file.
          let taken = files.contains { $0 != file && ($0 == stem || FilePath.withoutEnding($0) == stem) }
          cases.append(Case(name: taken || folders[Array(stem.utf8)] != nil ? file : stem, files: [file]))
        }
      } else {
        cases.append(Case(name: String(decoding: folder, as: UTF8.self), files: files))
      }
    }
    cases.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    var names: Set<String> = []
    for k in cases.indices {
      let name = cases[k].name
      var number = 2
      while !names.insert(cases[k].name).inserted {
        cases[k].name = "\(name)~\(number)"
        number += 1
      }
    }
    return cases
  }
}
