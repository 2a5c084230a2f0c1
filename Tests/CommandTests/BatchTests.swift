import Compute
import Foundation
import Imaging
import Testing

/// One small study trained and analyzed by the built program; the tests look at what came out.
private final class Batch: Sendable {
  let folder: TemporaryFolder
  let train: Program.Result
  let analyze: Program.Result

  static let shared = Result { try Batch() }

  private init() throws {
    folder = try TemporaryFolder()
    for k in 0..<8 { try folder.writeScan("healthy/case\(k)/slice.tif") }
    let lesion = (x: 28, y: 22, radius: 5)
    try folder.writeScan("patients/well/slice.tif")
    try folder.writeScan("patients/ill/slice.TIF", lesion: lesion)
    try folder.writeScan("patients/mixed/good.tif", lesion: lesion)
    try folder.write("II*\u{0}", to: "patients/mixed/cut off.tif")
    try folder.write("hello", to: "patients/mixed/text.tiff")
    try folder.writeScan("patients/mixed/color.tif", channels: 3)
    try folder.writeMask("masks/ill/slice_mask.tif", lesion: lesion)
    try folder.writeMask("masks/mixed/good_mask.tif", lesion: lesion)
    train = try Program.run(
      "train", "healthy", "--output", "model.safetensors", "--epochs", "12", "--held-out", "0.5", in: folder)
    analyze = try Program.run(
      "analyze", "patients", "--model", "model.safetensors", "--output", "report", in: folder)
  }

  func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: folder.file(path)) }
}

extension TemporaryFolder: @unchecked Sendable {}

@Test func `training writes a model and sums up what it did`() throws {
  let batch = try Batch.shared.get()
  #expect(batch.train.status == 0, "\(batch.train.errors)")
  #expect(batch.exists("model.safetensors"))
  #expect(!batch.exists("model.safetensors.checkpoint"))
  #expect(batch.train.output.contains("cases           4 for training, 4 held out"))
  #expect(batch.train.output.contains("no case can be flagged at a false-positive rate below 20 %"))
}

@Test func `a batch with bad scans finishes the others and says so`() throws {
  let batch = try Batch.shared.get()
  #expect(batch.analyze.status == 1)
  #expect(batch.analyze.output.contains("cases    3,"))
  #expect(batch.analyze.output.contains("6 scans computed in"))
  #expect(batch.analyze.output.contains("rate     20 %, not the 5 % asked for, of healthy cases on average"))
  #expect(batch.analyze.errors.contains("The false-positive rate is 20 %, not 5 %: the model was calibrated on 4 "))
  #expect(batch.analyze.output.contains(", 3 failed"))
  #expect(batch.analyze.output.contains("domain   not tested: 3 cases are too few to compare with 8 training cases"))
  #expect(
    batch.analyze.errors.contains(
      "patients/mixed/color.tif: it has 3 channels, the model was trained on 1. Analyze it with a model of its own kind, or leave it out with --exclude."
    ))
  #expect(batch.analyze.errors.contains("failed: patients/mixed/text.tiff: "))
  #expect(batch.analyze.errors.contains("failed: patients/mixed/cut off.tif: "))
}

@Test(arguments: [
  "index.html", "cases.sqlite", "cases/ill/index.html", "cases/ill/slice.heatmap.tif", "cases/ill/slice.scan.png",
  "cases/mixed/good.heatmap.tif", "cases/mixed/index.html", "cases/well/slice.values.js",
])
func `the report has its files`(name: String) throws {
  #expect(try Batch.shared.get().exists("report/" + name))
}

@Test func `the lesion's case scores above the healthy one`() throws {
  let batch = try Batch.shared.get()
  let result = try Program.run("cases", "report", "--sort", "score", "--format", "csv", in: batch.folder)
  #expect(result.status == 0)
  let rows = result.output.split(whereSeparator: \.isNewline).map {
    $0.split(separator: ",", omittingEmptySubsequences: false)
  }
  #expect(rows.first?.first == "name")
  #expect(rows.dropFirst().map { String($0[0]) }.last == "well")
}

@Test func `cases come as JSON too`() throws {
  let batch = try Batch.shared.get()
  let result = try Program.run("cases", "report", "--format", "json", in: batch.folder)
  let rows = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [[String: Any]])
  #expect(rows.count == 3)
  let mixed = try #require(rows.first { $0["name"] as? String == "mixed" })
  #expect(mixed["scan_count"] as? Int == 4)
  #expect(mixed["status"] as? String == "done")
  #expect(mixed["report_path"] as? String == "cases/mixed/index.html")
}

