import Foundation
import Imaging
import Testing

/// Slides of more pixels than are held whole, trained on and analyzed by the built program.
private final class SlideBatch: Sendable {
  static let edge = 4200
  /// Of the slide at its full size.
  static let lesion = (x: 2000, y: 2200, radius: 260)

  let folder: TemporaryFolder
  let train: Program.Result
  let analyze: Program.Result

  static let shared = Result { try SlideBatch() }

  private init() throws {
    folder = try TemporaryFolder()
    for k in 0..<4 { try Self.write("healthy/case\(k).tif", seed: k, to: folder) }
    try Self.write("patients/ill.tif", seed: 7, lesion: Self.lesion, to: folder)
    try Self.write("patients/cut.tif", seed: 8, factors: [1], to: folder)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: folder.file("patients/cut.tif")))
    // Directories stand behind the pixels.
    bytes.replaceSubrange(8..<bytes.count / 2, with: Data(count: bytes.count / 2 - 8))
    try bytes.write(to: URL(fileURLWithPath: folder.file("patients/cut.tif")))
    train = try Program.run(
      "train", "healthy", "--output", "m.safetensors", "--epochs", "6", "--micrometers-per-pixel", "8", "--held-out",
      "0.5", in: folder)
    analyze = try Program.run(
      "analyze", "patients", "--model", "m.safetensors", "--output", "report", "--keep", "residual", in: folder)
  }

  /// A disc of tissue on an empty background, at its full size and a quarter of it; pixels of 2 micrometers.
  private static func write(
    _ name: String, seed: Int, factors: [Int] = [1, 4], lesion: (x: Int, y: Int, radius: Int)? = nil,
    to folder: TemporaryFolder
  ) throws {
    var image = Image(width: edge, height: edge, channels: 1, pixelSize: PixelSize(x: 2, y: 2))
    let phase = Float(seed)
    let waves = (0..<edge).map { 12 * sin(Float($0) * 0.01 + phase) }
    image.samples.withUnsafeMutableBufferPointer { samples in
      for y in 0..<edge {
        let dy = Float(y - edge / 2)
        for x in 0..<edge {
          let dx = Float(x - edge / 2)
          guard dx * dx + dy * dy < 1600 * 1600 else { continue }
          samples[y * edge + x] = 110 + waves[x] + waves[y]
          if let lesion {
            let (lx, ly) = (x - lesion.x, y - lesion.y)
            if lx * lx + ly * ly < lesion.radius * lesion.radius { samples[y * edge + x] += 90 }
          }
        }
      }
    }
    try folder.makeFolder(of: name)
    try TIFFWriter.write(
      factors.map { TIFFWriter.Page(image.reduced(by: $0), as: .uint8) }, tileSize: 256, to: folder.file(name))
  }

  func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: folder.file(path)) }

  func cases(_ report: String = "report") throws -> [[String: Any]] {
    let found = try Program.run("cases", report, "--format", "json", in: folder)
    return try #require(
      try JSONSerialization.jsonObject(with: Data(found.output.utf8)) as? [[String: Any]], "\(found.errors)")
  }
}

@Test func `a model is trained on slides and calibrated on whole ones`() throws {
  let batch = try SlideBatch.shared.get()
  #expect(batch.train.status == 0, "\(batch.train.errors)")
  #expect(batch.train.errors.contains("learning from 2 scans of 2 cases; 2 scans of 2 cases are held out"))
  #expect(batch.train.output.contains("scans 8.0 µm a pixel"))
}

@Test func `a slide is analyzed on the model's grid, and one that breaks off fails alone`() throws {
  let batch = try SlideBatch.shared.get()
  #expect(batch.analyze.status == 1)
  #expect(batch.analyze.errors.contains("failed: patients/cut.tif page 1: "), "\(batch.analyze.errors)")
  #expect(batch.analyze.output.contains("2 scans computed in"))
  #expect(batch.analyze.output.contains(", 1 failed"))
  for name in ["heatmap", "residual"] {
    let file = try TIFFFile(path: batch.folder.file("report/cases/ill/ill.\(name).tif"))
    // The quarter level has 8 micrometers a pixel.
    #expect(file.pages[0].width == 1050 && file.pages[0].height == 1050)
    let size = try #require(file.pages[0].pixelSize)
    #expect(abs(size.x - 8) < 1e-3)
  }
  #expect(!batch.exists("report/cases/cut/cut.heatmap.tif"))
  let left = try FileManager.default.contentsOfDirectory(atPath: batch.folder.file("report/cases/ill"))
  #expect(!left.contains { $0.hasSuffix(".part") })
}

@Test func `the hottest place of a slide is its lesion, in pixels of its full size`() throws {
  let batch = try SlideBatch.shared.get()
  let heat = try TIFFFile(path: batch.folder.file("report/cases/ill/ill.heatmap.tif")).image()
  let hottest = try #require(heat.samples.indices.max { heat.samples[$0] < heat.samples[$1] })
  let lesion = SlideBatch.lesion
  let (x, y) = (4 * (hottest % heat.width), 4 * (hottest / heat.width))
  #expect(abs(x - lesion.x) <= lesion.radius + 32 && abs(y - lesion.y) <= lesion.radius + 32, "hottest at \(x), \(y)")
  let page = try String(contentsOfFile: batch.folder.file("report/cases/ill/index.html"), encoding: .utf8)
  #expect(page.contains("4200 × 4200 px, 2 µm per pixel"))
}

@Test func `another level of a slide is another result, the same level is not computed again`() throws {
  let batch = try SlideBatch.shared.get()
  let first = try batch.cases().first { $0["name"] as? String == "ill" }?["score"] as? Double
  let again = try Program.run(
    "analyze", "patients", "--model", "m.safetensors", "--output", "report", "--keep", "residual", in: batch.folder)
  #expect(again.output.contains("1 unchanged since the last run"))
  let finer = try Program.run(
    "analyze", "patients", "--model", "m.safetensors", "--output", "finer", "--micrometers-per-pixel", "4",
    in: batch.folder)
  #expect(finer.status == 1)
  let file = try TIFFFile(path: batch.folder.file("finer/cases/ill/ill.heatmap.tif"))
  #expect(file.pages[0].width == 2100)
  let other = try batch.cases("finer").first { $0["name"] as? String == "ill" }?["score"] as? Double
  #expect(first != nil && other != nil && first != other)
}

@Test(
  arguments: [
    (["--level", "1", "--micrometers-per-pixel", "2"], "Give --level or --micrometers-per-pixel, not both."),
    (["--level", "64"], "--level is 64; a whole number from 0 to 63 is expected."),
    (["--micrometers-per-pixel", "0"], "--micrometers-per-pixel is 0.0; a number above 0 is expected."),
  ])
func `a resolution that makes no sense is refused`(options: [String], sentence: String) throws {
  let folder = try TemporaryFolder()
  for command in [["train", "s", "--output", "m"], ["analyze", "s", "--model", "m"]] {
    let result = try Program.run(command + options, in: folder)
    #expect(result.status == 2 && result.errors.contains(sentence), "\(result.errors)")
  }
}
