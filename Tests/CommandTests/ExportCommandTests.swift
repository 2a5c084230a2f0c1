import Foundation
import Reporting
import Testing

/// One small report; the tests export from it.
private final class ExportBatch: Sendable {
  let folder: TemporaryFolder

  static let shared = Result { try ExportBatch() }

  private init() throws {
    folder = try TemporaryFolder()
    for k in 0..<4 { try folder.writeScan("healthy/case\(k)/slice.tif") }
    try folder.writeScan("patients/ill/slice.tif", lesion: (x: 28, y: 22, radius: 5))
    try folder.writeScan("patients/<script> \"q\"\n🧠/=slice.tif")
    try folder.write("II*\u{0}", to: "patients/bad/cut off.tif")
    _ = try Program.run(
      "train", "healthy", "--output", "model.safetensors", "--epochs", "4", "--held-out", "0.5", in: folder)
    _ = try Program.run("analyze", "patients", "--model", "model.safetensors", "--output", "report", in: folder)
  }

  func export(_ options: String...) throws -> Program.Result {
    try Program.run(["export", "report"] + options, in: folder)
  }

  func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: folder.file(path)) }
}

@Test(arguments: [
  ("geojson", "ill/slice.geojson"), ("csv", "regions.csv"), ("coco", "regions.coco.json"),
  ("mask", "ill/slice.mask.tif"),
  ("imagej", "ill/slice.heatmap.tif"),
])
func `a report is exported in every format`(format: String, name: String) throws {
  let batch = try ExportBatch.shared.get()
  let result = try batch.export("--format", format, "--output", "out/\(format)")
  #expect(result.status == 0, "\(result.errors)")
  #expect(result.output.hasPrefix("\(format)  "))
  #expect(result.output.hasSuffix(", 1 scan failed when analyzed  out/\(format)\n"), "\(result.output)")
  #expect(batch.exists("out/\(format)/\(name)"))
  if ["geojson", "mask", "imagej"].contains(format) {
    let ending = name.drop { $0 != "." }
    #expect(result.output.hasPrefix("\(format)  2 files"))
    // What other systems do not take in a name stands as _ in the case's folder, as it does in the report.
    let folder = ReportFolder("report").folder(ofCase: "<script> \"q\"\n🧠").dropFirst("cases/".count)
    #expect(folder.hasPrefix("_script_ _q__🧠~"))
    #expect(batch.exists("out/\(format)/\(folder)/=slice\(ending)"))
  }
}

@Test func `an export says which cases it is of`() throws {
  let batch = try ExportBatch.shared.get()
  let result = try batch.export("--format", "mask", "--output", "some", "--case", "il*")
  #expect(result.output == "mask  1 file  some\n")
  let none = try batch.export("--format", "mask", "--output", "none", "--case", "x")
  #expect(none.status == 1)
  #expect(
    none.errors == "norma: report: it has 3 cases and none with a name like 'x'. See their names with norma cases.\n")
  #expect(!batch.exists("none"))
}

@Test func `an export names the files that an earlier one left`() throws {
  let batch = try ExportBatch.shared.get()
  #expect(
    try batch.export("--format", "mask", "--output", "twice").errors.contains("may be of an earlier one") == false)
  let again = try batch.export("--format", "mask", "--output", "twice", "--case", "il*")
  #expect(
    again.errors.contains("twice: 1 file is of no scan of this export, and may be of an earlier one: "),
    "\(again.errors)")
  // Another format's files are its own.
  let other = try batch.export("--format", "geojson", "--output", "twice", "--case", "il*")
  #expect(!other.errors.contains("may be of an earlier one"), "\(other.errors)")
}

@Test func `an export with a scan left out exits with 1`() throws {
  let batch = try ExportBatch.shared.get()
  let copy = try TemporaryFolder()
  try FileManager.default.copyItem(atPath: batch.folder.file("report"), toPath: copy.file("report"))
  try copy.write("no TIFF", to: "report/cases/ill/slice.heatmap.tif")
  let result = try Program.run(
    ["export", "report", "--format", "imagej", "--output", "out", "--case", "ill"], in: copy)
  #expect(result.status == 1)
  #expect(result.output == "imagej  0 files, 1 scan left out  out\n")
  #expect(result.errors.contains("left out: report/cases/ill/slice.heatmap.tif: "), "\(result.errors)")
}

@Test(arguments: [
  (["--output", "out"], "--format is missing; one of geojson, csv, coco, mask, imagej is expected."),
  (["--format", "csv"], "--output is missing; a folder to write to is expected."),
  (["--format", "svg", "--output", "out"], "The value 'svg' is invalid for '--format <format>'."),
])
func `an export that names no format or folder is refused`(options: [String], sentence: String) throws {
  let folder = try TemporaryFolder()
  let result = try Program.run(["export", "report"] + options, in: folder)
  #expect(result.status == 2)
  #expect(result.errors.contains(sentence), "\(result.errors)")
}

@Test func `what is no report is not exported`() throws {
  let folder = try TemporaryFolder()
  let result = try Program.run(["export", "nothing", "--format", "csv", "--output", "out"], in: folder)
  #expect(result.status == 1)
  #expect(
    result.errors == "norma: nothing: not a report folder: it has no cases.sqlite. Run norma analyze first.\n")
}
