import Compute
import Foundation
import Imaging
import Testing

/// One study trained on and analyzed several times: what may not make a difference makes none, to the bit.
///
/// `soak repeats` does the same ten times in each precision.
@Suite struct RepeatTests {
  /// A study in two folders, written in opposite orders, with other times.
  private final class Twins: Sendable {
    let folder: TemporaryFolder
    static let shared = Result { try Twins() }

    private init() throws {
      folder = try TemporaryFolder()
      let names = (0..<6).flatMap { k in
        ["healthy/case\(k)/a.tif", "patients/case\(k)/a.tif", "patients/case\(k)/b.tif"]
      }
      for name in names { try folder.writeScan(name) }
      for name in names.reversed() {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.file(name)))
        try folder.write(bytes, to: "copy/\(name)")
        try FileManager.default.setAttributes(
          [.modificationDate: Date(timeIntervalSince1970: 1e9)], ofItemAtPath: folder.file("copy/\(name)"))
      }
      for (study, model) in [("healthy", "first"), ("healthy", "second"), ("copy/healthy", "copy")] {
        let trained = try train(study, model, threads: 1)
        try #require(trained.status == 0, "\(trained.errors)")
      }
    }

    func train(_ study: String, _ model: String, threads: Int) throws -> Program.Result {
      try Program.run(
        ["train", study, "--output", "\(model).safetensors", "--epochs", "6", "--held-out", "0.5"], in: folder,
        environment: RepeatTests.environment(threads))
    }

    func report(_ study: String, _ name: String, threads: Int = 1) throws -> ReportContents {
      let result = try Program.run(
        ["analyze", study, "--model", "first.safetensors", "--output", name], in: folder,
        environment: RepeatTests.environment(threads))
      try #require(result.status == 0, "\(result.errors)")
      return try ReportContents(of: folder.file(name))
    }

    /// Numbers of a model file, behind its texts.
    func weights(_ model: String) throws -> Data {
      let data = try Data(contentsOf: URL(fileURLWithPath: folder.file("\(model).safetensors")))
      return data.dropFirst(8 + data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) })
    }
  }

  private static func environment(_ threads: Int) -> [String: String] {
    ["OMP_NUM_THREADS": "\(threads)", "OMP_WAIT_POLICY": "passive"]
  }

  @Test func `the same training gives the same weights, in whatever order the scans were written`() throws {
    let twins = try Twins.shared.get()
    let first = try twins.weights("first")
    #expect(try twins.weights("second") == first)
    #expect(try twins.weights("copy") == first)
  }

  @Test func `the same analysis gives the same report, in whatever order the scans were written`() throws {
    let twins = try Twins.shared.get()
    let first = try twins.report("patients", "first")
    #expect(!first.files.isEmpty && !(first.rows["scans"] ?? []).isEmpty)
    #expect(try twins.report("patients", "second") == first)
    #expect(try twins.report("copy/patients", "copied") == first)
  }

  /// The parts of a batch, and what is summed over them, do not depend on how many threads there are.
  @Test(arguments: [2, 5]) func `any number of threads gives the same weights`(threads: Int) throws {
    let twins = try Twins.shared.get()
    let trained = try twins.train("healthy", "threads\(threads)", threads: threads)
    try #require(trained.status == 0, "\(trained.errors)")
    #expect(try twins.weights("threads\(threads)") == twins.weights("first"))
  }

  @Test func `one thread and three give the same heatmaps`() throws {
    let twins = try Twins.shared.get()
    _ = try twins.report("patients", "one")
    _ = try twins.report("patients", "three", threads: 3)
    for k in 0..<6 {
      let maps = try ["one", "three"].map {
        try TIFFFile(path: twins.folder.file("\($0)/cases/case\(k)/a.heatmap.tif")).image().samples.map(\.bitPattern)
      }
      #expect(maps[0] == maps[1], "case \(k)")
    }
  }
}
