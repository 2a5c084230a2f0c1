import Files
import Foundation
import Imaging

/// A folder of scans, sorted into cases.
///
/// In `STUDY/CASE/*.tif`, a folder, at any depth, is a case, and the files in it are its scans, without those of the
/// folders in it. In `STUDY/*.tif`, each file is
/// a case. What a report of norma, masks and labels hold is no scan, and is left out.
package struct Study: Sendable {
  package struct Case: Sendable, Equatable {
    /// Path of the folder relative to the study, or the file's name without its ending.
    package var name: String
    /// Paths of the scan files relative to the study, in natural order.
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
  /// Files that the user says are scans, whatever they look like; `nil` to take every file for one.
  private let asked: Set<String>?

  /// Makes a study of known cases, without looking at the folder.
  package init(path: String, cases: [Case]) {
    self.init(path: path, cases: cases, notes: [], unopenable: [], asked: nil)
  }

  private init(path: String, cases: [Case], notes: [String], unopenable: Set<String>, asked: Set<String>?) {
    self.path = path
    self.cases = cases
    self.notes = notes
    self.unopenable = unopenable
    self.asked = asked
  }

  /// Whether a file is a scan only if its pixels are not those of a mask.
  func isDoubted(_ file: String) -> Bool { asked.map { !$0.contains(file) } ?? false }

  /// The same study with only the cases for which `isPart` returns `true`.
  package func part(_ isPart: (Case) -> Bool) -> Study {
    Study(path: path, cases: cases.filter(isPart), notes: notes, unopenable: unopenable, asked: asked)
  }

  package static let endings = ["tif", "tiff", "btf", "svs", "ndpi", "qptiff", "scn", "bif"]

  /// Reads the folder. Reports of norma, and masks and labels beside the scans, are left out, each with a note.
  ///
  /// - Throws: `NormaError` where the folder cannot be read, holds no scan, or is or lies in a report.
  package init(path: String, taking selection: StudySelection = StudySelection()) throws(NormaError) {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw NormaError(
        subject: path, found: "there is no such folder", remedy: "Give the folder that holds the study's TIFF scans")
    }
    guard isFolder.boolValue else {
      throw NormaError(
        subject: path, found: "this is a file, a folder of scans was expected", remedy: "Give the folder it lies in")
    }
    if let report = ReportMarker.report(around: path) {
      throw NormaError(
        subject: path, found: "it lies in a report of norma, \(report); a folder of scans was expected",
        remedy: "Give the folder of the scans. If they lie in the report's folder, move them out of it")
    }
    let walk = try FolderWalk(of: path) { ReportMarker.isReport($0) ? "a report of norma, and no scans" : nil }
    func isScan(_ file: FolderWalk.File) -> Bool {
      file.isLocked || Self.endings.contains(FilePath.ending(of: FilePath.name(of: file.path)).lowercased())
    }
    let scans = walk.files.filter(isScan)
    guard !scans.isEmpty else {
      let others = walk.files.count
      let found =
        !walk.notes.isEmpty && others == 0
        ? "it holds nothing that is read (\(walk.notes[0]))"
        : others == 0 ? "the folder holds no files" : "it holds \(Count.of(others, "file")) and no scan"
      throw NormaError(
        subject: path, found: "\(found); files ending in .\(Self.endings.joined(separator: ", .")) were expected",
        remedy: "Give a folder with STUDY/CASE/*.tif or STUDY/*.tif")
    }
    self.path = path
    unopenable = Set(scans.filter { !$0.isText }.map(\.path))
    var notes =
      walk.notes
      + walk.files.filter { $0.isDangling && !isScan($0) }.map {
        "\(path)/\($0.path): a link that leads nowhere. It is left out."
      }
    notes += [
      Self.otherPictures(among: walk.files.map(\.path), path: path),
      Self.foldersWithoutScans(walk.folders, scans: scans.map(\.path), path: path),
      Self.scansWithoutEnding(among: walk.files, path: path),
    ].compactMap { $0 }
    // Names of cases are given before anything is left out, so that they do not depend on what is.
    let all = Self.cases(of: scans.map(\.path))
    let taken = all.flatMap { item in item.files.filter { !selection.excludes($0, ofCase: item.name) } }
    for (option, patterns) in [("--exclude", selection.excluded), ("--include", selection.included)] {
      for pattern in patterns {
        let isOfUse = all.contains { item in
          item.files.contains { StudySelection.fits(pattern, $0, ofCase: item.name) }
        }
        if !isOfUse { notes.append("\(path): \(option) '\(pattern)' fits no file of it.") }
      }
    }
    let asked = Set(all.flatMap { item in item.files.filter { selection.includes($0, ofCase: item.name) } })
    let masks = StudyLayout(path: path).masks(among: taken.filter { !asked.contains($0) })
    notes += masks.notes
    let kept = Set(taken).subtracting(masks.files)
    self.asked = asked
    cases = try Self.chosen(
      all.map { Case(name: $0.name, files: $0.files.filter(kept.contains)) }.filter { !$0.files.isEmpty },
      by: selection, path: path)
    self.notes = notes + CaseGrouping(path: path, cases: cases.map { ($0.name, $0.files[0]) }).notes
  }

  /// Endings of pictures and scans in other formats.
  private static let otherEndings: Set = [
    "png", "jpg", "jpeg", "bmp", "gif", "webp", "jp2", "dcm", "dicom", "nii", "mha", "nrrd", "czi", "lif", "vsi",
    "mrxs",
  ]

  /// A sentence on the scans that may lie beside those that are read; `nil` without any.
  private static func otherPictures(among files: [String], path: String) -> String? {
    func ending(_ file: String) -> String {
      let name = FilePath.name(of: file).lowercased()
      return FilePath.ending(of: name.hasSuffix(".nii.gz") ? String(name.dropLast(3)) : name)
    }
    let others = files.filter { otherEndings.contains(ending($0)) }
    guard let first = others.min(by: NaturalOrder.precedes) else { return nil }
    let kinds = Set(others.map(ending)).sorted().map { ".\($0)" }.joined(separator: ", ")
    return
      "\(path): \(Count.of(others.count, "file")) of other formats (\(kinds)) \(others.count == 1 ? "is" : "are") left "
      + "out, \(others.count == 1 ? "" : "the first is ")\(first). norma reads TIFF; convert what is a scan."
  }

  /// A sentence on the folders in which nothing is a scan, which someone may take for cases; `nil` without any.
  private static func foldersWithoutScans(_ folders: [String], scans: [String], path: String) -> String? {
    var holding: Set<String> = [""]
    for scan in scans {
      var folder = FilePath.folder(of: scan)
      while holding.insert(folder).inserted { folder = FilePath.folder(of: folder) }
    }
    // The note names the uppermost of folders in each other.
    let bare = folders.filter { !holding.contains($0) && holding.contains(FilePath.folder(of: $0)) }
    guard !bare.isEmpty else { return nil }
    let names = bare.sorted(by: NaturalOrder.precedes)
    return
      "\(path): no file in \(Count.of(bare.count, "folder")) is a scan, and no case is made of \(bare.count == 1 ? "it" : "them"): "
      + "\(list(names)). A scan is a file that ends in .\(endings.joined(separator: ", ."))."
  }

  /// A sentence on the files that begin as a TIFF does and have no ending; `nil` without any.
  private static func scansWithoutEnding(among files: [FolderWalk.File], path: String) -> String? {
    let found = files.filter { file in
      guard file.isText, !file.isDangling, !file.isLocked, FilePath.ending(of: FilePath.name(of: file.path)).isEmpty,
        FileState.isRegular("\(path)/\(file.path)"),
        let head = try? FileHandle(forReadingAtPath: "\(path)/\(file.path)")?.read(upToCount: 4)
      else { return false }
      return FileKind.isTIFF(head)
    }
    guard !found.isEmpty else { return nil }
    return
      "\(path): \(Count.of(found.count, "file without an ending is", "files without an ending are")) a TIFF by the first "
      + "bytes, and left out: \(list(found.map(\.path))). Name \(found.count == 1 ? "it" : "them") .tif."
  }

  private static func list(_ names: [String]) -> String {
    names.prefix(5).joined(separator: ", ") + (names.count > 5 ? " and \(names.count - 5) more" : "")
  }

  private static func chosen(
    _ cases: [Case], by selection: StudySelection, path: String
  ) throws(NormaError) -> [Case] {
    guard !cases.isEmpty else {
      throw NormaError(
        subject: path, found: "all of its files are left out by --exclude", remedy: "Give another --exclude")
    }
    guard let names = selection.cases else { return cases }
    let known = Set(cases.map { Array($0.name.utf8) })
    let unknown = names.filter { !known.contains(Array($0.utf8)) }
    guard unknown.isEmpty else {
      throw NormaError(
        subject: path,
        found:
          "it has no case \(list(unknown.map { "'\($0)'" })) that --cases names",
        remedy: "Name cases by their folders in the study, or by their files without the ending")
    }
    let wanted = Set(names.map { Array($0.utf8) })
    return cases.filter { wanted.contains(Array($0.name.utf8)) }
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
        cases.append(
          Case(name: String(decoding: folder, as: UTF8.self), files: files.sorted(by: NaturalOrder.precedes)))
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
