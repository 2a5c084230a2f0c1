import Foundation
import Imaging
import Testing

@Test func `a missing study is named`() throws {
  let folder = try TemporaryFolder()
  let result = try Program.run("train", "nowhere", "--output", "m.safetensors", in: folder)
  #expect(result.status == 1)
  #expect(
    result.errors == "norma: nowhere: there is no such folder. Give the folder that holds the study's TIFF scans.\n")
}

@Test func `an empty study is named`() throws {
  let folder = try TemporaryFolder()
  try folder.write("x", to: "study/notes.txt")
  let result = try Program.run("train", "study", "--output", "m.safetensors", in: folder)
  #expect(result.status == 1)
  #expect(
    result.errors
      == "norma: study: it holds 1 file and no scan; files ending in .tif, .tiff, .btf, .svs, .ndpi, .qptiff, .scn, .bif were expected. "
      + "Give a folder with STUDY/CASE/*.tif or STUDY/*.tif.\n")
}

@Test func `a study of broken files alone says what the first one has`() throws {
  let folder = try TemporaryFolder()
  try folder.write("not a scan", to: "study/a.tif")
  let result = try Program.run("train", "study", "--output", "m.safetensors", in: folder)
  #expect(result.status == 1)
  #expect(
    result.errors.contains("norma: study: none of the scans in 1 case can be read; the first says: study/a.tif: "))
  #expect(!result.errors.contains(".."))
}

@Test func `a study of one sound scan says what another one lacks`() throws {
  let folder = try TemporaryFolder()
  try folder.write("not a scan", to: "study/b.tif")
  try folder.writeScan("study/a.tif")
  let result = try Program.run("train", "study", "--output", "m.safetensors", in: folder)
  #expect(result.status == 1)
  #expect(result.errors.contains("Add healthy cases; the first that was left out says: study/b.tif: "))
  #expect(!result.errors.contains(".."))
}

@Test(
  arguments: [
    ("nothing", nil, "m.safetensors: there is no such file. Give a file that `norma train` wrote."),
    (
      "a short file", "abc",
      "m.safetensors: it holds 3 bytes, a safetensors file has at least 8. Copy the file again or train anew."
    ),
    (
      "another format", "\u{2}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}{}",
      "m.safetensors: it states no format, 'norma' was expected. Give a file that `norma train` wrote."
    ),
  ] as [(String, String?, String)])
func `a model file that cannot be used is named`(what: String, content: String?, message: String) throws {
  let folder = try TemporaryFolder()
  try folder.writeScan("study/a.tif")
  if let content { try folder.write(content, to: "m.safetensors") }
  let result = try Program.run("analyze", "study", "--model", "m.safetensors", "--output", "r", in: folder)
  #expect(result.status == 1)
  #expect(result.errors == "norma: \(message)\n")
  #expect(!FileManager.default.fileExists(atPath: folder.file("r")))
}

@Test func `an output that lies under a file is refused before training`() throws {
  let folder = try TemporaryFolder()
  try folder.writeScan("study/a.tif")
  try folder.write("x", to: "file")
  let result = try Program.run("train", "study", "--output", "file/m.safetensors", in: folder)
  #expect(result.status == 1)
  #expect(result.errors.hasPrefix("norma: file/m.safetensors: its folder cannot be made ("))
  #expect(result.errors.hasSuffix("). Choose another --output.\n"))
}

@Test func `a folder without an index is no report`() throws {
  let folder = try TemporaryFolder()
  let result = try Program.run("cases", folder.path, in: folder)
  #expect(result.status == 1)
  #expect(result.errors.contains("cases.sqlite"))
  #expect(result.errors.contains("norma analyze"))
}

@Test(arguments: [
  ["train", "study"], ["frobnicate"], ["train", "s", "--output", "o", "--minutes", "0"],
  ["train", "s", "--output", "o", "--minutes", "1", "--epochs", "1"],
  ["train", "s", "--output", "o", "--minutes", "x"],
  ["train", "s", "--output", "o", "--steps", "2.5"],
  ["analyze", "s", "--model", "m", "--false-positive-rate", "2"], ["cases", "r", "--format", "xml"],
  ["train", "s", "--output", "o", "--channel-weights", "a,b"],
])
func `a wrong command line ends with status 2`(arguments: [String]) throws {
  let folder = try TemporaryFolder()
  let result = try Program.run(arguments, in: folder)
  #expect(result.status == 2)
  #expect(result.errors.contains("Usage:") || result.errors.contains("Error:"))
}

