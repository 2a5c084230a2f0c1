import Foundation
import Imaging
import Testing

/// Scans that can be read and in which there is nothing to score, through the built program.
private final class BlankBatch: Sendable {
  let folder: TemporaryFolder
  let train: Program.Result
  let analyze: Program.Result

  static let shared = Result { try BlankBatch() }

  private init() throws {
    folder = try TemporaryFolder()
    for k in 0..<8 { try folder.writeScan("healthy/case\(k)/slice.tif") }
    try folder.writeBlank("healthy/blank/slice.tif", value: 0)
    try folder.writeScan("patients/well/slice.tif")
    try folder.writeScan("patients/ill/slice.tif", lesion: (x: 28, y: 22, radius: 5))
    try folder.writeBlank("patients/ill/black.tif", value: 0)
    for (name, value) in [("black", 0), ("white", 255), ("none", .nan), ("gray", 77)] as [(String, Float)] {
      try folder.writeBlank("patients/\(name)/slice.tif", value: value)
    }
    try folder.writeBlank("patients/pixel/slice.tif", value: 77, size: 1)
    try folder.writeMask("masks/ill/slice_mask.tif", lesion: (x: 28, y: 22, radius: 5))
    train = try Program.run(
      "train", "healthy", "--output", "model.safetensors", "--epochs", "2", "--held-out", "0.5", in: folder)
    analyze = try Program.run(
      "analyze", "patients", "--model", "model.safetensors", "--output", "report", in: folder)
  }

  func run(_ arguments: String...) throws -> Program.Result { try Program.run(arguments, in: folder) }
}

extension TemporaryFolder {
  fileprivate func writeBlank(_ name: String, value: Float, size: Int = 48) throws {
    try makeFolder(of: name)
    try TIFFWriter.write(
      Image(width: size, height: size, channels: 1, filledWith: value), as: .float32, to: file(name))
  }
}

@Test func `training names blank scans and learns from the others`() throws {
  let batch = try BlankBatch.shared.get()
  #expect(batch.train.status == 0, "\(batch.train.errors)")
  #expect(
    batch.train.errors.contains(
      "warning: left out, since there is nothing to learn from (all pixels have the same value): "
        + "healthy/blank/slice.tif\n"))
  #expect(batch.train.output.contains("cases           4 for training, 4 held out"))
}

@Test func `blank scans are not examined: the summary says so first, and the status is 1`() throws {
  let batch = try BlankBatch.shared.get()
  #expect(batch.analyze.status == 1, "\(batch.analyze.errors)")
  #expect(batch.analyze.output.contains("cases    7, 5 not examined; "))
  #expect(batch.analyze.output.contains(" of the other 2 flagged\n"))
  #expect(batch.analyze.output.contains("scans    8 scans computed in"))
  #expect(batch.analyze.output.contains(", 0 failed, 6 with nothing to score\n"))
  let page = try String(contentsOfFile: batch.folder.file("report/index.html"), encoding: .utf8)
  #expect(page.contains("<h1>Not examined: 6 of 8 scans (6 with nothing to score) and 5 of 7 cases. Of the others: "))
}

@Test func `blank cases have no score, p-value or verdict in any format`() throws {
  let batch = try BlankBatch.shared.get()
  let columns = ["cases", "report", "--columns", "name,score,p_value,flagged,region_count,empty_scans"]
  let blank = try Program.run(columns + ["--where", "status = empty", "--format", "csv"], in: batch.folder)
  #expect(
    blank.output.components(separatedBy: "\r\n").dropFirst().filter { !$0.isEmpty }
      == ["black,,,,,1", "gray,,,,,1", "none,,,,,1", "pixel,,,,,1", "white,,,,,1"])
  let json = try Program.run(columns + ["--where", "name = none", "--format", "ndjson"], in: batch.folder)
  #expect(
    json.output
      == #"{"name": "none", "score": null, "p_value": null, "flagged": null, "region_count": null, "#
      + #""empty_scan_count": 1}"# + "\n")
  let healthy = try Program.run(columns + ["--where", "not flagged"], in: batch.folder)
  #expect(!healthy.output.contains("white"))
  // A model of two epochs may flag both of the others.
  #expect(
    healthy.errors.hasSuffix("5 of 7 cases cannot be compared and are not listed: 5 without flagged (not examined).\n"))
  let reasons = try batch.run("cases", "report", "--where", "error like '1 x 1 pixels*'", "--columns", "name")
  #expect(reasons.output == "case\npixel\n")
}

@Test func `blank cases are not computed again, and a report with them is whole`() throws {
  let batch = try BlankBatch.shared.get()
  let again = try batch.run("analyze", "patients", "--model", "model.safetensors", "--output", "report")
  #expect(again.status == 1)
  #expect(again.output.contains("7 unchanged since the last run"))
  let verified = try batch.run("verify", "report")
  #expect(verified.status == 0, "\(verified.output)")
  #expect(
    verified.errors.contains("note: report: no scan could be scored in 5 of 7 cases: not examined."))
}

@Test func `blank scans count in no figure and no export`() throws {
  let batch = try BlankBatch.shared.get()
  let evaluated = try batch.run("evaluate", "report", "--masks", "masks", "--resamples", "2", "--json")
  #expect(evaluated.errors.contains("6 scans failed or had nothing to score in the analysis: no figure counts them."))
  let object = try #require(try JSONSerialization.jsonObject(with: Data(evaluated.output.utf8)) as? [String: Any])
  #expect(object["scans"] as? Int == 2)
  let exported = try batch.run("export", "report", "--format", "mask", "--output", "export")
  #expect(exported.output == "mask  2 files, 6 scans with nothing to score  export\n", "\(exported.errors)")
}

@Test func `the shards of a study say what was not examined, and so does the whole`() throws {
  let batch = try BlankBatch.shared.get()
  for shard in ["1/2", "2/2"] {
    _ = try batch.run("analyze", "patients", "--model", "model.safetensors", "--output", "parts", "--shard", shard)
  }
  let status = try batch.run("status", "parts", "--json")
  let lines = try #require(try JSONSerialization.jsonObject(with: Data(status.output.utf8)) as? [[String: Any]])
  #expect(lines.reduce(0) { $0 + ($1["empty_scans"] as? Int ?? 0) } == 6)
  let merged = try batch.run("merge", "parts")
  #expect(merged.output.contains("cases    7, 5 not examined; ") && merged.status == 1)
}

@Test func `where all scans failed nothing is said to be unflagged`() throws {
  let batch = try BlankBatch.shared.get()
  for name in ["a", "b"] { try batch.folder.write("no scan", to: "broken/\(name)/slice.tif") }
  let result = try batch.run("analyze", "broken", "--model", "model.safetensors", "--output", "lost")
  #expect(result.status == 1)
  #expect(result.output.contains("cases    2, none examined\n"))
  let page = try String(contentsOfFile: batch.folder.file("lost/index.html"), encoding: .utf8)
  #expect(page.contains("<h1>Nothing was examined: of 2 scans 2 failed</h1>"))
}
