import Anomaly
import ArgumentParser
import Compute
import Files
import Foundation
import Imaging
import Numerics

struct RepeatSoak: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repeats", abstract: "Train and analyze the same again and again, and compare what comes out.",
    discussion: """
      The same seed and threads have to give the same bits, in whatever order the files were written; another number of
      threads, where sums are added up in another order, nearly the same heatmaps.
      """)

  @Option(help: "Trainings, and analyses, in each precision.")
  var times = 10

  @Option(help: "Folder to work in, which is kept; by default a temporary one.")
  var folder: String?

  @Option(help: "Folder of another file system, which lists files in another order.")
  var elsewhere = "/dev/shm"

  /// Of `z`, between one thread and two: a thousandth of the noise of healthy tissue.
  private static let tolerance: [Precision: Float] = [.float32: 1e-3, .bfloat16: 1e-3]
  private static let scans = 24

  func validate() throws {
    if times < 2 { throw ValidationError("--times is \(times); 2 or more are expected.") }
  }

  func run() throws {
    let folder = self.folder ?? NSTemporaryDirectory() + "norma-soak-\(ProcessInfo.processInfo.processIdentifier)"
    defer { if self.folder == nil { try? FileManager.default.removeItem(atPath: folder) } }
    let study = try SmallStudy(in: folder)
    _ = try study.writeScans(Self.scans, badShare: 0, seed: 1)
    var findings = Findings()
    for precision in Set([.float32, Precision.fastest]).sorted(by: { $0.rawValue > $1.rawValue }) {
      try repeatAll(study, precision, &findings)
    }
    try findings.end()
  }

  private func repeatAll(_ study: SmallStudy, _ precision: Precision, _ findings: inout Findings) throws {
    let name = "\(study.folder)/\(precision.rawValue)"
    func train(_ healthy: String, _ number: String, threads: Int = 1) throws -> Data {
      let path = "\(name)-\(number).safetensors"
      _ = try Norma.succeed(
        [
          "train", healthy, "--output", path, "--epochs", "4", "--held-out", "0.5", "--precision", precision.rawValue,
        ], environment: Self.environment(threads))
      return try Self.content(ofModel: path)
    }
    func analyze(_ scans: String, _ number: String, threads: Int = 1) throws -> ReportFiles {
      let report = "\(name)-\(number)"
      _ = try Norma.succeed(
        ["analyze", scans, "--model", "\(name)-0.safetensors", "--output", report],
        environment: Self.environment(threads))
      return try ReportFiles(of: report)
    }
    let model = try train(study.healthy, "0")
    let others = try (1..<times).count { try train(study.healthy, "\($0)") != model }
    findings.check("\(precision.rawValue) trainings", others == 0, "\(others) of \(times - 1) differ from the first")
    let report = try analyze(study.scans, "0")
    let unlike = try (1..<times).count { try analyze(study.scans, "\($0)") != report }
    findings.check("\(precision.rawValue) analyses", unlike == 0, "\(unlike) of \(times - 1) differ from the first")

    let copy = elsewhere + "/norma-soak-\(ProcessInfo.processInfo.processIdentifier)"
    defer { try? FileManager.default.removeItem(atPath: copy) }
    for part in [study.healthy, study.scans] {
      try Self.copyShuffled(part, to: copy + "/" + FilePath.name(of: part))
    }
    let (shuffled, moved) = (try train(copy + "/healthy", "moved"), try analyze(copy + "/scans", "moved"))
    findings.check(
      "\(precision.rawValue) order of files", shuffled == model && moved == report,
      "the model is \(shuffled == model ? "the same" : "another"), the report \(moved == report ? "the same" : "another")"
    )

    let two = try analyze(study.scans, "two", threads: 2)
    let apart = try report.largestDifference(to: two)
    let bound = Self.tolerance[precision]!
    findings.check(
      "\(precision.rawValue) 1 and 2 threads", apart <= bound,
      "heatmaps differ by up to \(apart) z, \(bound) is borne with" + (two == report ? "; all bits are the same" : ""))
    _ = try train(study.healthy, "two", threads: 2)
    findings.tell("", "weights trained with both differ by up to \(try Self.difference("\(name)-0", "\(name)-two"))")
  }

  /// Threads that wait for each other asleep: awake they take the processors from whatever else runs.
  private static func environment(_ threads: Int) -> [String: String] {
    ["OMP_NUM_THREADS": "\(threads)", "OMP_WAIT_POLICY": "passive"]
  }

  /// All of a model but how long its training took.
  private static func content(ofModel path: String) throws -> Data {
    var model = try Model(path: path)
    model.record.minutes = 0
    try model.save(to: path + ".timeless")
    return try Data(contentsOf: URL(fileURLWithPath: path + ".timeless"))
  }

  private static func difference(_ a: String, _ b: String) throws -> Float {
    let (a, b) = (try Model(path: a + ".safetensors").weights, try Model(path: b + ".safetensors").weights)
    return a.reduce(0) { largest, array in
      zip(array.value.values, b[array.key]!.values).reduce(largest) { max($0, abs($1.0 - $1.1)) }
    }
  }

  /// Copies files one by one in a random order, none with its time.
  private static func copyShuffled(_ folder: String, to target: String) throws {
    let files = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    var random = RandomGenerator(seed: 7)
    for file in files.sorted().shuffled(using: &random) where file.hasSuffix(".tif") {
      try FileManager.default.createDirectory(
        atPath: FilePath.folder(of: "\(target)/\(file)"), withIntermediateDirectories: true)
      try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(file)")).write(
        to: URL(fileURLWithPath: "\(target)/\(file)"))
    }
  }
}

/// What lies in the folders of a report's cases, pages aside, which name the run, and what its index says.
struct ReportFiles: Equatable {
  private var files: [String: Data] = [:]
  private var tables: [String] = []
  private let report: String

  init(of report: String) throws {
    self.report = report
    for case let name as String in FileManager.default.enumerator(atPath: report + "/cases") ?? .init()
    where FilePath.name(of: name) != "index.html" {
      files[name] = FileManager.default.contents(atPath: "\(report)/cases/\(name)")
    }
    for query in [[], ["--regions"]] {
      tables.append(try Norma.succeed(["cases", report, "--sort", "name", "--format", "csv"] + query).output)
    }
  }

  static func == (a: ReportFiles, b: ReportFiles) -> Bool { a.files == b.files && a.tables == b.tables }

  /// Of the heatmaps.
  func largestDifference(to other: ReportFiles) throws -> Float {
    var largest: Float = 0
    for name in files.keys where name.hasSuffix(".heatmap.tif") {
      let (a, b) = (
        try TIFFFile(path: "\(report)/cases/\(name)").image(),
        try TIFFFile(path: "\(other.report)/cases/\(name)").image()
      )
      for (x, y) in zip(a.samples, b.samples) { largest = max(largest, abs(x - y)) }
    }
    return largest
  }
}
