import Foundation
import Imaging
import Testing

/// A small model, and what every command that generates makes of it.
private final class Studio: Sendable {
  let folder: TemporaryFolder

  static let shared = Result { try Studio() }

  private init() throws {
    folder = try TemporaryFolder()
    for k in 0..<8 { try folder.writeScan("healthy/case\(k)/slice.tif") }
    try folder.writeScan("other/a.tif", size: 40)
    let result = try Program.run(
      "train", "healthy", "--output", "m", "--epochs", "200", "--held-out", "0.5", "--score-share", "0.1", in: folder)
    #expect(result.status == 0, "\(result.errors)")
  }

  func run(_ arguments: String...) throws -> Program.Result { try Program.run(arguments, in: folder) }

  func json(_ path: String) throws -> Any {
    try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: folder.file(path))))
  }

  func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: folder.file(path))) }
}

@Test func `samples are files, a sheet, and figures beside those of real patches`() throws {
  let studio = try Studio.shared.get()
  let result = try studio.run("sample", "m", "--count", "6", "--study", "healthy", "--output", "s1")
  #expect(result.status == 0, "\(result.errors)")
  let file = try TIFFFile(path: studio.folder.file("s1/sample-0006.tif"))
  #expect(file.pages[0].description?.hasPrefix("synthetic, not a scan: norma ") == true)
  #expect(file.pages[0].description?.contains(", from prior, temperature 1.0") == true)
  #expect(try studio.bytes("s1/sheet.png").starts(with: [0x89, 0x50, 0x4E, 0x47]))
  let figures = try #require(try studio.json("s1/fidelity.json") as? [String: Any])
  let samples = try #require(figures["samples"] as? [String: Double])
  let training = try #require(figures["training"] as? [String: Double])
  #expect(samples["frechet_distance"]! > training["frechet_distance"]!, "real patches are more like real patches")
  #expect((0...1).contains(samples["precision"]!) && (0...1).contains(samples["recall"]!))
  #expect(samples["nearest_training"]! > 0)
  #expect(result.output.contains("Fréchet distance"))

  _ = try studio.run("sample", "m", "--count", "6", "--output", "s2")
  #expect(try studio.bytes("s1/sample-0003.tif") == studio.bytes("s2/sample-0003.tif"), "the same seed, the same patch")
  _ = try studio.run("sample", "m", "--count", "6", "--seed", "1", "--output", "s3")
  #expect(try studio.bytes("s1/sample-0003.tif") != studio.bytes("s3/sample-0003.tif"))
  let posterior = try studio.run(
    "sample", "m", "--from", "posterior", "--study", "healthy", "--count", "6", "--temperature", "0", "--output", "s4")
  #expect(posterior.status == 0, "\(posterior.errors)")
}

@Test func `traversals name what they move, and dimensions that do not exist are refused`() throws {
  let studio = try Studio.shared.get()
  let result = try studio.run("traverse", "m", "--count", "3", "--output", "t1")
  #expect(result.status == 0, "\(result.errors)")
  let rows = try #require(try studio.json("t1/traverse.json") as? [[String: Any]])
  #expect(rows.count == 3 && rows.allSatisfy { ($0["name"] as? String)?.isEmpty == false })
  let chosen = try studio.run(
    "traverse", "m", "healthy/case0/slice.tif", "--at", "0,0", "--dimensions", "2,5", "--output", "t2")
  #expect(chosen.status == 0, "\(chosen.errors)")
  let numbers = (try studio.json("t2/traverse.json") as? [[String: Any]])?.compactMap { $0["dimension"] as? Int }
  #expect(numbers == [2, 5])
  let missing = try studio.run("traverse", "m", "--dimensions", "2,29", "--output", "t3")
  #expect(missing.status == 1 && missing.errors.contains("m: it has the latent dimensions 1 to 28, not 29."))
  let outside = try studio.run("traverse", "m", "healthy/case0/slice.tif", "--at", "99,0", "--output", "t4")
  #expect(outside.status == 1 && outside.errors.contains("--at 99,0 lies outside; on the model's grid"))
}

@Test func `a scan is interpolated, edited along what was learned, and restored`() throws {
  let studio = try Studio.shared.get()
  let (a, b) = ("healthy/case0/slice.tif", "healthy/case1/slice.tif")
  let steps = try studio.run("interpolate", "m", a, b, "--steps", "3", "--output", "i1")
  #expect(steps.status == 0, "\(steps.errors)")
  #expect(try TIFFFile(path: studio.folder.file("i1/step-3.tif")).pages[0].width == 48)
  let sizes = try studio.run("interpolate", "m", a, "other/a.tif", "--output", "i2")
  #expect(sizes.status == 1 && sizes.errors.contains("Give scans of the same size."))

  let unknown = try studio.run("edit", "m", a, "--attribute", "other=+1", "--output", "e0")
  #expect(unknown.status == 1 && unknown.errors.contains("m: it has no attribute 'other'"), "\(unknown.errors)")
  let learned = try studio.run("attribute", "m", "healthy", "other", "--name", "other")
  #expect(learned.status == 1, "one patch is no group")
  #expect(learned.errors.contains("other: 1 patch shows tissue; two or more are needed"), "\(learned.errors)")
  try studio.folder.writeScan("other/b.tif", size: 40)
  let again = try studio.run("attribute", "m", "healthy", "other", "--name", "other")
  #expect(again.status == 0, "\(again.errors)")
  let edited = try studio.run("edit", "m", a, "--attribute", "other=+1", "--dimension", "3=-2", "--output", "e1")
  #expect(edited.status == 0, "\(edited.errors)")
  #expect(edited.output.contains("dimension 3=-2.0, attribute other=+1.0"))
  let nothing = try studio.run("edit", "m", a, "--dimension", "3=0", "--output", "e2")
  #expect(
    nothing.output.contains("change   0.0000 root mean square, in normalized intensity: nothing that could be seen"))
  let restored = try studio.run("edit", "m", a, "--restore", "--output", "e3")
  #expect(restored.status == 0, "\(restored.errors)")
  #expect(try studio.bytes("e3/edited.tif") != studio.bytes("e1/edited.tif"))
}