@Test func `running again computes unchanged cases no second time`() throws {
  let batch = try Batch.shared.get()
  let heatmap = batch.folder.file("report/cases/ill/slice.heatmap.tif")
  func modified() throws -> Date? {
    try FileManager.default.attributesOfItem(atPath: heatmap)[.modificationDate] as? Date
  }
  let before = try modified()
  let again = try Program.run(
    "analyze", "patients", "--model", "model.safetensors", "--output", "report", in: batch.folder)
  #expect(again.status == 1)  // the bad scans are still bad
  #expect(again.output.contains("2 unchanged since the last run"))
  #expect(try modified() == before)
}

@Test func `regions smaller than a stated area are left out, and scans of unknown pixel size are told of`() throws {
  let batch = try Batch.shared.get()
  func regions(_ report: String, _ area: String...) throws -> (count: Int, errors: String) {
    let run = try Program.run(
      ["analyze", "patients", "--model", "model.safetensors", "--output", report] + area, in: batch.folder)
    let result = try Program.run("cases", report, "--format", "json", in: batch.folder)
    let rows = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [[String: Any]])
    return (rows.reduce(0) { $0 + ($1["region_count"] as? Int ?? 0) }, run.errors)
  }
  let all = try regions("areas")
  #expect(all.count > 0)
  #expect(try regions("areas", "--minimum-region-area", "2000px").count == 0)
  let unknown = try regions("areas", "--minimum-region-area", "5mm2")
  #expect(unknown.count == all.count)
  #expect(
    unknown.errors.contains(
      "warning: 3 scans do not say how large a pixel is; regions smaller than 5mm2 were not left out there."))
}

@Test func `evaluation prints the model beside its baselines`() throws {
  let batch = try Batch.shared.get()
  let result = try Program.run(
    "evaluate", "report", "--masks", "masks", "--resamples", "20", "--json", in: batch.folder)
  #expect(result.status == 0, "\(result.errors)")
  #expect(
    result.errors.hasPrefix(
      "1 scan has no mask and is taken as free of lesions: well/slice.tif.\n"
        + "3 scans failed or had nothing to score in the analysis: no figure counts them.\n"
        + "The network was trained for only "), "\(result.errors)")
  let object = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
  #expect(object["lesion_scans"] as? Int == 2)
  let rows = try #require(object["rows"] as? [[String: Any]])
  #expect(rows.compactMap { $0["name"] as? String } == ["norma", "untrained, standardized", "untrained intensity"])
}

@Test func `the same seed trains the same model, bit for bit`() throws {
  let batch = try Batch.shared.get()
  let second = try Program.run(
    "train", "healthy", "--output", "again.safetensors", "--epochs", "12", "--held-out", "0.5", in: batch.folder)
  #expect(second.status == 0)
  func weights(_ name: String) throws -> Data {
    let data = try Data(contentsOf: URL(fileURLWithPath: batch.folder.file(name)))
    let header = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    return data.dropFirst(8 + header)
  }
  #expect(try weights("model.safetensors") == weights("again.safetensors"))
}

@Test func `the reconstruction error is kept where it is asked for, and is the heatmap of that score`() throws {
  let batch = try Batch.shared.get()
  let options = ["analyze", "patients", "--model", "model.safetensors", "--output", "errors", "--score", "residual"]
  _ = try Program.run(options, in: batch.folder)
  #expect(!batch.exists("errors/cases/ill/slice.residual.tif"))
  _ = try Program.run(options + ["--keep", "residual"], in: batch.folder)
  let folder = batch.folder.file("errors/cases/ill/")
  let residual = try TIFFFile(path: folder + "slice.residual.tif").image(page: 1)
  let heatmap = try TIFFFile(path: folder + "slice.heatmap.tif").image(page: 1)
  #expect(residual == heatmap)
  #expect(residual.samples.contains { $0 > 0 })
}

@Test func `a score that the model cannot give is refused with those it can`() throws {
  let batch = try Batch.shared.get()
  let result = try Program.run(
    ["analyze", "patients", "--model", "model.safetensors", "--output", "none", "--score", "variance"], in: batch.folder
  )
  #expect(result.status == 1)
  #expect(result.errors.contains("this model has no score 'variance'. Choose one of ensemble, "))
}

