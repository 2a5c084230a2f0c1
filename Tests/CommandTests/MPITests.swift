import Anomaly
import Foundation
import Testing

private let mpirun = ["/usr/bin/mpirun", "/usr/local/bin/mpirun"].first {
  FileManager.default.isExecutableFile(atPath: $0)
}

/// Trainings over several processes, beside the same in one.
@Suite(.enabled(if: mpirun != nil, "skipped: mpirun is not installed; run .ci/setup openmpi-bin"))
struct MPITests {
  let batch: LongBatch
  var folder: TemporaryFolder { batch.folder }
  /// Sums over processes are rounded in another order, which a hundred steps of Adam make more of.
  private static let tolerance = 5e-3
  private static let options = [
    "--epochs", "200", "--batch-size", "4", "--precision", "f32", "--held-out", "0.5", "--checkpoint-every", "0.05",
  ]

  init() throws { batch = try LongBatch.shared.get() }

  private func command(_ output: String) -> [String] { ["train", "healthy", "--output", output] + Self.options }

  private func launcher(_ count: Int) -> [String] {
    [mpirun!, "--allow-run-as-root", "--oversubscribe", "-n", "\(count)"]
  }

  /// The curve of the loss, and that of a training in one process.
  private func compare(_ output: String) throws {
    let alone = "alone.safetensors"
    if !FileManager.default.fileExists(atPath: folder.file(alone)) {
      let result = try Program.run(command(alone), in: folder)
      try #require(result.status == 0, "\(result.errors)")
    }
    let (found, expected) = (try Model(path: folder.file(output)).record, try Model(path: folder.file(alone)).record)
    #expect(found.steps == expected.steps && found.scoreSteps == expected.scoreSteps)
    let (checks, expectedChecks) = (try #require(found.history), try #require(expected.history))
    #expect(checks.map(\.step) == expectedChecks.map(\.step))
    let losses = zip(checks.map(\.heldOutLoss), expectedChecks.map(\.heldOutLoss))
    let largest = losses.map { abs($0 - $1) / max(1, abs($1)) }.max() ?? .infinity
    #expect(largest < Self.tolerance, "\(largest)")
  }

  private func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: folder.file(name)) }

  @Test(arguments: [2, 3]) func `several processes learn what one does`(count: Int) throws {
    let output = "ranks\(count).safetensors"
    let result = try Program.run(command(output), in: folder, through: launcher(count))
    try #require(result.status == 0, "\(result.errors)")
    #expect(result.errors.split(separator: "\n").count { $0.hasPrefix("learning from") } == 1)
    #expect(result.output.split(separator: "\n").count { $0.hasPrefix("model ") } == 1)
    #expect(!exists(output + ".checkpoint") && !exists(output + ".lock"))
    try compare(output)
  }

  /// `mpirun` takes its time before it passes a signal on: what it ends has to be long.
  @Test func `a training over two processes that is stopped goes on in one`() throws {
    let output = "stopped-ranks.safetensors"
    // Tests run on threads that hear no signals, which `mpirun` would inherit.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGTERM)
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    let command = command(output) + ["--score-share", "0"]
    let running = try Program.start(command + ["--epochs", "100000"], in: folder, through: launcher(2))
    #expect(running.wait { exists(output + ".checkpoint") })
    running.send(SIGTERM)
    let stopped = try running.wait()
    #expect(stopped.status != 0)
    #expect(
      stopped.errors.contains(
        "norma: \(output): training was stopped by SIGTERM; all of it is kept in \(output).checkpoint. "
          + "Run the same command again with --resume to go on.\n"), "\(stopped.errors)")
    #expect(!exists(output))
    let resumed = try Program.run(command + ["--resume"], in: folder)
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(exists(output) && !exists(output + ".checkpoint"))
  }

  @Test(arguments: [0, 1]) func `a process that is killed ends all, and its work is gone on with`(rank: Int) throws {
    let output = "killed\(rank).safetensors"
    let running = try Program.start(command(output), in: folder, through: launcher(2))
    #expect(running.wait { exists(output + ".checkpoint") })
    let victim = try #require(try process(rank, training: output))
    kill(victim, SIGKILL)
    let result = try running.wait()
    #expect(result.status != 0)
    #expect(
      result.errors.contains(
        "norma: \(output): training was stopped, since of its 2 processes number \(rank) ended before the others. "
          + "What was learned is kept in \(output).checkpoint: run the same command again with --resume to go on.\n"),
      "\(result.errors)")
    #expect(!exists(output))
    let others = rank == 0 ? launcher(3) : []
    let resumed = try Program.run(command(output) + ["--resume"], in: folder, through: others)
    try #require(resumed.status == 0, "\(resumed.errors)")
    try compare(output)
  }

  @Test func `what all processes find wrong is said once`() throws {
    let missing = try Program.run(["train", "nothing", "--output", "n.safetensors"], in: folder, through: launcher(2))
    let alone = try Program.run(["train", "nothing", "--output", "n.safetensors"], in: folder)
    #expect(missing.status == alone.status)
    #expect(missing.errors.components(separatedBy: alone.errors).count == 2, "\(missing.errors)")
    let few = try Program.run(
      ["train", "healthy", "--output", "n.safetensors", "--batch-size", "1"], in: folder, through: launcher(2))
    #expect(few.status == 2)
    #expect(
      few.errors.components(
        separatedBy: "norma was started as 2 processes, which share batches of 1 patch (--batch-size), and of 16 for "
          + "the score; start 1 process or fewer."
      ).count == 2, "\(few.errors)")
  }

  /// The number of a process that `mpirun` started, by the command line and environment the system shows.
  private func process(_ rank: Int, training output: String) throws -> Int32? {
    for entry in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
      guard let number = Int32(entry),
        let line = try? String(contentsOfFile: "/proc/\(entry)/cmdline", encoding: .utf8), line.contains(output),
        let environment = try? String(contentsOfFile: "/proc/\(entry)/environ", encoding: .utf8)
      else { continue }
      if environment.split(separator: "\0").contains("OMPI_COMM_WORLD_RANK=\(rank)") { return number }
    }
    return nil
  }
}

@Test func `a process that was started as one of several and finds nobody says so`() throws {
  let folder = try TemporaryFolder()
  let result = try Program.run(
    ["train", "healthy", "--output", "model.safetensors"], in: folder, environment: ["OMPI_COMM_WORLD_SIZE": "2"])
  #expect(result.status == 1)
  #expect(
    result.errors.hasPrefix(
      "norma: model.safetensors: the processes that mpirun or srun started cannot work together ("), "\(result.errors)")
}