@Test func `a scan with nothing in it is not restored, and of a stack it is said which scan is taken`() throws {
  let studio = try Studio.shared.get()
  let edge = 64
  let image = Image(width: edge, height: edge, channels: 1)
  try TIFFWriter.write(image, as: .float32, to: studio.folder.file("blank.tif"))
  let blank = try studio.run("edit", "m", "blank.tif", "--restore", "--output", "e4")
  #expect(blank.status == 1 && blank.errors.contains("blank.tif: there is nothing in it to look at"), "\(blank.errors)")
  let scan = try TIFFFile(path: studio.folder.file("healthy/case0/slice.tif")).image(page: 1)
  let stack = try ImageJStackWriter(
    path: studio.folder.file("stack.tif"), width: scan.width, height: scan.height, images: 2, pixelSize: nil)
  for _ in 0..<2 { try stack.append(scan.samples) }
  try stack.finish()
  let edited = try studio.run("edit", "m", "stack.tif", "--restore", "--output", "e5")
  #expect(edited.status == 0, "\(edited.errors)")
  #expect(edited.errors.contains("stack.tif has 2 pages; the first scan of them is taken"), "\(edited.errors)")
}

@Test func `made-up scans keep their study's form and are learned from only where asked`() throws {
  let studio = try Studio.shared.get()
  let result = try studio.run("augment", "m", "healthy", "--factor", "2", "--output", "more")
  #expect(result.status == 0, "\(result.errors)")
  #expect(result.output.contains("synthetic  16 scans in more"))
  let old = try TIFFFile(path: studio.folder.file("healthy/case3/slice.tif"))
  let new = try TIFFFile(path: studio.folder.file("more/case3-synthetic-2/slice.tif"))
  #expect(new.pages[0].width == old.pages[0].width && new.pages[0].bitsPerSample == old.pages[0].bitsPerSample)
  #expect(new.pages[0].description?.contains(", like case3/slice.tif, of cases [\"case3\"") == true)
  let (before, after) = (try old.image(), try new.image())
  let center = 24 * 48 + 24
  #expect(
    after.samples[0] < 40 && after.samples[center] > after.samples[0] + 5,
    "in the file's own units: \(after.samples[0]), \(after.samples[center]) for \(before.samples[center])")

  let refused = try studio.run("train", "more", "--output", "n", "--epochs", "1")
  #expect(refused.status == 1 && refused.errors.contains("Give --include-synthetic to learn from it all the same"))
  // Real and made-up cases in one study: what was made of a held-out case must not be learned from.
  for name in try FileManager.default.contentsOfDirectory(atPath: studio.folder.file("more")) {
    try FileManager.default.createSymbolicLink(
      atPath: studio.folder.file("healthy/\(name)"), withDestinationPath: studio.folder.file("more/\(name)"))
  }
  defer {
    for k in 0..<8 {
      for copy in 1...2 {
        try? FileManager.default.removeItem(atPath: studio.folder.file("healthy/case\(k)-synthetic-\(copy)"))
      }
    }
  }
  let mixed = try studio.run(
    "train", "healthy", "--output", "n", "--epochs", "1", "--held-out", "0.5", "--include-synthetic")
  #expect(mixed.status == 0, "\(mixed.errors)")
  #expect(
    mixed.errors.contains("scans of 4 cases are held out"), "\(mixed.errors)")
  // Of 16 copies those that have no part in a held-out case are left, at most 8.
  let learned = mixed.errors.firstMatch(of: /learning from (\d+) scans/).flatMap { Int($0.1) } ?? 0
  #expect((4...12).contains(learned), "\(mixed.errors)")
}

@Test func `a model is told in words, and two stand side by side on a page`() throws {
  let studio = try Studio.shared.get()
  let words = try studio.run("model", "m")
  #expect(
    words.status == 0 && words.output.contains("Trained on                4 cases, 4 held out"), "\(words.output)")
  _ = try Program.run(
    "train", "healthy", "--output", "k", "--epochs", "1", "--seed", "5", "--held-out", "0.5", in: studio.folder)
  let result = try studio.run("model", "m", "k", "--output", "page")
  #expect(result.status == 0, "\(result.errors)")
  let page = try String(contentsOfFile: studio.folder.file("page/index.html"), encoding: .utf8)
  for name in ["samples-1.png", "samples-2.png", "strips-1.png", "strips-2.png", "assets/style.css"] {
    #expect(page.contains("\"\(name)\"") && FileManager.default.fileExists(atPath: studio.folder.file("page/\(name)")))
  }
  #expect(!page.contains("http:") && !page.contains("https:") && page.contains("Average precision on planted lesions"))
  let bad = try studio.run("model", "healthy/case0/slice.tif")
  #expect(bad.status == 1 && bad.errors.contains("healthy/case0/slice.tif: "))
}
