import Compute
import Foundation
import Numerics
import Testing

@Suite(.enabled(if: SmallDisk.lack == nil, SmallDisk.lack ?? ""))
struct FullDiskTests {
  let batch: LongBatch
  var folder: TemporaryFolder { batch.folder }
  let disk: SmallDisk

  init() throws {
    batch = try LongBatch.shared.get()
    disk = try SmallDisk(in: batch.folder, name: "disk-\(UUID().uuidString)", kibibytes: 32 << 10)
  }

  private var name: String { (disk.path as NSString).lastPathComponent }
  private var report: String { name + "/report" }

  /// One sentence that says what to do, and no more, beside warnings about a model trained for a few steps on a few cases.
  private func expectSentence(_ result: Program.Result, _ place: SourceLocation = #_sourceLocation) {
    #expect(result.status == 1, "\(result.errors)", sourceLocation: place)
    let lines = result.errors.split(separator: "\n").filter { !$0.contains(" % ") && !$0.hasPrefix("warning: ") }
    #expect(lines.count == 1 && lines.first?.hasPrefix("norma: \(name)/") == true, "\(lines)", sourceLocation: place)
    let isNamed = lines.first?.contains(/the disk is full|disk I\/O error/) == true
    #expect(isNamed && lines.first?.contains(/[Ss]pace/) == true, "\(lines)", sourceLocation: place)
  }

  /// From nothing to what is enough for most of the cases, each time another sum of the sizes that files are rounded
  /// to.
  @Test func `a batch that fills the disk says so, and goes on where it stopped once there is space`() throws {
    var random = RandomGenerator(seed: 3)
    let rounds = ProcessInfo.processInfo.environment["NORMA_FILLS"].flatMap { Int($0) } ?? 8
    let whole = try ReportContents(of: folder.file("whole"))
    // The smallest are for the index alone.
    let levels = (0..<rounds).map { $0 < 4 ? 4 * (1 + 8 * $0) : 4 * Int(random.uniform(40, 1000)) }
    for level in levels {
      try disk.fill(leaving: level)
      expectSentence(try Program.run(LongBatch.analyze(to: report), in: folder))
      try disk.empty()
      if FileManager.default.fileExists(atPath: folder.file(report + "/cases.sqlite")) {
        let integrity = try ReportContents.integrity(of: folder.file(report))
        #expect(integrity == ["ok"], "\(level) KiB")
      }
      let again = try Program.run(LongBatch.analyze(to: report), in: folder)
      #expect(again.status == 0, "\(level) KiB: \(again.errors)")
      let contents = try ReportContents(of: folder.file(report))
      #expect(contents == whole, "\(level) KiB")
      let left = try FileManager.default.contentsOfDirectory(atPath: folder.file(report)).sorted()
      #expect(left == ["assets", "cases", "cases.sqlite", "index.html", "ro-crate-metadata.json"], "\(level) KiB")
      try FileManager.default.removeItem(atPath: folder.file(report))
    }
  }

  @Test func `what a report had stays readable while the disk is full`() throws {
    try FileManager.default.copyItem(atPath: folder.file("whole"), toPath: folder.file(report))
    try disk.fill(leaving: 0)
    expectSentence(try Program.run(LongBatch.analyze(to: report) + ["--false-positive-rate", "0.3"], in: folder))
    expectSentence(try Program.run("report", report, in: folder))
    for format in ["geojson", "csv", "coco", "mask", "imagej"] {
      expectSentence(try Program.run("export", report, "--format", format, "--output", name + "/exports", in: folder))
    }
    #expect(try Program.run("cases", report, in: folder).status == 0)
    let verified = try Program.run("verify", report, in: folder)
    #expect(verified.status == 0, "\(verified.output)")
    try disk.empty()
    #expect(try Program.run("report", report, in: folder).status == 0)
    #expect(try Program.run("verify", report, in: folder).status == 0)
  }

  @Test func `a training that cannot keep its model keeps what it has learned, and goes on once there is space`() throws
  {
    let model = name + "/m.safetensors"
    let weights = try batch.weights("model.safetensors")
    let arguments = ["train", "healthy", "--output", model] + LongBatch.training
    // Room for a checkpoint, not for another one or the model beside it.
    let checkpoint = try checkpointSize(arguments)
    try disk.fill(leaving: checkpoint + 1024)
    let full = try Program.run(arguments, in: folder)
    #expect(full.status == 1)
    #expect(
      full.errors.hasSuffix(
        "norma: \(model): the disk is full; training is kept in \(model).checkpoint. "
          + "Check the folder's permissions and the free space, then run the same command again with --resume.\n"),
      "\(full.errors)")
    try disk.empty()
    let again = try Program.run(arguments + ["--resume"], in: folder)
    #expect(again.status == 0, "\(again.errors)")
    #expect(try batch.weights(model) == weights)
    let left = try FileManager.default.contentsOfDirectory(atPath: disk.path)
    #expect(left == ["m.safetensors"])
  }

  @Test func `a disk without room for a checkpoint does not stop the training, and a full one costs no model`() throws {
    let model = name + "/m.safetensors"
    try disk.fill(leaving: 16)
    let full = try Program.run(["train", "healthy", "--output", model] + LongBatch.training, in: folder)
    #expect(full.status == 1)
    #expect(full.errors.contains("no checkpoint was kept: \(model).checkpoint: the disk is full"))
    #expect(
      full.errors.contains(
        "norma: \(model): the disk is full. Check the folder's permissions and the "
          + "free space, or choose another --output.\n"), "\(full.errors)")
    let left = try FileManager.default.contentsOfDirectory(atPath: disk.path).filter { $0 != "fill" }
    #expect(left == [])
  }

  @Test(arguments: ["sample", "edit", "model"])
  func `pictures that do not fit are told of`(command: String) throws {
    let output = name + "/pictures"
    let arguments = [
      "sample": ["sample", "model.safetensors", "--count", "4", "--output", output],
      "edit": ["edit", "model.safetensors", "patients/case0/slice0.tif", "--restore", "--output", output],
      "model": ["model", "model.safetensors", "--output", output],
    ]
    try disk.fill(leaving: 8)
    expectSentence(try Program.run(arguments[command]!, in: folder))
  }

  /// In KiB.
  private func checkpointSize(_ arguments: [String]) throws -> Int {
    let running = try Program.start(arguments, in: folder)
    let path = disk.path + "/m.safetensors.checkpoint"
    #expect(running.wait { FileManager.default.fileExists(atPath: path) })
    let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
    running.send(SIGKILL)
    _ = try running.wait()
    for file in try FileManager.default.contentsOfDirectory(atPath: disk.path) {
      try FileManager.default.removeItem(atPath: disk.path + "/" + file)
    }
    return size / 1024
  }
}
