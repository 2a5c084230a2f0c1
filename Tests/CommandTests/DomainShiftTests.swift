import Foundation
import Imaging
import Testing

/// Trained on 24 small scans; only their look matters here, not what was learned.
private let folder = Result {
  let folder = try TemporaryFolder()
  for k in 0..<24 { try folder.writeScan("healthy/case\(k)/slice.tif") }
  for k in 0..<4 {
    try folder.writeScan("same/other\(k)/slice.tif")
    try folder.writeScan("inverted/other\(k)/slice.tif")
    let path = folder.file("inverted/other\(k)/slice.tif")
    var image = try TIFFFile(path: path).image(page: 1)
    for i in image.samples.indices { image.samples[i] = 200 - image.samples[i] }
    try TIFFWriter.write(image, as: .uint8, to: path)
  }
  let train = try Program.run(
    "train", "healthy", "--output", "model.safetensors", "--epochs", "2", "--held-out", "0.5", in: folder)
  #expect(train.status == 0, "\(train.errors)")
  return folder
}

private func analyze(_ study: String, in folder: TemporaryFolder) throws -> (result: Program.Result, page: String) {
  let result = try Program.run(
    "analyze", study, "--model", "model.safetensors", "--output", "report-\(study)", in: folder)
  return (result, try String(contentsOfFile: folder.file("report-\(study)/index.html"), encoding: .utf8))
}

@Test func `a study of another kind is told apart, when it is analyzed and when all is taken over`() throws {
  let folder = try folder.get()
  for computed in [4, 0] {
    let (result, page) = try analyze("inverted", in: folder)
    #expect(result.status == 0)
    #expect(result.output.contains("\(computed) scans computed"))
    #expect(result.output.contains("domain   unlike the training study in "))
    #expect(result.errors.contains("warning: This study does not look like the one the model was trained on: "))
    #expect(page.contains("<strong>Domain shift.</strong> This study does not look like"))
  }
}

@Test func `a study of the same kind is not`() throws {
  let (result, page) = try analyze("same", in: try folder.get())
  #expect(result.output.contains("domain   like the training study (two-sample tests of 4 cases, level 1 %)"))
  #expect(!result.errors.contains("does not look like"))
  #expect(!page.contains("Domain shift.</strong>"))
}
