import Anomaly
import Compute
import Files
import Foundation
import Imaging
import Testing

struct ModelTests {
  let folder: TemporaryFolder
  let model: Model

  init() throws {
    folder = try TemporaryFolder()
    model = try TinyStudy.model.get()
  }

  private var path: String { folder.path + "/sub/model.safetensors" }

  /// Heatmaps and findings of two scans the model has not seen, one of them with a dark hole.
  private func analyze(_ model: Model) throws -> [(layers: ScanLayers, findings: ScanResult.Findings)] {
    var images = [TinyStudy.scan(seed: 101), TinyStudy.scan(seed: 102, edge: 61)]
    for y in 20..<26 {
      for x in 20..<26 { images[0][x, y] = 40 }
    }
    let scorer = try Scorer(model, path: path, engine: Engine())
    return try scorer.analyze(
      ScanGroup(images, prepared: model.preparation.prepare(images)), rate: 0.3)
  }

  @Test func `a saved model gives the same heatmaps bit for bit`() throws {
    try model.save(to: path)
    let read = try Model(path: path)
    #expect(read.architecture == model.architecture)
    #expect(read.preparation == model.preparation)
    #expect(read.book == model.book)
    #expect(read.calibrations == model.calibrations)
    #expect(read.scoreArchitecture == model.scoreArchitecture)
    #expect(read.inference == model.inference)
    #expect(read.domain == model.domain && model.domain != nil)
    #expect(read.record == model.record)
    #expect(read.weights == model.weights)
    for (before, after) in zip(try analyze(model), try analyze(read)) {
      #expect(before.layers.heatmap.values.map(\.bitPattern) == after.layers.heatmap.values.map(\.bitPattern))
      #expect(before.layers.reconstruction == after.layers.reconstruction)
      #expect(before.findings == after.findings)
    }
  }

  @Test func `a model made before activity and history were recorded can be read`() throws {
    let text = try message { file in
      for (key, absent) in [("training", ["activity", "history"]), ("architecture", ["output", "predictsScales"])] {
        let data = Data(file.metadata[key]!.utf8)
        var fields = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        for name in absent { #expect(fields.removeValue(forKey: name) != nil) }
        file.metadata[key] = String(decoding: try JSONSerialization.data(withJSONObject: fields), as: UTF8.self)
      }
    }
    #expect(text == "no error")
    let read = try Model(path: path)
    #expect(read.record.activity == nil && read.record.history == nil)
    #expect(read.architecture == model.architecture)
  }

  @Test func `layers have the scan's own size, heat is 0 outside tissue and never below`() throws {
    let results = try analyze(model)
    #expect(results.map(\.layers.heatmap.width) == [48, 61])
    for (layers, findings) in results {
      #expect(layers.scan.width == layers.heatmap.width && layers.reconstruction.width == layers.heatmap.width)
      #expect(findings.width == layers.heatmap.width && findings.channels == 1)
      #expect(layers.heatmap.values.allSatisfy { $0 >= 0 && $0.isFinite })
      let outside = zip(layers.heatmap.values, layers.tissue.values).filter { !$1 }.map(\.0)
      #expect(!outside.isEmpty && outside.allSatisfy { $0 == 0 })
      #expect(findings.pValue > 0 && findings.pValue <= 1)
    }
  }

  /// A hole 60 below tissue of 100 with a texture of 8: seven deviations, whatever three epochs have learned.
  @Test func `a gross lesion is the hottest place of its scan`() throws {
    let heat = try analyze(model)[0].layers.heatmap
    let hottest = try #require(heat.values.indices.max { heat.values[$0] < heat.values[$1] })
    #expect((17..<29).contains(hottest % 48) && (17..<29).contains(hottest / 48))
  }

  @Test func `the metadata has the documented keys`() throws {
    try model.save(to: path)
    let metadata = try Safetensors(Data(contentsOf: URL(fileURLWithPath: path)), path: path).metadata
    #expect(
      metadata.keys.sorted() == [
        "architecture", "calibration", "channels", "domain", "format", "format_version", "inference", "latents",
        "normalization",
        "patch_size", "preparation", "score_network", "scores", "seed", "tool_version", "training",
        "training_set_sha256",
      ])
    #expect(metadata["format"] == "norma")
    #expect(metadata["format_version"] == "7")
    #expect(metadata["tool_version"] == "1.0")
    #expect(metadata["channels"] == "1")
    #expect(metadata["patch_size"] == "48")
    #expect(metadata["seed"] == "7")
    #expect(metadata["training_set_sha256"] == model.record.trainingSetSHA256)
    #expect(metadata["training_set_sha256"]?.wholeMatch(of: /[0-9a-f]{64}/) != nil)
    for key in ["architecture", "calibration", "normalization", "preparation", "training"] {
      let text = try #require(metadata[key])
      #expect(try JSONSerialization.jsonObject(with: Data(text.utf8)) is [String: Any], "\(key)")
    }
  }

