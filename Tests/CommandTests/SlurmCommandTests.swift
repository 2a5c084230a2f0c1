import Anomaly
import Files
import Foundation
import Testing

/// What is written for Slurm; `Tests/Cluster/slurm` runs it on one.
@Suite struct SlurmCommandTests {
  let batch: LongBatch

  init() throws { batch = try LongBatch.shared.get() }

  private func plan(_ options: String...) throws -> Program.Result {
    try Program.run(
      ["slurm", "patients", "--model", "model.safetensors", "--output", "it's here", "--nodes", "2"] + options,
      in: batch.folder)
  }

  @Test func `a dry run prints scripts that a shell accepts, and writes nothing`() throws {
    let result = try plan("--shards", "5", "--dry-run", "--partition=long", "--", "--keep", "residual")
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.output.contains("sbatch --partition=long --array=1-5%2"))
    #expect(result.output.contains("--shard \"$SLURM_ARRAY_TASK_ID/5\""))
    #expect(result.output.contains("--keep residual"))
    #expect(result.output.contains("it'\\''s here'"))
    #expect(!FileManager.default.fileExists(atPath: batch.folder.file("it's here")))
    let shell = Process()
    shell.executableURL = URL(fileURLWithPath: "/bin/bash")
    shell.arguments = ["-n", "-c", result.output]
    try shell.run()
    shell.waitUntilExit()
    #expect(shell.terminationStatus == 0)
  }

  @Test func `a choice of cases goes to every shard, and is checked before`() throws {
    let name = try #require(try Study(path: batch.folder.file("patients")).cases.first?.name)
    try Data("\(name)\n".utf8).write(to: URL(fileURLWithPath: batch.folder.file("list.txt")))
    let result = try plan("--dry-run", "--", "--cases", "list.txt", "--exclude", "*_old.tif")
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.output.contains("--cases \(FilePath.resolved(batch.folder.file("list.txt")))"), "\(result.output)")
    #expect(result.output.contains("--exclude '*_old.tif'"))
    try Data("nobody\n".utf8).write(to: URL(fileURLWithPath: batch.folder.file("list.txt")))
    let unknown = try plan("--dry-run", "--", "--cases=list.txt")
    #expect(unknown.status == 1 && unknown.errors.contains("it has no case 'nobody'"), "\(unknown.errors)")
  }

  @Test(arguments: [
    (["--", "--keep", "nonsense"], "nonsense"), (["stray"], "'stray' is not understood"),
    (["--array=1-3"], "--array is set by norma itself"), (["--shards", "0"], "--shards is 0"),
    (["--cancel-on-interrupt"], "--cancel-on-interrupt needs --wait"),
  ])
  func `options that cannot be meant are refused before anything is submitted`(options: [String], word: String) throws {
    let result = try Program.run(
      ["slurm", "patients", "--model", "model.safetensors", "--output", "refused", "--nodes", "2"] + options,
      in: batch.folder)
    #expect(result.status == 2)
    #expect(result.errors.contains(word), "\(result.errors)")
  }
}