@Test(
  arguments: [
    (
      ["--objective", "elbo", "--beta", "1"],
      "--beta is given with --objective elbo, which has no weight; give --objective beta or leave it out."
    ),
    (
      ["--objective", "elbo", "--free-nats", "2"],
      "--free-nats is given with --objective elbo, which counts every nat; give --objective beta or leave it out."
    ),
    (
      ["--likelihood", "bernoulli", "--variance", "pixel"],
      "--variance: a bernoulli likelihood has no spread that a pixel could have of its own; laplace or gaussian is "
        + "expected."
    ),
    (
      ["--latents", "0,4,8"],
      "--latents: latent channels [0, 4, 8]; one number from 0 to 256 a stage is expected, above 0 for the last."
    ),
    (
      ["--latents", "1,2,3,0"],
      "--latents: latent channels [1, 2, 3, 0]; one number from 0 to 256 a stage is expected, above 0 for the last."
    ),
    (["--minutes", "1", "--epochs", "1"], "Give one of --minutes, --epochs and --steps."),
    (["--epochs", "1", "--steps", "9"], "Give one of --minutes, --epochs and --steps."),
    (["--steps", "0"], "--steps is 0; a whole number from 1 to 1000000000 is expected."),
    (["--steps", "1"], "--steps is 1, which leaves the learned score none; give 2 or more, or --score-share 0."),
    (["--patience", "0"], "--patience is 0; 1 check or more is expected."),
    (["--free-nats", "inf"], "--free-nats is inf; 0 or more is expected."),
    (["--beta", "nan"], "--beta is nan; 0 or more is expected."),
    (
      ["--preset", "fundus", "--normalization", "histogram"],
      "--local-contrast subtracts what this normalization goes by; give --local-contrast 0, or another --normalization."
    ),
    (["--normalization", "window"], "--normalization window needs --window, two intensities such as -160,240."),
    (
      ["--window", "0,1", "--normalization", "robust"], "--window is given with --normalization robust, which has none."
    ),
    (["--max-pixels", "0"], "--max-pixels is 0; 1 to 1099511627776 is expected."),
    (["--tolerate-missing", "2"], "--tolerate-missing is 2.0; a share from 0 to 1 is expected."),
    (["--lesion-borders", "1-65"], "--lesion-borders is 1.0-65.0; pixels from 0.1 to 64 are expected."),
  ] as [([String], String)])
func `training options that contradict each other are named`(options: [String], message: String) throws {
  let result = try Program.run(["train", "s", "--output", "o"] + options, in: try TemporaryFolder())
  #expect(result.status == 2)
  #expect(result.errors.hasPrefix("Error: \(message)\n"))
}

@Test(
  arguments: [
    ["--objective", "elbo", "--preset", "mri"],
    ["--objective", "beta", "--beta", "0.5", "--free-nats", "0", "--normalization", "histogram"],
    ["--variance", "pixel", "--augmentation", "mild", "--warm-up", "2", "--window", "0,150"],
    ["--likelihood", "bernoulli", "--beta", "0.01", "--latents", "0,0,0,16"],
    ["--normalization", "zscore", "--normalization-scope", "training-set", "--preset", "xray"],
    ["--preset", "ct", "--window", "0,200"],
  ])
func `a model of every objective can be trained and applied`(options: [String]) throws {
  let folder = try TemporaryFolder()
  for name in ["a", "b", "c", "d"] { try folder.writeScan("study/\(name).tif") }
  let trained = try Program.run(
    ["train", "study", "--output", "m.safetensors", "--epochs", "2", "--batch-size", "2"] + options, in: folder)
  #expect(trained.status == 0, "\(trained.errors)")
  let result = try Program.run("analyze", "study", "--model", "m.safetensors", "--output", "r", in: folder)
  #expect(result.status == 0, "\(result.errors)")
}