  @Test func `a model that does not know its training study loads without`() throws {
    var old = model
    old.domain = nil
    try old.save(to: path)
    #expect(try Model(path: path).domain == nil)
    #expect(try Model(path: path).calibrations == model.calibrations)
  }

  @Test func `a model knows what its training study looked like, to the network too`() throws {
    let domain = try #require(model.domain)
    #expect(domain.training.count == model.record.trainingCases)
    #expect(domain.heldOut.count == model.record.heldOutCases.count)
    let residual = try #require(domain.features.firstIndex(of: "residual 1"))
    #expect(domain.training.allSatisfy { $0.values[residual] == nil })
    #expect(domain.heldOut.allSatisfy { $0.values[residual] != nil })
  }

  @Test func `saving the same model twice gives the same bytes`() throws {
    try model.save(to: path)
    let first = try folder.bytes(of: "sub/model.safetensors")
    try model.save(to: path)
    #expect(try folder.bytes(of: "sub/model.safetensors") == first)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/sub") == ["model.safetensors"])
  }

  @Test func `a model that cannot be written says why`() throws {
    try folder.write([0], as: "sub")
    let error = #expect(throws: NormaError.self) { try model.save(to: path) }
    #expect(error?.subject == path)
    #expect(error?.remedy == "Check the folder's permissions and the free space, or choose another --output")
  }

  // MARK: What is no model

  /// What a user would read, without the folder, of a saved model changed in one place.
  private func message(_ change: (inout Safetensors) throws -> Void) throws -> String {
    try model.save(to: path)
    var file = try Safetensors(Data(contentsOf: URL(fileURLWithPath: path)), path: path)
    try change(&file)
    try file.encoded().write(to: URL(fileURLWithPath: path))
    let engine = try Engine()
    do throws(NormaError) {
      _ = try Model(path: path).network(engine: engine, path: path)
      return "no error"
    } catch {
      return error.description.replacingOccurrences(of: folder.path + "/sub/", with: "")
    }
  }

