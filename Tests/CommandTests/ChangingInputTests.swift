import Compute
import Foundation
import Numerics
import Testing

/// Studies that change under the program.
struct ChangingInputTests {
  let batch: LongBatch
  var folder: TemporaryFolder { batch.folder }
  let name = "changing-\(UUID().uuidString)"

  init() throws {
    batch = try LongBatch.shared.get()
    try FileManager.default.createDirectory(atPath: folder.file(name), withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: folder.file("patients"), toPath: folder.file(study))
  }

  private var study: String { name + "/study" }
  private var report: String { name + "/report" }
  private var analyze: [String] { ["analyze", study, "--model", "model.safetensors", "--output", report] }

  /// The report is that of a run that nothing happened to.
  private func expectWhole(_ place: SourceLocation = #_sourceLocation) throws {
    let again = try Program.run(analyze, in: folder)
    #expect(again.status == 0, "\(again.errors)", sourceLocation: place)
    let (found, whole) = (try ReportContents(of: folder.file(report)), try ReportContents(of: folder.file("whole")))
    #expect(found == whole, sourceLocation: place)
  }

  @Test func `a study that vanishes fails scan by scan, and is scored when it is back`() throws {
    let running = try Program.start(analyze, in: folder)
    #expect(running.wait { batch.hasBegun(report) })
    rename(folder.file(study), folder.file(study + "-away"))
    let result = try running.wait()
    #expect(result.status == 1)
    #expect(try ReportContents.cases(of: folder.file(report)) == LongBatch.cases)
    #expect(
      result.errors.contains(
        "failed: \(study)/case9/slice2.tif: the file cannot be opened: No such file or directory. Check the path and its "
          + "rights.\n"))
    #expect(try Program.run("verify", report, in: folder).status == 0)
    rename(folder.file(study + "-away"), folder.file(study))
    try expectWhole()
  }

  /// Where a file is mapped into memory, reading past its new end would kill the program.
  @Test func `scans that are cut off and written anew while they are read cost nothing but themselves`() throws {
    var random = RandomGenerator(seed: 4)
    let files = (0..<LongBatch.cases).flatMap { k in (0..<3).map { folder.file("\(study)/case\(k)/slice\($0).tif") } }
    let contents = try files.map { try Data(contentsOf: URL(fileURLWithPath: $0)) }
    let running = try Program.start(analyze, in: folder)
    _ = running.wait {
      let k = Int(random.next() % UInt64(files.count))
      truncate(files[k], Int(random.next() % UInt64(contents[k].count)))
      let file = open(files[k], O_WRONLY)
      _ = contents[k].withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
      close(file)
      return false
    }
    let result = try running.wait()
    #expect(result.status == 0 || result.status == 1, "\(result.errors)")
    #expect(try ReportContents.integrity(of: folder.file(report)) == ["ok"])
    for line in result.errors.split(separator: "\n") where line.hasPrefix("failed: ") {
      #expect(line.hasPrefix("failed: \(study)/case") && line.hasSuffix("."))
    }
    for (file, data) in zip(files, contents) { try data.write(to: URL(fileURLWithPath: file)) }
    try expectWhole()
  }
}