@Test(arguments: ["5", "mm2", "-3px", "5 cm2", "nanpx", "0mm2", "infpx"])
func `an area without number and unit is refused, and it is said what is expected`(area: String) throws {
  let folder = try TemporaryFolder()
  let result = try Program.run("analyze", "s", "--model", "m", "--minimum-region-area=\(area)", in: folder)
  #expect(result.status == 2)
  #expect(
    result.errors.contains(
      "--minimum-region-area is '\(area)'; a positive number with its unit, such as 5mm2 or 12px, is expected."))
}

@Test(arguments: [["--help"], ["train", "--help"], ["--version"]])
func `help and version end with status 0`(arguments: [String]) throws {
  let result = try Program.run(arguments, in: try TemporaryFolder())
  #expect(result.status == 0)
  #expect(!result.output.isEmpty)
}

@Test func `inspect says what a file holds, as text and as JSON`() throws {
  let folder = try TemporaryFolder()
  try folder.writeScan("a.tif", size: 20, channels: 3)
  let text = try Program.run("inspect", "a.tif", in: folder)
  #expect(text.status == 0)
  #expect(text.output.contains("20 x 20, 3 channels, pixel size unknown"))
  let json = try Program.run("inspect", "a.tif", "--json", in: folder)
  let object = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
  let pages = try #require(object["pages"] as? [[String: Any]])
  #expect(pages.first?["width"] as? Int == 20)
  #expect(pages.first?["channels"] as? Int == 3)
}

@Test func `inspect names a file that is no TIFF`() throws {
  let folder = try TemporaryFolder()
  try folder.write("hello", to: "a.tif")
  let result = try Program.run("inspect", "a.tif", in: folder)
  #expect(result.status == 1)
  #expect(result.errors.hasPrefix("norma: a.tif: "))
}

@Test func `scans that nothing normalizes have to be near 0 to 1`() throws {
  let folder = try TemporaryFolder()
  for name in ["a", "b", "c"] { try folder.writeScan("study/\(name).tif") }
  let result = try Program.run(
    "train", "study", "--output", "m.safetensors", "--epochs", "1", "--normalization", "none", in: folder)
  #expect(result.status == 1)
  #expect(
    result.errors.contains(
      "study: its intensities reach 145.0, which are not normalized; about 0 to 1 was expected. Choose a --normalization "
        + "that brings them there, such as robust."))
}

/// Glass with tissue on it, as a slide's region.
@Test(arguments: [["--preset", "histology"], ["--normalization", "optical-density", "--tissue", "stained"]])
func `slides are trained on and analyzed, and gray scans are refused there`(options: [String]) throws {
  let folder = try TemporaryFolder()
  for (k, name) in ["a", "b", "c", "d"].enumerated() {
    var image = Image(width: 64, height: 64, channels: 3, filledWith: 240)
    for y in 8..<56 {
      for x in 8..<56 {
        let isNucleus = (x * 7 + y * 11 + k) % 5 == 0
        for c in 0..<3 { image[x, y, c] = isNucleus ? [110, 90, 160][c] : [225, 160, 205][c] - Float((x + y) % 4) }
      }
    }
    try folder.makeFolder(of: "slides/\(name).tif")
    try TIFFWriter.write(image, as: .uint8, to: folder.file("slides/\(name).tif"))
    try folder.writeScan("gray/\(name).tif")
  }
  func train(_ study: String) throws -> Program.Result {
    try Program.run(
      ["train", study, "--output", "m.safetensors", "--epochs", "2", "--batch-size", "2"] + options, in: folder)
  }
  let refused = try train("gray")
  #expect(
    refused.status == 1
      && refused.errors.contains("gray: its scans have 1 channel, the normalization of stained slides needs 3."))
  let trained = try train("slides")
  #expect(trained.status == 0, "\(trained.errors)")
  let result = try Program.run("analyze", "slides", "--model", "m.safetensors", "--output", "r", in: folder)
  #expect(result.status == 0, "\(result.errors)")
}