  @Test func `a file that is not there is named`() {
    let error = #expect(throws: NormaError.self) { try Model(path: "/nowhere/model.safetensors") }
    #expect(
      error?.description
        == "/nowhere/model.safetensors: there is no such file. Give a file that `norma train` wrote.")
  }

  @Test(
    arguments: [
      ("format", nil, "it states no format, 'norma' was expected. Give a file that `norma train` wrote."),
      ("format", "pt", "its format is 'pt', 'norma' was expected. Give a file that `norma train` wrote."),
      (
        "format", "norma-checkpoint",
        "its format is 'norma-checkpoint', 'norma' was expected. Give a file that `norma train` wrote."
      ),
      (
        "format_version", "8",
        "its format version is 8, this norma reads version 7. Train anew, or use the norma that wrote it (1.0)."
      ),
      (
        "format_version", nil,
        "its format version is missing, this norma reads version 7. Train anew, or use the norma that wrote it (1.0)."
      ),
      ("calibration", nil, "its metadata lacks 'calibration'. Copy the file again or train anew."),
      ("architecture", "{}", "its metadata 'architecture' cannot be understood. Copy the file again or train anew."),
      ("preparation", "x", "its metadata 'preparation' cannot be understood. Copy the file again or train anew."),
      ("training", "[]", "its metadata 'training' cannot be understood. Copy the file again or train anew."),
    ] as [(String, String?, String)])
  func `metadata that does not suit is named`(key: String, value: String?, expected: String) throws {
    #expect(try message { $0.metadata[key] = value } == "model.safetensors: \(expected)")
  }

  @Test func `missing weights and weights of another shape are named`() throws {
    #expect(try message { _ in } == "no error")
    #expect(
      try message { $0.arrays["output.weight"] = nil }
        == "model.safetensors: it lacks the weights 'output.weight'. Copy the file again or train anew.")
    #expect(
      try message { $0.arrays["output.weight"] = .init(shape: [2], values: [0, 0]) }
        == "model.safetensors: the weights 'output.weight' have shape [2], [4, 8, 1, 1] was expected."
        + " Copy the file again or train anew.")
  }

  @Test(
    arguments: [
      (#""channels":1"#, #""channels":0"#, "0 channels; 1 to 64 are supported"),
      (#""patchSize":48"#, #""patchSize":50"#, "patches of 50 pixels; a multiple of 4 up to 1024 is expected"),
      (
        #""widths":[8,8]"#, #""widths":[8,9]"#,
        "stage widths [8, 9]; 1 to 6 multiples of 8 up to 512 are supported"
      ),
      (
        #""latents":[2,4]"#, #""latents":[2]"#,
        "latent channels [2]; one number from 0 to 256 a stage is expected, above 0 for the last"
      ),
    ])
  func `a network that cannot be built is described`(part: String, changed: String, expected: String) throws {
    let text = try message {
      let before = $0.metadata["architecture"]!
      $0.metadata["architecture"] = before.replacingOccurrences(of: part, with: changed)
      #expect($0.metadata["architecture"] != before)
    }
    #expect(text == "model.safetensors: it describes \(expected). Copy the file again or train anew.")
  }

  /// What would crash or hang later on has to be refused on reading.
  @Test(
    arguments: [
      ("preparation", ["channels"], 2), ("preparation", ["reduction"], 0), ("preparation", ["reduction"], 65),
      ("preparation", ["tissueChannels"], [1]), ("preparation", ["tissueChannels"], [Int]()),
      ("preparation", ["normalization", "method"], ["percentile": ["_0": 150]]),
      ("calibration", ["ensemble", "cases", "values"], [Int]()), ("calibration", ["ensemble", "cases", "scans"], 0),
      ("calibration", ["kl", "minimumRegionArea"], Int.max),
      ("scores", ["members", "residual", "depths"], [0]), ("scores", ["members", "residual", "means"], [[0]]),
      ("scores", ["members", "learned", "deviations"], [[Int]](repeating: [], count: 10)),
      ("scores", ["members", "ssim", "deviations"], [[Int]](repeating: [0], count: 10)),
      ("scores", ["members", "kl", "precision"], [[1, 2]]), ("scores", ["members", "kl", "quantiles"], [1, 2]),
      ("scores", ["members", "residual", "rule", "smoothing"], 1e30), ("scores", ["combined", "means"], [[0]]),
      ("scores", ["rule", "channelWeights"], [1, 0]), ("scores", ["weights"], [String: Double]()),
      ("score_network", ["inputs"], 3),
    ] as [(String, [String], any Sendable)])
  func `a preparation or calibration that would fail later is refused`(
    key: String, place: [String], value: any Sendable
  ) throws {
    #expect(
      try message(setting: place, of: key, to: value)
        == "model.safetensors: its preparation or calibration does not fit its 1 channel."
        + " Copy the file again or train anew.")
  }

  @Test(
    arguments: [
      (["divergenceWeights"], [1]), (["divergenceWeights"], [1, -1]), (["variance"], "pixel"),
      (["likelihood"], "bernoulli"), (["largestSpread"], 0), (["freeNats"], -1),
    ] as [([String], any Sendable)])
  func `an objective that would fail later is refused`(place: [String], value: any Sendable) throws {
    #expect(
      try message(setting: ["objective"] + place, of: "training", to: value)
        == "model.safetensors: its objective does not fit its network. Copy the file again or train anew.")
  }

  @Test func `a model of which no precision is known is scored in f32`() throws {
    var old = model
    old.record.precision = nil
    #expect(old.precision == .float32)
    old.record.precision = .bfloat16
    #expect(old.precision == .fastest)
  }

  /// What `message` says of a model of which one value was changed.
  private func message(setting place: [String], of key: String, to value: any Sendable) throws -> String {
    func changed(_ object: Any, _ place: ArraySlice<String>) throws -> Any {
      guard let name = place.first else { return value }
      var fields = try #require(object as? [String: Any])
      fields[name] = try changed(fields[name] ?? 0, place.dropFirst())
      return fields
    }
    return try message {
      let object = try JSONSerialization.jsonObject(with: Data($0.metadata[key]!.utf8))
      let data = try JSONSerialization.data(withJSONObject: changed(object, place[...]))
      $0.metadata[key] = String(decoding: data, as: UTF8.self)
    }
  }
}
