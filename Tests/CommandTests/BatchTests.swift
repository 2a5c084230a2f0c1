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

/// Three of six scans fail; every case has one that does not.
@Test(
  arguments: [
    ("3", 0), ("2", 1), ("50%", 0), ("0.5", 0), ("49%", 1), ("0", 1), ("x", 2), ("-1", 2), ("120%", 2), ("1.5", 2),
  ] as [(String, Int32)])
func `as many scans may fail as the user says`(allowed: String, status: Int32) throws {
  let batch = try Batch.shared.get()
  let result = try Program.run(
    "analyze", "patients", "--model", "model.safetensors", "--output", "allowed", "--max-failed=\(allowed)",
    in: batch.folder)
  #expect(result.status == status, "\(result.errors)")
  #expect(status == 2 || result.errors.contains("failed: patients/mixed/text.tiff: "))
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

@Test func `a table of cases says what is abnormal, with masks and without`() throws {
  let batch = try Batch.shared.get()
  func evaluate(_ table: String, _ more: String...) throws -> (object: [String: Any], errors: String) {
    try batch.folder.write(table, to: "labels.csv")
    let result = try Program.run(
      ["evaluate", "report", "--labels", "labels.csv", "--resamples", "0", "--json"] + more, in: batch.folder)
    #expect(result.status == 0, "\(result.errors)")
    return (
      try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]), result.errors
    )
  }
  func figures(_ object: [String: Any]) throws -> [String: Any] {
    try #require((object["rows"] as? [[String: Any]])?.first?["figures"] as? [String: Any])
  }
  func flagged(_ figures: [String: Any], _ group: String) throws -> Int? {
    (try #require(figures["verdicts"] as? [String: Any])[group] as? [String: Any])?["total"] as? Int
  }
  let table = "case,abnormal,sex,age\r\nill,1,f,61\r\nmixed,1,\"m\",40\r\nwell,0,m,\r\ngone,0,f,33\r\n"
  let alone = try evaluate(table)
  let verdicts = try figures(alone.object)
  #expect(verdicts["pixel_ap"] == nil)
  #expect((verdicts["case_auroc"] as? [String: Any])?["value"] as? Double == 1)
  #expect(try flagged(verdicts, "flagged_abnormal") == 2)
  #expect(try flagged(verdicts, "flagged_healthy") == 1)
  #expect(alone.object["promised_rate"] as? Double == 0.2)
  #expect(alone.errors.contains("Not scored: 1 case of labels.csv (gone)."), "\(alone.errors)")
  #expect(verdicts["froc"] == nil && (verdicts["verdicts"] as? [String: Any])?["false_regions_per_scan"] == nil)
  let groups = try #require(alone.object["groups"] as? [[String: Any]])
  #expect(
    groups.map { "\($0["covariate"]!) \($0["value"]!) \($0["cases"]!)" } == [
      "sex f 1", "sex m 2", "age 40 1", "age 61 1",
    ])

  // A case that is abnormal without a mask of it.
  let both = try evaluate("case;abnormal\nwell;1\nill;0\n", "--masks", "masks")
  #expect(try flagged(figures(both.object), "flagged_abnormal") == 2)  // well by its label, mixed by its mask
  #expect(try figures(both.object)["pixel_ap"] != nil && figures(both.object)["aupro"] != nil)
  #expect(
    both.errors.contains(
      "Not in labels.csv: 1 case of the report (mixed); masks alone say what is abnormal in them.\n"
        + "No figure of pixels or lesions counts 1 scan of abnormal cases without a mask: well/slice.tif.\n"
        + "The table calls cases healthy whose masks show lesions, in 1 scan: ill/slice.TIF.\n"), "\(both.errors)")

  let printed = try Program.run("evaluate", "report", "--masks", "masks", "--labels", "labels.csv", in: batch.folder)
  #expect(printed.output.contains("AUPRO up to 30 %"))
  #expect(printed.output.contains("abnormal cases flagged"))
}

@Test(arguments: [
  ("case,abnormal\nill,perhaps\n", "\"abnormal\" of case ill is \"perhaps\"; 1 or 0 was expected."),
  ("name,abnormal\nill,1\n", "it has the columns name, abnormal; a column \"case\" was expected."),
  ("case,abnormal\nill,1,2\n", "line 2 has 3 fields, its first line 2."),
  ("case,abnormal\n\"ill,1\n", "a quoted field does not end."),
  ("case,abnormal\nill,1\nill,0\n", "case ill is abnormal in one row and not in another."),
  ("case,case\nill,1\n", "it has two columns \"case\"."), ("", "its first line holds no column names."),
  ("case,abnormal,sex\nill,1,f\nill,1,m\n", "\"sex\" of case ill is \"f\" in one row and \"m\" in another."),
  ("case,sex\nill,f\n", "it has no column \"abnormal\", and there are no masks."),
  ("case,abnormal\nother,1\n", "it says of no scored case whether it is abnormal."),
])
func `a table of cases that cannot be used is refused with its fault`(table: String, fault: String) throws {
  let batch = try Batch.shared.get()
  try batch.folder.write(table, to: "bad.csv")
  let result = try Program.run("evaluate", "report", "--labels", "bad.csv", in: batch.folder)
  #expect(result.status != 0)
  #expect(result.errors.contains("bad.csv: \(fault)"), "\(result.errors)")
}

/// Where masks lie beside the scans, a scan without one must not be its own.
@Test func `a scan is not taken for its own mask`() throws {
  let result = try Program.run("evaluate", "report", "--masks", "patients", in: Batch.shared.get().folder)
  #expect(result.status != 0 && result.errors.contains("no mask was found for 3 scans"), "\(result.errors)")
}

@Test func `masks without a lesion, of values below 0, and of several grays are told of`() throws {
  let batch = try Batch.shared.get()
  func evaluate(_ value: Float, inside: Float, at folder: String) throws -> Program.Result {
    var mask = Image(width: 48, height: 48, channels: 1)
    for i in mask.samples.indices { mask.samples[i] = i < 48 ? inside : value }
    try FileManager.default.createDirectory(
      atPath: batch.folder.file("\(folder)/ill"), withIntermediateDirectories: true)
    try TIFFWriter.write(mask, as: .float32, to: batch.folder.file("\(folder)/ill/slice_mask.tif"))
    return try Program.run("evaluate", "report", "--masks", folder, "--resamples", "0", in: batch.folder)
  }
  #expect(try evaluate(0, inside: 0, at: "empty").errors.contains("No mask shows a lesion."))
  #expect(try evaluate(0, inside: -1, at: "negative").errors.contains("the mask has values below 0"))
  let gray = try evaluate(0.3, inside: 1, at: "gray")
  #expect(gray.status == 0 && gray.errors.contains("1 mask has some above 0"), "\(gray.errors)")
  let other = try Program.run("evaluate", "report", "--masks", "masks", "--resamples=-1", in: batch.folder)
  #expect(other.status == 2 && other.errors.contains("--resamples is -1; 0 to 100000 are supported."))
}

@Test func `without masks and table evaluate asks for them`() throws {
  let result = try Program.run("evaluate", "report", in: Batch.shared.get().folder)
  #expect(result.status != 0 && result.errors.contains("Give --masks, --labels, or both"), "\(result.errors)")
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
