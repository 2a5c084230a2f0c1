import Anomaly
import Files
import Foundation
import Testing

struct StudyTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func touch(_ names: String...) throws {
    for name in names { try folder.write([0], as: name) }
  }

  /// What a user would read, without the folder.
  private func message(_ relative: String = "") -> String {
    let path = relative.isEmpty ? folder.path : folder.path + "/" + relative
    do throws(NormaError) {
      _ = try Study(path: path)
      return "no error"
    } catch {
      return error.description.replacingOccurrences(of: folder.path, with: "STUDY")
    }
  }

  @Test func `a folder is a case at any depth, its files are its scans in order`() throws {
    try touch("b/2.tif", "b/1.tif", "a/x/deep/3.tiff", "a/4.tif")
    #expect(
      try Study(path: folder.path).cases == [
        .init(name: "a", files: ["a/4.tif"]),
        .init(name: "a/x/deep", files: ["a/x/deep/3.tiff"]),
        .init(name: "b", files: ["b/1.tif", "b/2.tif"]),
      ])
  }

  @Test func `a file right in the study is a case of its own`() throws {
    try touch("two.tif", "one.tif", "folder/three.tif")
    #expect(
      try Study(path: folder.path).cases == [
        .init(name: "folder", files: ["folder/three.tif"]), .init(name: "one", files: ["one.tif"]),
        .init(name: "two", files: ["two.tif"]),
      ])
  }

  @Test(arguments: ["tif", "TIF", "Tiff", "tiff", "SVS", "svs", "btf", "BTF", "ndpi", "QPTIFF"])
  func `an ending counts in any letter case`(ending: String) throws {
    try touch("scan.\(ending)", "notes.txt", "scan.\(ending).bak")
    #expect(try Study(path: folder.path).cases == [.init(name: "scan", files: ["scan.\(ending)"])])
  }

  @Test func `files that differ only in their ending keep it in their case's name`() throws {
    try touch("one.tif", "one.tiff", "two.tif")
    #expect(try Study(path: folder.path).cases.map(\.name) == ["one.tif", "one.tiff", "two"])
  }

  @Test func `a file named like a folder keeps its ending`() throws {
    try touch("one.tif", "one/scan.tif")
    #expect(
      try Study(path: folder.path).cases == [
        .init(name: "one", files: ["one/scan.tif"]), .init(name: "one.tif", files: ["one.tif"]),
      ])
  }

  private func notes(on files: [String]) throws -> [String] {
    let folder = try TemporaryFolder()
    for file in files { try folder.write([0], as: file) }
    return try Study(path: folder.path).notes.map { $0.replacingOccurrences(of: folder.path, with: "STUDY") }
  }

  @Test func `what a scanner saves beside a slide is left out and named`() throws {
    let folder = try TemporaryFolder()
    for file in [
      "p/slide.tif", "p/slide_macro.tif", "p/slide_overview.tif", "p/slide_thumbnail.tif", "p/other.scn", "p/b.bif",
    ] {
      try folder.write([0], as: file)
    }
    let study = try Study(path: folder.path)
    #expect(study.cases.flatMap(\.files) == ["p/b.bif", "p/other.scn", "p/slide.tif"])
    #expect(study.notes.count == 3 && study.notes.allSatisfy { $0.contains("left out") })
  }

  @Test func `scans of a patient in several cases are told of`() throws {
    let advice = "If these are of one patient, put all scans of a patient into one folder."
    #expect(
      try notes(on: ["p11/a.tif", "p11/x/more/b.tif", "p12/a.tif"]) == [
        "STUDY: 1 case lies in the folder of another case, such as p11/x/more in p11. A case is a folder with its own files. "
          + advice
      ])
    let sides = (1...4).flatMap { ["p\($0)/left/a.tif", "p\($0)/right/a.tif"] }
    #expect(
      try notes(on: sides) == ["STUDY: 4 folders, such as p1, hold cases of the same names (left, right). \(advice)"])
    let flat = (1...4).flatMap { ["p0\($0)_slice1.tif", "p0\($0)_slice2.tif"] }
    #expect(
      try notes(on: flat) == [
        "STUDY: each of its 8 files is a case, and their names look like those of scans of 4 patients, such as p01_slice1 and "
          + "p01_slice2. \(advice)"
      ])
  }

  @Test func `cases that are of different patients by their names are not asked about`() throws {
    for files in [
      (1...9).map { "case-\($0).tif" },
      (1...9).map { "healthy/case-\($0)/a.tif" } + ["patients/p1/a.tif", "patients/p2/a.tif"],
      (1...9).flatMap { ["normal_\($0).tif", "sick_\($0).tif"] },
      ["a/1.tif", "a/2.tif", "b/1.tif", "b/2.tif", "c/1.tif"],
    ] {
      #expect(try notes(on: files) == [])
    }
  }

  @Test func `no two cases share a name`() throws {
    try touch("one.tif", "one.tiff", "one.tif.tif", "one.tiff.btf", "one.tif.tif.tif")
    let names = try Study(path: folder.path).cases.map(\.name)
    #expect(names.count == 5)
    #expect(Set(names).count == 5, "\(names)")
  }

  @Test func `hidden files and folders are not looked at`() throws {
    try touch("a/1.tif", "a/._1.tif", ".trash/2.tif", ".3.tif")
    #expect(try Study(path: folder.path).cases == [.init(name: "a", files: ["a/1.tif"])])
  }

  @Test func `a link to another folder is followed, a link back up ends`() throws {
    try touch("study/a/1.tif", "elsewhere/2.tif")
    let files = FileManager.default
    let study = folder.path + "/study"
    try files.createSymbolicLink(atPath: study + "/b", withDestinationPath: folder.path + "/elsewhere")
    try files.createSymbolicLink(atPath: study + "/a/up", withDestinationPath: study)
    try files.createSymbolicLink(atPath: study + "/nowhere.tif", withDestinationPath: study + "/gone.tif")
    try files.createSymbolicLink(atPath: study + "/nowhere", withDestinationPath: study + "/gone")
    let found = try Study(path: study)
    #expect(
      found.cases == [
        .init(name: "a", files: ["a/1.tif"]), .init(name: "b", files: ["b/2.tif"]),
        .init(name: "nowhere", files: ["nowhere.tif"]),
      ])
    #expect(
      found.notes == [
        "\(study)/a/up: it leads to a folder that is read already or that this one lies in. It is left out.",
        "\(study)/nowhere: a link that leads nowhere. It is left out.",
      ])
    // Its file is told of where it is read.
    guard case .failure(let fault)? = found.scans(of: found.cases[2]).first?.content else {
      Issue.record("a link to nowhere was read")
      return
    }
    #expect(
      fault.description
        == "\(study)/nowhere.tif: the file cannot be opened: No such file or directory. Check the path and its rights.")
  }

  @Test func `of two links to a folder the first is followed, whatever the order on the disk`() throws {
    try touch("elsewhere/1.tif", "study/c/2.tif")
    for name in ["b", "a"] {
      try FileManager.default.createSymbolicLink(
        atPath: folder.path + "/study/" + name, withDestinationPath: "../elsewhere")
    }
    #expect(try Study(path: folder.path + "/study").cases.map(\.name) == ["a", "c"])
  }

  @Test func `a link that leads nowhere is a case where its name is a scan's`() throws {
    try touch("a/1.tif")
    for name in ["nowhere.tif", "nowhere.txt"] {
      try FileManager.default.createSymbolicLink(
        atPath: "\(folder.path)/\(name)", withDestinationPath: "\(folder.path)/gone")
    }
    #expect(
      try Study(path: folder.path).cases
        == [.init(name: "a", files: ["a/1.tif"]), .init(name: "nowhere", files: ["nowhere.tif"])])
  }

  @Test(.disabled(if: geteuid() == 0, "root may read every folder"))
  func `a folder that may not be read is a case that fails, the others are found`() throws {
    try touch("a/1.tif", "locked/2.tif")
    let locked = "\(folder.path)/locked"
    try #require(chmod(locked, 0) == 0)
    defer { chmod(locked, 0o700) }
    let study = try Study(path: folder.path)
    #expect(
      study.cases == [.init(name: "a", files: ["a/1.tif"]), .init(name: "locked", files: ["locked"])])
    guard case .failure(let fault) = study.scans(of: study.cases[1])[0].content else {
      Issue.record("read")
      return
    }
    #expect(
      fault.description == "\(locked): the file cannot be opened: Permission denied. Check the path and its rights.")
  }

  @Test func `a folder that is not there is named`() {
    #expect(
      message("missing")
        == "STUDY/missing: there is no such folder. Give the folder that holds the study's TIFF scans.")
  }

  @Test func `a file in place of a folder is named`() throws {
    try touch("scan.tif")
    #expect(
      message("scan.tif")
        == "STUDY/scan.tif: this is a file, a folder of scans was expected. Give the folder it lies in.")
  }

  @Test func `an empty study says what it should hold`() throws {
    try FileManager.default.createDirectory(atPath: folder.path + "/a/b", withIntermediateDirectories: true)
    #expect(
      message()
        == "STUDY: the folder holds no files; files ending in .tif, .tiff, .btf, .svs, .ndpi, .qptiff, .scn, .bif were expected."
        + " Give a folder with STUDY/CASE/*.tif or STUDY/*.tif.")
  }

  @Test func `a study without scans says how many files it holds instead`() throws {
    try touch("a/notes.txt", "a/scan.png", "tif", ".hidden.tif")
    #expect(
      message()
        == "STUDY: it holds 3 files and no scan; files ending in .tif, .tiff, .btf, .svs, .ndpi, .qptiff, .scn, .bif were expected."
        + " Give a folder with STUDY/CASE/*.tif or STUDY/*.tif.")
  }
}
