import Foundation
import Imaging

/// A folder of scans, sorted into cases.
///
/// `STUDY/CASE/*.tif`: a folder is a case and its files are its scans, at any depth; `STUDY/*.tif`: a file is a case.
package struct Study: Sendable {
  package struct Case: Sendable, Equatable {
    /// Folder relative to the study, or the file's name without its ending.
    package var name: String
    /// Scan files relative to the study, sorted.
    package var files: [String]

    package init(name: String, files: [String]) {
      self.name = name
      self.files = files
    }
  }

  package let path: String
  /// Sorted by name.
  package let cases: [Case]

  /// Cases that are known, without a look at the folder.
  package init(path: String, cases: [Case]) {
    self.path = path
    self.cases = cases
  }

  package static let endings = ["tif", "tiff", "btf", "svs", "ndpi", "qptiff"]

  /// - Throws: `StudyError` where the folder cannot be read or holds no scan.
  package init(path: String) throws(StudyError) {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw StudyError(
        path: path, found: "there is no such folder", remedy: "Give the folder that holds the study's TIFF scans")
    }
    guard isFolder.boolValue else {
      throw StudyError(
        path: path, found: "this is a file, a folder of scans was expected", remedy: "Give the folder it lies in")
    }
    var folders: [String: [String]] = [:]
    var others = 0
    var pending = [""]
    var visited: Set<String> = []
    while let folder = pending.popLast() {
      let full = folder.isEmpty ? path : path + "/" + folder
      // A link back up would be walked for ever: every real folder is entered once.
      let real = URL(fileURLWithPath: full).resolvingSymlinksInPath().path
      guard visited.insert(real).inserted else { continue }
      let names: [String]
      do { names = try FileManager.default.contentsOfDirectory(atPath: full) } catch {
        guard folder.isEmpty else {
          // A case whose only scan cannot be read: the others are no worse for it, and it is not left out unsaid.
          folders[folder] = [folder]
          continue
        }
        throw StudyError(
          path: full, found: "the folder cannot be read (\(error.localizedDescription))",
          remedy: "Check its permissions", fault: .system)
      }
      for name in names where !name.hasPrefix(".") {
        let relative = folder.isEmpty ? name : folder + "/" + name
        var nested: ObjCBool = false
        // Of a link that leads nowhere neither is known; it is a scan that cannot be read where its name is one's.
        let exists = FileManager.default.fileExists(atPath: path + "/" + relative, isDirectory: &nested)
        if nested.boolValue {
          pending.append(relative)
        } else if Self.endings.contains(FilePath.ending(of: name).lowercased()) {
          folders[folder, default: []].append(relative)
        } else if exists {
          others += 1
        }
      }
    }
    guard !folders.isEmpty else {
      let found = others == 0 ? "the folder holds no files" : "none of its \(others) files is a scan"
      throw StudyError(
        path: path, found: "\(found); files ending in .\(Self.endings.joined(separator: ", .")) were expected",
        remedy: "Give a folder with STUDY/CASE/*.tif or STUDY/*.tif")
    }
    var cases: [Case] = []
    for (folder, files) in folders {
      if folder.isEmpty {
        for file in files {
          let stem = FilePath.withoutEnding(file)
          // Two files that differ only in their ending, or a file named like a folder or another file, stay apart.
          let taken = files.contains { $0 != file && ($0 == stem || FilePath.withoutEnding($0) == stem) }
          cases.append(Case(name: taken || folders[stem] != nil ? file : stem, files: [file]))
        }
      } else {
        cases.append(Case(name: folder, files: files.sorted()))
      }
    }
    self.path = path
    self.cases = cases.sorted { $0.name < $1.name }
  }
}

/// A study folder that cannot be used.
package struct StudyError: ExplainedError, Equatable {
  package let path: String
  /// What was found and what was expected.
  package let found: String
  package let remedy: String
  package let fault: Fault

  package init(path: String, found: String, remedy: String, fault: Fault = .input) {
    self.path = path
    self.found = found
    self.remedy = remedy
    self.fault = fault
  }

  package var description: String { "\(path): \(found). \(remedy)." }
}