@Test func `every score of the model is compared where that is asked for`() throws {
  let batch = try Batch.shared.get()
  let result = try Program.run(
    ["evaluate", "report", "--masks", "masks", "--scores", "--json", "--resamples", "2"], in: batch.folder)
  let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
  let rows = try #require(object?["rows"] as? [[String: Any]])
  let names = rows.compactMap { ($0["name"] as? String)?.split(separator: ",").first.map(String.init) }
  #expect(names.first == "norma" && names.last == "untrained intensity")
  #expect(Set(names).isSuperset(of: ["ensemble", "learned", "residual", "absolute", "ssim", "kl", "kl-gradient"]))
  // The report shows the ensemble: both rows are of the same heatmaps.
  func precision(_ name: String) -> Double? {
    let row = rows.first { ($0["name"] as? String) == name }
    return ((row?["figures"] as? [String: Any])?["pixel_ap"] as? [String: Any])?["value"] as? Double
  }
  #expect(precision("norma") != nil && precision("norma") == precision("ensemble"))
}

/// oneDNN takes the limit from its environment: what follows runs as on a processor without AVX-512.
@Test func `a machine with AVX2 alone trains and analyzes in f32`() throws {
  let folder = try TemporaryFolder()
  for k in 0..<4 { try folder.writeScan("healthy/case\(k)/slice.tif") }
  let avx2 = ["DNNL_MAX_CPU_ISA": "AVX2"]
  let train = try Program.run(
    ["train", "healthy", "--output", "model.safetensors", "--epochs", "4", "--held-out", "0.5"], in: folder,
    environment: avx2)
  #expect(train.status == 0, "\(train.errors)")
  #expect(train.output.contains(", avx2, f32, "))
  let refused = try Program.run(
    ["train", "healthy", "--output", "other.safetensors", "--precision", "bf16"], in: folder, environment: avx2)
  #expect(refused.status == 2)
  #expect(
    refused.errors.hasPrefix(
      "Error: --precision is bf16, which this processor does not have; f32 is expected.\n"))
  let analyze = try Program.run(
    ["analyze", "healthy", "--model", "model.safetensors", "--output", "report"], in: folder, environment: avx2)
  #expect(analyze.status == 0, "\(analyze.errors)")
}

@Test func `a model is applied in the precision it was trained in, and compared in that of the report`() throws {
  let folder = try TemporaryFolder()
  for k in 0..<4 { try folder.writeScan("healthy/case\(k)/slice.tif") }
  try folder.writeMask("masks/case0/slice_mask.tif", lesion: (x: 28, y: 22, radius: 5))
  let train = try Program.run(
    ["train", "healthy", "--output", "model.safetensors", "--epochs", "4", "--held-out", "0.5", "--precision", "f32"],
    in: folder)
  #expect(train.status == 0, "\(train.errors)")
  func analyze(_ output: String, _ options: [String]) throws -> Data {
    let result = try Program.run(
      ["analyze", "healthy", "--model", "model.safetensors", "--output", output] + options, in: folder)
    #expect(result.status == 0, "\(result.errors)")
    return try Data(contentsOf: URL(fileURLWithPath: folder.file("\(output)/cases/case0/slice.heatmap.tif")))
  }
  let byDefault = try analyze("default", [])
  #expect(try byDefault == analyze("f32", ["--precision", "f32"]))
  guard Precision.fastest == .bfloat16 else { return }
  #expect(try byDefault != analyze("bf16", ["--precision", "bf16"]))
  // The report's own row and the same score computed anew agree to the last digit only in the same precision.
  for report in ["f32", "bf16"] {
    let result = try Program.run(
      ["evaluate", report, "--masks", "masks", "--scores", "--json", "--resamples", "2"], in: folder)
    let rows = (try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])?["rows"]
    let figures = try #require(rows as? [[String: Any]]).filter {
      ["norma", "ensemble"].contains(($0["name"] as? String)?.split(separator: ",").first)
    }.map { ($0["figures"] as? [String: Any])?["pixel_auroc"] as? [String: Any] }
    #expect(figures.count == 2 && figures[0]?["value"] as? Double == figures[1]?["value"] as? Double, "\(report)")
  }
}

@Test func `a report is evaluated from another folder than it was made in`() throws {
  let batch = try Batch.shared.get()
  let arguments = ["--masks", batch.folder.file("masks"), "--resamples", "0"]
  let here = try Program.run(["evaluate", "report"] + arguments, in: batch.folder)
  let elsewhere = try Program.run(["evaluate", batch.folder.file("report")] + arguments, in: try TemporaryFolder())
  #expect(here.status == 0 && elsewhere.status == 0, "\(elsewhere.errors)")
  #expect(!here.output.isEmpty && elsewhere.output == here.output)
  #expect(here.output.contains("untrained intensity"))
}
